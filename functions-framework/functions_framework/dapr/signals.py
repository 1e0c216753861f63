"""What a function tells the sidecar of a message: taken, to be sent again, to be dropped.

A function says it by what it returns, or raises one of the two errors here from anywhere.
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from functions_framework.errors import HttpError

Verdict = Literal["SUCCESS", "RETRY", "DROP"]
VERDICTS: Final[tuple[Verdict, ...]] = ("SUCCESS", "RETRY", "DROP")


class Retry(HttpError):  # noqa: N818  # a signal, raised to be understood, not a failure to be handled
    """Have the message delivered again."""

    def __init__(self, message: str = "The function asks for this message again.") -> None:
        super().__init__(503, message)


class Drop(HttpError):  # noqa: N818  # as above
    """Have the message dropped, or dead-lettered where the subscription names a topic for that."""

    def __init__(self, message: str = "The function drops this message.") -> None:
        super().__init__(404, message)  # Dapr's own sign for it


def verdict_of(result: Any) -> Verdict | None:  # Any: what a function returned
    """The signal in a result; None when it is none.

    A signal is one of the words, a dict whose only key is `status`, or the SDK's TopicEventResponse.
    """
    if isinstance(result, dict) and result.keys() == {"status"}:
        result = result["status"]
    status = getattr(result, "status", None)
    word = getattr(status, "name", None) or result
    if isinstance(word, str) and word.upper() in VERDICTS:
        return cast("Verdict", word.upper())
    return None


def of_status(status: int) -> Verdict:
    """What the status of an answer says, as Dapr reads it."""
    if 200 <= status < 300:
        return "SUCCESS"
    return "DROP" if status == 404 else "RETRY"
