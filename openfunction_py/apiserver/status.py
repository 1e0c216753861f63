"""Kubernetes `Status` answers: one error type, and a maker per reason of the wire.

It knows texts and details as kube-apiserver writes them; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class StatusError(Exception):
    """A request that fails, with the `Status` the client gets."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: dict[str, Any] | None = None
    ) -> None:
        """Carry the HTTP code, the machine-readable reason and the sentence."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def to_wire(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason,
        }  # fmt: skip
        if self.details:
            body["details"] = self.details
        return {**body, "code": self.code}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an error is about: group and plural (as in `functions.core.openfunction.io`), kind and name."""

    group: str
    plural: str
    kind: str
    name: str = ""

    @property
    def qualified(self) -> str:
        """`plural.group`, or the plural alone for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def details(self) -> dict[str, Any]:
        """Details of most errors: Kubernetes puts the plural into `kind`."""
        found = {"name": self.name, "group": self.group, "kind": self.plural}
        return {key: value for key, value in found.items() if value}


def not_found(subject: Subject) -> StatusError:
    """No object of that name."""
    message = f'{subject.qualified} "{subject.name}" not found'
    return StatusError(404, "NotFound", message, details=subject.details())


def no_resource(hint: str = "") -> StatusError:
    """No such path: the kind, version or subresource is not served."""
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", f"{message} ({hint})" if hint else message)


def already_exists(subject: Subject) -> StatusError:
    """A create met an object of that name."""
    message = f'{subject.qualified} "{subject.name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=subject.details())


def conflict(subject: Subject, why: str) -> StatusError:
    """The object is not in the state the request assumed."""
    message = f'Operation cannot be fulfilled on {subject.qualified} "{subject.name}": {why}'
    return StatusError(409, "Conflict", message, details=subject.details())


def modified(subject: Subject) -> StatusError:
    """The request carries an older resourceVersion."""
    return conflict(
        subject,
        "the object has been modified; please apply your changes to the latest version and try again",
    )


def bad_request(message: str) -> StatusError:
    """The request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def forbidden(subject: Subject, why: str, *, causes: Sequence[dict[str, str]] = ()) -> StatusError:
    """The request is understood and refused."""
    details = {**subject.details(), **({"causes": list(causes)} if causes else {})}
    message = f'{subject.qualified} "{subject.name}" is forbidden: {why}'
    return StatusError(403, "Forbidden", message, details=details)


def unauthorized() -> StatusError:
    """No token, or an unknown one."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed(message: str) -> StatusError:
    """The path exists, this verb on it does not."""
    return StatusError(405, "MethodNotAllowed", message)


def unsupported_media(message: str) -> StatusError:
    """The body is of a type that is not read here."""
    return StatusError(415, "UnsupportedMediaType", message)


def expired(message: str) -> StatusError:
    """The version asked for is compacted."""
    return StatusError(410, "Expired", message)


def not_given_yet(message: str) -> StatusError:
    """The version asked for is newer than any this server gave; a client lists again."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    return StatusError(504, "Timeout", message, details={"retryAfterSeconds": 1, "causes": causes})


def too_large(limit: int) -> StatusError:
    """The body exceeds the limit, in bytes."""
    return StatusError(
        413,
        "RequestEntityTooLarge",
        f"Request entity too large: limit is {limit} bytes; make the object smaller",
    )


def not_implemented(message: str) -> StatusError:
    """Part of Kubernetes that this server does not have."""
    return StatusError(501, "NotImplemented", message)


def internal(message: str) -> StatusError:
    """A failure of the server itself."""
    return StatusError(500, "InternalError", f"Internal error occurred: {message}")


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing wrong with an object; reasons as in Kubernetes (FieldValueInvalid, FieldValueRequired …)."""

    field: str
    reason: str
    message: str

    def to_wire(self) -> dict[str, str]:
        """The cause in `details.causes`."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def invalid(subject: Subject, causes: Sequence[Cause]) -> StatusError:
    """The object breaks rules of its kind: all of them are named."""
    head = f"{subject.kind}.{subject.group}" if subject.group else subject.kind
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    found = {"name": subject.name, "group": subject.group, "kind": subject.kind}
    details: dict[str, Any] = {key: value for key, value in found.items() if value}
    details["causes"] = [cause.to_wire() for cause in causes]
    return StatusError(422, "Invalid", f'{head} "{subject.name}" is invalid: {listed}', details=details)
