"""How a call ended, in the words of metrics, traces and logs: whose fault it was when it was one.

Pure; it formats no answer.
"""

from __future__ import annotations

from typing import Literal

from functions_framework import errors
from functions_framework.calls import loophang

Outcome = Literal["ok", "client_error", "user_error", "framework_error", "timeout"]
OUTCOMES: tuple[Outcome, ...] = ("ok", "client_error", "user_error", "framework_error", "timeout")


def of_status(status: int) -> Outcome:
    """Of what the function answered: 4xx is its client's fault, 5xx its own."""
    if status < 400:
        return "ok"
    return "client_error" if status < 500 else "user_error"


def of_error(error: BaseException) -> Outcome:
    """Of what the function raised."""
    if isinstance(error, errors.HttpError):
        return of_status(error.status)
    return "timeout" if isinstance(error, loophang.BlockedError) else "user_error"


def of_preparing(error: BaseException) -> Outcome:
    """Of what reading the argument raised: the client's fault, or ours."""
    found = of_error(error)
    return found if found == "client_error" else "framework_error"


def of_replacing(status: int, *, ours: bool) -> Outcome:
    """Of what the framework answered in the function's place: 504 too late, 499 its client went, else an error's."""
    if status == 504:
        return "timeout"
    if status == 499:
        return "client_error"
    return "framework_error" if ours else of_status(status)


def status_of(error: BaseException) -> int:
    """The status that an error is answered with."""
    if isinstance(error, errors.HttpError):
        return error.status
    return 504 if isinstance(error, loophang.BlockedError) else 500
