"""Which objects wake a controller, and for which keys.

Pure: each rule maps one object to requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from openfunction_py.api import meta
from openfunction_py.api.meta import Object
from openfunction_py.controller.types import Request, ToRequests, request_of


@dataclass(frozen=True, slots=True)
class Watch:
    """A kind, and what a change of one of its objects asks to reconcile."""

    model: type[Object]
    to_requests: ToRequests


def by_self(obj: Object) -> Iterable[Request]:
    """The object itself."""
    return (request_of(obj),)


def by_owner(kind: str) -> ToRequests:
    """The controlling owner, if it is of that kind."""

    def rule(obj: Object) -> Iterable[Request]:
        owner = meta.controller_of(obj)
        return (Request(obj.metadata.namespace, owner.name),) if owner and owner.kind == kind else ()

    return rule


def by_label(key: str) -> ToRequests:
    """The object of the same namespace that a label names."""

    def rule(obj: Object) -> Iterable[Request]:
        name = obj.metadata.labels.get(key)
        return (Request(obj.metadata.namespace, name),) if name else ()

    return rule


def by(rule: ToRequests) -> ToRequests:
    """A rule of your own."""
    return rule
