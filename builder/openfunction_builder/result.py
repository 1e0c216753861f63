"""What became of a build, small enough for a container's termination message.

It never holds more than fits there: a long message loses its middle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

LIMIT = 4096
MESSAGE_LIMIT = 1600


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The image that was made, or the reason why there is none.

    `lock` is the digest of the resolved requirements; `sources` has the shape of a BuildRun's status.sources.
    """

    digest: str = ""
    size: int = 0
    lock: str = ""
    sources: Sequence[Mapping[str, Any]] = ()
    processes: Sequence[str] = ()
    reason: str = ""
    message: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The wire form, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> BuildResult:
        """Read the wire form; unknown fields are left out."""
        return cls(**{name: value[name] for name in cls.__slots__ if name in value})

    def encode(self, limit: int = LIMIT) -> bytes:
        """The wire form as JSON of at most `limit` bytes."""
        document = self.to_json()
        for dropped in ("", "labels", "sources"):
            document.pop(dropped, None)
            document["message"] = shorten(self.message, MESSAGE_LIMIT)
            encoded = _dump(document)
            while len(encoded) > limit and len(document["message"]) > 80:
                document["message"] = shorten(document["message"], len(document["message"]) // 2)
                encoded = _dump(document)
            if len(encoded) <= limit:
                break
        return encoded


def _dump(document: Mapping[str, Any]) -> bytes:
    present = {name: value for name, value in document.items() if value}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()


def shorten(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half].rstrip()}\n…\n{text[-half:].lstrip()}"
