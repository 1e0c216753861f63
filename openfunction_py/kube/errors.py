"""What an API server refuses with, as one tree of exceptions.

Knows nothing of transports: these import the standard library alone, so that every command can afford them.
"""

# ruff: noqa: N818 - each is read as errors.NotFound: the module says what it is
from __future__ import annotations

import json
from typing import Any


class ApiError(Exception):
    """A refusal of the API server, or no answer from it.

    Attributes:
        code: HTTP status, 0 when there was no answer.
        reason: the Status reason in CamelCase, e.g. "NotFound".
        message: a sentence for people.
        details: the Status details: name, kind, causes.
    """

    def __init__(
        self, message: str, *, code: int = 0, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        """Keep the facts of one refusal."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.details = details or {}


class NotFound(ApiError):
    """The object, or its kind, does not exist."""


class AlreadyExists(ApiError):
    """An object of that name exists."""


class Conflict(ApiError):
    """The object changed meanwhile, or another field manager owns a field."""


class Gone(ApiError):
    """The resourceVersion or continue token is too old: list again."""


class Invalid(ApiError):
    """Admission refused the object; details.causes names the fields."""


class Unauthorized(ApiError):
    """The credentials are missing or not known."""


class Forbidden(ApiError):
    """The user may not do that."""


class TooManyRequests(ApiError):
    """The server asks to come back later."""


class Unreachable(ApiError):
    """No answer: the server is down, the connection broke or the deadline passed."""


class Undecodable(ApiError):
    """The answer does not fit our slice of the kind."""


_BY_REASON: dict[str, type[ApiError]] = {
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Gone": Gone,
    "Expired": Gone,
    "Invalid": Invalid,
    "Unauthorized": Unauthorized,
    "Forbidden": Forbidden,
    "TooManyRequests": TooManyRequests,
}
_BY_CODE: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(code: int, body: bytes | dict[str, Any]) -> ApiError:
    """The exception for an answer of 400 or more; body is a Kubernetes Status, or whatever a proxy said."""
    status = _status(body)
    reason = str(status.get("reason") or "")
    message = str(status.get("message") or f"the API server answered {code} without saying why")
    leaf = _BY_REASON.get(reason) or _BY_CODE.get(code) or ApiError
    return leaf(message, code=code, reason=reason, details=status.get("details"))


def _status(body: bytes | dict[str, Any]) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    try:
        value = json.loads(body)
    except ValueError:
        return {"message": body[:500].decode(errors="replace").strip()}
    return value if isinstance(value, dict) else {"message": str(value)[:500]}
