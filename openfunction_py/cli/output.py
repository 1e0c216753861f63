"""What a person reads: tables, documents, progress and errors.

Data goes to standard output, talk to standard error; nothing else in the package prints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def data(text: str) -> None:
    """One line of data."""
    print(text, flush=True)


def raw(body: bytes) -> None:
    """Bytes as they came."""
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def talk(text: str) -> None:
    """A sentence beside the data: progress, hints, warnings."""
    print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as kubectl aligns them: upper case header, three spaces between."""
    cells = [
        [column.upper() for column in header],
        *[["" if v is None else str(v) for v in row] for row in rows],
    ]
    widths = [max(len(row[index]) for row in cells) for index in range(len(header))]
    for row in cells:
        data("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def document(value: object, form: str) -> None:
    """An object as json or yaml."""
    if form == "json":
        data(json.dumps(value, indent=2))
        return
    import yaml  # noqa: PLC0415 - only this form needs it

    print(yaml.safe_dump(value, sort_keys=False), end="", flush=True)
