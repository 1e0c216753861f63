"""Errors of the command line: a sentence for the user and the exit code that goes with it.

The exit codes: 1 refused or failed, 2 wrong usage, 3 not found, 4 no platform or not reachable, 5 the function
failed, 6 not ready in time, 70 a fault of ofn itself, 130 interrupted.
"""

from __future__ import annotations

from openfunction_py.kube import errors


class Failure(Exception):  # noqa: N818 - the word users and exit codes share
    """A command cannot do what was asked."""

    exit_code = 1


class UsageFailure(Failure):
    """The words of the command make no sense."""

    exit_code = 2


class NotFoundFailure(Failure):
    """No object of that name."""

    exit_code = 3


class NoPlatformFailure(Failure):
    """Nothing to talk to."""

    exit_code = 4


class FunctionFailure(Failure):
    """The function answered with an error or never became ready."""

    exit_code = 5


class TimeoutFailure(Failure):
    """What was waited for did not happen in time."""

    exit_code = 6


class FaultFailure(Failure):
    """Something that no command foresees: a fault of ofn itself."""

    exit_code = 70


def of(error: Exception) -> Failure:
    """The failure that says what any error means to a user."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Failure):
        return error
    if isinstance(error, errors.Unreachable):
        return NoPlatformFailure(
            f"the API server does not answer: {error}; `ofn status` says what runs, `ofn up -d` starts a platform"
        )
    if isinstance(error, errors.ApiError):
        return (NotFoundFailure if error.code == 404 else Failure)(error.message)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return Failure(f"{place}{error.strerror or error}")
    said = f"{type(error).__name__}: {error}"
    return FaultFailure(f"a fault of ofn: {said}; please report it with what OFN_DEBUG=1 prints more")
