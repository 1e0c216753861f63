"""Errors of the command line: a sentence for the user and the exit code that goes with it.

The exit codes: 1 refused or failed, 2 wrong usage, 3 not found, 4 no platform or not reachable, 5 the function
failed, 6 not ready in time.
"""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - the word users and exit codes share
    """A command cannot do what was asked."""

    exit_code = 1


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
