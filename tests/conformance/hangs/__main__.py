"""Prints the figures: `python -m tests.conformance.hangs [threads]`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance.hangs.run import TIMEOUT, Command, Outcome, hang

KINDS = (
    "def/spin", "def/sleep", "def/held", "async/spin", "async/sleep", "async/held", "def/stubborn", "def/burn",
)  # fmt: skip


def line(outcome: Outcome) -> str:
    """One row of the table."""
    statuses = ", ".join(f"{count}x {status}" for status, count in sorted(outcome.statuses.items()))
    beside = max(seconds for _, seconds, _ in outcome.beside)
    same = "same worker" if all(same for _, _, same in outcome.beside) else "another worker or none"
    codes = sorted({status for status, _, _ in outcome.beside})
    return (
        f"{outcome.kind:13} {statuses:16} slowest {outcome.slowest:5.2f} s | "
        f"beside {codes} {beside:5.2f} s {same:22} | "
        f"next {outcome.after[0]} after {outcome.after[1]:5.2f} s | cpu {outcome.cpu:4.2f} s"
    )


async def main(threads: int) -> None:
    """One row for each kind, on one command."""
    print(f"timeout {TIMEOUT:g} s, {threads} threads, {threads + 1} callers of each kind")
    with tempfile.TemporaryDirectory() as folder:
        command = Command(Path(folder), threads=threads)
        try:
            await command.ready()
            for kind in sys.argv[2:] or KINDS:
                print(line(await hang(command, kind, callers=threads + 1)), flush=True)
        finally:
            print(f"exit code {command.stop()} after SIGTERM")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 64))
