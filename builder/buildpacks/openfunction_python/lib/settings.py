"""What the user set for the build: function, file and signature, from the files of the platform folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SPELLINGS = {"cloud_event": "cloudevent", "legacyevent": "event", "background": "event"}


@dataclass(frozen=True)
class Settings:
    """The function to serve, its file and its signature, each empty when the user says nothing of it."""

    target: str
    source: str
    signature: str
    env: dict[str, str]


class Failure(Exception):
    """The build cannot go on; the lifecycle reads reason and sentence from the log."""

    def __init__(self, reason: str, sentence: str, more: str = "") -> None:
        super().__init__(sentence)
        self.reason, self.sentence, self.more = reason, sentence, more

    def report(self) -> None:
        """Write the line that carries the reason, with what belongs to it indented."""
        print(f"ERROR {self.reason}: {self.sentence}")
        for line in self.more.strip().splitlines()[-12:]:
            print(f"  {line}")


def read(platform: Path) -> Settings:
    """FUNC_* as OpenFunction names them, GOOGLE_FUNCTION_* beside them."""
    folder = platform / "env"
    env = {file.name: os.fsdecode(file.read_bytes()) for file in folder.iterdir()} if folder.is_dir() else {}

    def first(*names: str) -> str:
        return next((env[name] for name in names if env.get(name)), "")

    target = first("FUNC_NAME", "GOOGLE_FUNCTION_TARGET", "FUNCTION_TARGET")
    signature = first(
        "FUNC_TYPE", "FUNC_SIGNATURE", "GOOGLE_FUNCTION_SIGNATURE_TYPE", "FUNCTION_SIGNATURE_TYPE"
    )
    return Settings(
        target=target,
        source=first("FUNC_SRC", "GOOGLE_FUNCTION_SOURCE", "FUNCTION_SOURCE"),
        signature=SPELLINGS.get(signature.lower(), signature.lower()),
        env=env,
    )


def source_file(app: Path, settings: Settings) -> Path:
    """The file that holds the function.

    Raises:
        Failure: SourceNotFound.
    """
    given = app / (settings.source or "main.py")
    found = given / "main.py" if given.is_dir() else given
    if not found.is_file() or not found.resolve().is_relative_to(app.resolve()):
        there = sorted(path.name for path in app.iterdir() if not path.name.startswith("."))[:8]
        raise Failure(
            "SourceNotFound",
            f"there is no {settings.source or 'main.py'} in the source; put one there or set FUNC_SRC. "
            f"The folder holds: {', '.join(there) or 'nothing'}",
        )
    return found
