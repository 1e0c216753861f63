"""What a run of the bench measures: which parts, which functions, how often.

It reads words of a command line and refuses unknown ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

FUNCTIONS = ("hello", "digits")


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts in their order, functions, rounds."""

    parts: tuple[str, ...]
    functions: tuple[str, ...]
    rounds: int


def read(words: Sequence[str], parts: Sequence[str], *, default: Sequence[str]) -> Plan:
    """Read the command line; ends the process with a sentence when a word is unknown."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}")
    parser.add_argument(
        "--function", action="append", choices=FUNCTIONS, help="only this one; both when left out"
    )
    parser.add_argument("--rounds", type=int, default=7, help="samples of each side")
    options = parser.parse_args(words)
    unknown = [word for word in options.parts if word not in parts]
    if unknown:
        parser.error(f"no part called {', '.join(unknown)}; there are {', '.join(parts)}")
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return Plan(tuple(options.parts or default), tuple(options.function or FUNCTIONS), options.rounds)
