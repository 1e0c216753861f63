"""What became of each event, step by step: bounded records in append-only files, and the story of one event.

A record that a crash swallows is lost; the journal tells, it decides nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Final

import orjson

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock
from openfunction_eventing.documents import Journal as Settings

# Old records leave a segment at a time: an eighth of all that is kept.
_SEGMENTS: Final = 8
STEPS: Final = (
    "received", "filtered", "waiting", "matched", "attempt", "delivered", "replied", "dead_lettered", "dropped",
    "refused",
    "acknowledged",
)  # fmt: skip
Value = str | int | float | bool | Mapping[str, str]
Detail = Mapping[str, Value]


@dataclass(slots=True)  # as envelope.Message
class Record:
    """One step of one event; `at` in seconds since the epoch, `detail` as the step needs it."""

    event_id: str
    source: str
    type: str
    at: float
    step: str
    detail: Detail = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The record as JSON values; `time` is `at` for people."""
        return {**self.line(), "time": clock.timestamp(self.at)}

    def line(self) -> dict[str, object]:
        """The record as it is kept; `id` comes first, as stories are found by it."""
        return {
            "id": self.event_id,
            "source": self.source,
            "type": self.type,
            "at": self.at,
            "step": self.step,
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Record:
        """The record of a line that `to_json` gave."""
        name, source, kind, step = (str(document[key]) for key in ("id", "source", "type", "step"))
        detail = document["detail"]
        return cls(
            name, source, kind, float(str(document["at"])), step, detail if isinstance(detail, dict) else {}
        )


def of(event: CloudEvent, at: float, step: str, **detail: Value) -> Record:
    """The record of a step of an event."""
    return Record(str(event["id"]), str(event["source"]), str(event["type"]), at, step, detail)


class Journal:
    """Records of one process, in memory or in a folder; written once per turn of the loop."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep what the settings say; segments that are in the folder already count as kept."""
        self._settings = settings or Settings()
        self._pending: list[Record] = []
        self._kept: deque[_Segment] = deque()
        self._number = 0
        if self._settings.folder:
            folder = Path(self._settings.folder)
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("journal-*.jsonl")):
                self._kept.append(_Segment.found(path))
                self._number = int(path.stem.removeprefix("journal-"))

    def add(self, record: Record) -> None:
        """Keep a record."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append(record)

    def flush(self) -> None:
        """Write what was added."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        lines = [orjson.dumps(record.line()) + b"\n" for record in pending]
        segment = self._segment()
        segment.append(lines, pending[-1].at)
        self.trim(pending[-1].at)

    def close(self) -> None:
        """Write what was added and let go of the file."""
        self.flush()
        if self._kept:
            self._kept[-1].rest()

    def _segment(self) -> _Segment:
        share = self._settings
        if self._kept:
            last = self._kept[-1]
            if last.size < share.size // _SEGMENTS and last.records < max(1, share.records // _SEGMENTS):
                return last
            last.rest()
        self._number += 1
        folder = Path(share.folder) if share.folder else None
        made = _Segment(folder / f"journal-{self._number:010d}.jsonl" if folder else None)
        self._kept.append(made)
        return made

    def trim(self, now: float) -> None:
        """Let go of the oldest segments above the bounds; the one that is written to stays."""
        bounds = self._settings
        while len(self._kept) > 1 and (
            sum(one.size for one in self._kept) > bounds.size
            or sum(one.records for one in self._kept) > bounds.records
            or self._kept[0].last < now - bounds.age
        ):
            self._kept.popleft().remove()

    def story(self, event_id: str) -> list[Record]:
        """Every record that is kept of the events of an id, oldest first; two sources may use one id."""
        self.flush()
        wanted = b'"id":' + orjson.dumps(event_id) + b","
        return [record for segment in self._kept for record in segment.find(wanted)]


class _Segment:
    """Records that go together."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines = bytearray()
        self._file: FileIO | None = None  # open while it is written to; opening one for each turn is dear
        self.size = 0
        self.records = 0
        self.last = 0.0

    @classmethod
    def found(cls, path: Path) -> _Segment:
        made = cls(path)
        made.size = path.stat().st_size
        made.records = path.read_bytes().count(b"\n")
        made.last = path.stat().st_mtime
        return made

    def append(self, lines: list[bytes], at: float) -> None:
        together = b"".join(lines)
        if self._path is None:
            self._lines += together
        else:
            self._file = self._file or self._path.open("ab", buffering=0)
            self._file.write(together)
        self.size += len(together)
        self.records += len(lines)
        self.last = at

    def find(self, wanted: bytes) -> list[Record]:
        body = bytes(self._lines) if self._path is None else self._path.read_bytes()
        found: list[Record] = []
        place = body.find(wanted)
        while place >= 0:
            start, end = body.rfind(b"\n", 0, place) + 1, body.find(b"\n", place)
            # A line that a crash cut short has no end; the next writer's line begins in it.
            found += _record(body[start : end if end >= 0 else len(body)], wanted)
            place = body.find(wanted, max(end, place + 1))
        return found

    def rest(self) -> None:
        """Nothing more is written to it for now."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        self.rest()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _record(line: bytes, wanted: bytes) -> list[Record]:
    begin = line.rfind(b"{" + wanted)
    if begin < 0:
        return []
    try:
        return [Record.from_json(orjson.loads(line[begin:]))]
    except (ValueError, KeyError):
        return []
