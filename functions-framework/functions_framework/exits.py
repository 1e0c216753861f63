"""Why a function did not start: stable reasons, their exit codes, and the line that tells the user.

It prints nothing and decides nothing else; a reason is read by builder and node, so it never changes.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Final

from functions_framework import errors, notices

EXIT_CODES: Final[Mapping[str, int]] = {
    "InvalidSetting": 2,  # a flag or environment variable cannot be read (argparse's own code)
    "SourceNotFound": 80,  # the source file does not exist
    "FunctionNotFound": 81,  # the source holds no function of that name
    "SyntaxError": 82,  # the source, or a module it imports, is no valid Python
    "ImportFailed": 83,  # importing the source raised
    "DependencyFailed": 84,  # the source imports a package that is not installed
    "AddressInUse": 85,  # host and port cannot be bound
    "TemplateFailed": 86,  # the template's socket or exits file cannot be used
    "InstanceFailed": 87,  # an instance ended by an error of the framework itself; its log has the traceback
    "ArityMismatch": 88,  # the function does not take what its signature gives
    "ImportBlocked": 89,  # importing the source did not end
    "StartupFailed": 90,  # a start-up hook raised
    # 91 stays free: once it was to be SidecarUnavailable, for which no process ends (dapr/health.py).
    "InvalidContext": 92,  # FUNC_CONTEXT cannot be read
    "TwoFrameworks": 93,  # another distribution of a functions framework is installed beside this one
    "NothingToServe": 94,  # the context has no trigger that could call the function
    "OptionalMissing": 95,  # a feature needs an extra that is not installed
    "InvalidFunction": 96,  # a function's name, path, methods or types cannot be served
    "FunctionHung": 97,  # calls of the function hang and only the end of the process ends them
}


class StartError(errors.FrameworkError):
    """The function cannot start; `reason` is a key of EXIT_CODES and `sentence` says what to do."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence

    @property
    def code(self) -> int:
        """The exit code of this reason."""
        return EXIT_CODES[self.reason]

    @property
    def line(self) -> str:
        """The one line for stderr."""
        return f"{notices.PREFIX}{self.reason}: {' '.join(self.sentence.split())}"


def tell(error: StartError) -> None:
    """Write the one line of a start error to stderr, after the traceback of the user's code where that helps."""
    cause = error.__cause__
    if error.reason in {"ImportFailed", "StartupFailed"} and cause is not None:
        notices.write("".join(traceback.format_exception(cause)))
    notices.write(f"{error.line}\n")
