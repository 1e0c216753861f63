"""What to build, from where, and the folders the platform lends for it.

It reads and writes the wire form; it looks at no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openfunction_builder import errors

DEFAULT_TIMEOUT = 1800.0
SOURCES = ("git", "bundle", "folder")


@dataclass(frozen=True, slots=True)
class Git:
    """A repository and what to check out; an empty revision is its default branch."""

    url: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the source comes from; exactly one field is set."""

    git: Git | None = None
    bundle: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build: the image's name, its source, the user's environment, the platform's folders, the time allowed."""

    image: str
    source: Source
    layout: Path
    cache: Path
    sub_path: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = DEFAULT_TIMEOUT

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str | bytes) -> BuildRequest:
        """Read the wire form, a mapping or its JSON text.

        Raises:
            InvalidRequest: naming the field that is missing or wrong.
        """
        document = _document(value)
        return cls(
            image=_text(document, "image", required=True),
            source=_source(document.get("source")),
            layout=Path(_text(document, "layout", required=True)),
            cache=Path(_text(document, "cache", required=True)),
            sub_path=_text(document, "sub_path"),
            env=_env(document.get("env") or {}),
            timeout_seconds=_timeout(document.get("timeout_seconds")),
        )

    def to_json(self) -> dict[str, Any]:
        """The wire form."""
        source: dict[str, Any] = {}
        if self.source.git:
            source["git"] = {"url": self.source.git.url, "revision": self.source.git.revision}
        elif self.source.bundle:
            source["bundle"] = self.source.bundle
        else:
            source["folder"] = str(self.source.folder)
        return {
            "image": self.image,
            "source": source,
            "sub_path": self.sub_path,
            "env": dict(self.env),
            "layout": str(self.layout),
            "cache": str(self.cache),
            "timeout_seconds": self.timeout_seconds,
        }


def _document(value: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    try:
        document = json.loads(value)
    except ValueError as error:
        raise errors.InvalidRequest(f"the build request is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise errors.InvalidRequest("the build request is no JSON object")
    return document


def _text(document: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = document.get(name) or ""
    if not isinstance(value, str) or (required and not value):
        raise errors.InvalidRequest(f"the build request's field {name!r} is {value!r}; give a text")
    return value


def _source(value: object) -> Source:
    given = [name for name in SOURCES if isinstance(value, Mapping) and value.get(name)]
    if not isinstance(value, Mapping) or len(given) != 1:
        raise errors.InvalidRequest(f"the build request's source needs exactly one of {', '.join(SOURCES)}")
    if given == ["git"]:
        git = value["git"]
        if not isinstance(git, Mapping):
            raise errors.InvalidRequest("the build request's field 'source.git' is no object")
        return Source(git=Git(_text(git, "url", required=True), _text(git, "revision")))
    if given == ["bundle"]:
        return Source(bundle=_text(value, "bundle", required=True))
    return Source(folder=Path(_text(value, "folder", required=True)))


def _env(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in value.items()
    ):
        raise errors.InvalidRequest("the build request's field 'env' maps names to texts")
    wrong = [name for name in value if not name or set(name) & {"=", "/", "\0"} or name in {".", ".."}]
    if wrong:
        raise errors.InvalidRequest(f"the build request's env has {wrong[0]!r}, which names no variable")
    return dict(value)


def _timeout(value: object) -> float:
    if value is None:
        return DEFAULT_TIMEOUT
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise errors.InvalidRequest(
            f"the build request's field 'timeout_seconds' is {value!r}; give a positive number"
        )
    return float(value)
