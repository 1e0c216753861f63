"""What functions wrote into a file of the test: one line per handled event, its id and the pid that handled it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# The function appends by one write, so a line is there whole or not at all, whoever is killed.
NOTE = """
import os

FILE = os.open({path!r}, os.O_WRONLY | os.O_APPEND)


def note(event):
    os.write(FILE, f"{{event}} {{os.getpid()}}\\n".encode())
"""


class Ledger:
    """A file that functions append to; it outlives the platform."""

    def __init__(self, folder: Path) -> None:
        """Make the file in a folder that instances may pass through."""
        folder.chmod(0o711)
        self.path = folder / "handled"
        self.path.touch()
        self.path.chmod(0o666)

    def code(self) -> str:
        """The source of `note(id)`, for a function."""
        return NOTE.format(path=str(self.path))

    def counted(self, prefix: str) -> Counter[str]:
        """How often each event was handled whose id begins so."""
        ids = (line.split()[0] for line in self.path.read_text().splitlines())
        return Counter(one for one in ids if one.startswith(prefix))

    def last_pid(self) -> int:
        """The process that handled the latest event."""
        return int(self.path.read_text().splitlines()[-1].split()[1])


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of the events of one kill; all are numbers of events, `sent` counts every attempt."""

    sent: int
    acknowledged: int
    handled: int
    lost: int
    repeated: int

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.sent + other.sent,
            self.acknowledged + other.acknowledged,
            self.handled + other.handled,
            self.lost + other.lost,
            self.repeated + other.repeated,
        )

    def __str__(self) -> str:
        return (
            f"sent {self.sent}, acknowledged {self.acknowledged}, handled {self.handled}, "
            f"lost {self.lost}, repeated {self.repeated}"
        )


def figures(sent: int, acknowledged: set[str], handled: Counter[str]) -> Figures:
    """Compare what the producer was told with what functions wrote; what was never acknowledged is not lost."""
    lost = acknowledged - set(handled)
    repeated = handled.total() - len(handled)
    return Figures(sent, len(acknowledged), len(handled), len(lost), repeated)


def folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a ledger, removed at the end of a `with`."""
    return tempfile.TemporaryDirectory(prefix="ofn-fault-")
