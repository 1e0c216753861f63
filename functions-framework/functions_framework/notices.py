"""What a process of the framework says on stderr, and that it serves on when nobody is there to hear it.

It says nothing of requests; those are the log's.
"""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

PREFIX: Final = "functions_framework: "


def ensure_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed, or a socket would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest number that is free, which is this one
    if sys.stdout is None:
        sys.stdout = _nowhere(1)
    if sys.stderr is None:
        sys.stderr = _nowhere(2)


def tell(sentence: str) -> None:
    """Write one line to stderr, at once."""
    write(f"{PREFIX}{sentence}\n")


def write(text: str) -> None:
    """Write text to stderr, at once; a stderr that cannot be written to is no reason to end."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except BrokenPipeError:
        _hush(2)
    except OSError:  # such as a disk that is full, and may have room later
        return


def flush() -> None:
    """Write out what stdout and stderr hold, so that a fork does not write it again."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            _hush(number)
        except OSError:  # as above
            continue


def _hush(number: int) -> None:
    """Whoever read this has gone for good: what is written from now on goes nowhere, and raises nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _nowhere(number: int) -> TextIO:
    return os.fdopen(number, "w", closefd=False)
