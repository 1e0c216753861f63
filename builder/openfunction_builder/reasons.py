"""Why a build fails: stable reasons, the exit code of each, and the error that carries one.

A buildpack reports a reason as a line `ERROR <Reason>: <sentence>` of its output, which every lifecycle shows.
"""

from __future__ import annotations

import re

EXIT_CODES = {
    "BuildFailed": 1,
    "SourceNotFound": 20,
    "BuilderUnsupported": 21,
    "FunctionNotFound": 51,
    "SyntaxError": 52,
    "DependencyFailed": 53,
    "BuildStepFailed": 54,
    "ImportFailed": 55,
    "ArityMismatch": 56,
    "InvalidFunction": 57,
    "OptionalMissing": 58,
    "ExportFailed": 60,
    "BuildTimeout": 70,
    "BuildStopped": 71,
}
_LINE = re.compile(r"^ERROR (\w+): (.*)$")


class BuildError(Exception):
    """A build that cannot succeed; `reason` is stable, the message is for the user."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason if reason in EXIT_CODES else "BuildFailed"
        self.message = message


def of_output(lines: list[str]) -> BuildError | None:
    """The reason that a buildpack's output names, with the sentence that follows it; None when it names none."""
    for index in range(len(lines) - 1, -1, -1):
        if (found := _LINE.match(lines[index])) and found[1] in EXIT_CODES:
            more = [line for line in lines[index + 1 :] if line.startswith("  ")]
            return BuildError(found[1], "\n".join([found[2], *(line.strip() for line in more)]))
    return None
