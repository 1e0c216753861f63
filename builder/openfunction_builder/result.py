"""What a build came to: a digest, or a reason.

A value of at most 4096 bytes as JSON, the size of a termination message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LARGEST = 4096


@dataclass(frozen=True, slots=True)
class BuildResult:
    """Success has a digest and no reason; failure has a reason and a message. Size in bytes; lock is its digest."""

    digest: str = ""
    size: int = 0
    lock: str = ""
    sources: tuple[Mapping[str, Any], ...] = ()
    processes: tuple[str, ...] = field(default=())
    reason: str = ""
    message: str = ""

    def to_json(self) -> str:
        """The result as JSON; a long message keeps its end, where the decisive lines are."""
        value = {key: part for key, part in asdict(self).items() if part}
        text = json.dumps(value)
        while len(text.encode()) > LARGEST and value.get("message"):
            cut = len(text.encode()) - LARGEST + 8
            value["message"] = "…" + str(value["message"])[cut:] if cut < len(str(value["message"])) else ""
            text = json.dumps(value, ensure_ascii=False)
        return text

    @classmethod
    def from_json(cls, text: str) -> BuildResult:
        """Read a result.

        Raises:
            ValueError: the text is no result.
        """
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("a build result is an object")  # noqa: TRY004 - the content is wrong, not the call
        return cls(
            digest=str(found.get("digest", "")),
            size=int(found.get("size", 0)),
            lock=str(found.get("lock", "")),
            sources=tuple(found.get("sources", ())),
            processes=tuple(found.get("processes", ())),
            reason=str(found.get("reason", "")),
            message=str(found.get("message", "")),
        )
