"""What is to be built: image name, source, environment, and where images and caches are.

A value; it is read from the pod's environment and checked, never acted on here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """Where the source is; exactly one of git_url, bundle and folder is set."""

    git_url: str = ""
    git_revision: str = ""
    bundle: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build; `layout` is the path of an OCI layout, `cache` of a folder that outlives builds."""

    image: str
    source: Source
    sub_path: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""
    cache: str = ""
    timeout_seconds: float = 0.0

    @classmethod
    def from_json(cls, value: str | Mapping[str, Any]) -> BuildRequest:
        """Read a request.

        Raises:
            ValueError: a part is missing or of the wrong type; the message names it.
        """
        found = json.loads(value) if isinstance(value, str) else value
        whence = _object(_object({"the request": found}, "the request"), "source")
        git = _object(whence, "git")
        source = Source(
            git_url=git.get("url") or "",
            git_revision=git.get("revision") or "",
            bundle=whence.get("bundle") or "",
            folder=whence.get("folder") or "",
        )
        if len([part for part in (source.git_url, source.bundle, source.folder) if part]) != 1:
            raise ValueError("source: give exactly one of git, bundle and folder")
        if not found.get("image"):
            raise ValueError("image: the name of the image is missing")
        return cls(
            image=found["image"],
            source=source,
            sub_path=found.get("sub_path") or "",
            env={str(key): str(value) for key, value in _object(found, "env").items()},
            layout=found.get("layout") or "",
            cache=found.get("cache") or "",
            timeout_seconds=float(found.get("timeout_seconds") or 0),
        )

    def to_json(self) -> str:
        """The request as JSON, as `from_json` reads it."""
        if self.source.git_url:
            source: dict[str, Any] = {
                "git": {"url": self.source.git_url, "revision": self.source.git_revision}
            }
        else:
            source = {"bundle": self.source.bundle} if self.source.bundle else {"folder": self.source.folder}
        return json.dumps(
            {
                "image": self.image,
                "source": source,
                "sub_path": self.sub_path,
                "env": dict(sorted(self.env.items())),
                "layout": self.layout,
                "cache": self.cache,
                "timeout_seconds": self.timeout_seconds,
            }
        )


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object, {} when it is not set."""
    found = value.get(name) or {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{name}: it is no object")  # noqa: TRY004 - the content is wrong, not the call
    return found
