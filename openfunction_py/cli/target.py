"""Which API server a command talks to: --context, else OFN_CONTEXT, else the platform of OFN_HOME, else none.

The current context of a kubeconfig is never used silently.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openfunction_py.cli import failures, kinds
from openfunction_py.kube import config, errors, oneshot
from openfunction_py.lib import home as homes

JSON = {"Content-Type": "application/json"}
MANAGER = "ofn"


@dataclass(frozen=True, slots=True)
class Target:
    """An API server, the namespace to use without -n, and the home when it is the local platform's."""

    door: oneshot.OneShot
    endpoint: config.Endpoint
    namespace: str
    home: homes.Home | None

    def call(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: object = None
    ) -> Any:
        """One request with a JSON answer.

        Raises:
            Failure: the server refused, with its sentence.
        """
        return answer(self.door, method, path, params=params, body=body)

    def get(self, kind: kinds.Kind, name: str, namespace: str) -> dict[str, Any]:
        """One object.

        Raises:
            NotFoundFailure: there is none; the sentence names near matches.
        """
        try:
            found: dict[str, Any] = self.call("GET", kind.place(namespace, name))
        except failures.NotFoundFailure:
            raise failures.NotFoundFailure(self.missing(kind, name, namespace)) from None
        return found

    def items(self, kind: kinds.Kind, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        """All objects of a kind in a namespace; "" means all namespaces."""
        listed = self.call("GET", kind.path(namespace), params={"labelSelector": labels} if labels else None)
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in listed["items"]]

    def missing(self, kind: kinds.Kind, name: str, namespace: str) -> str:
        """The sentence for a name that does not exist, with near matches."""
        import difflib  # noqa: PLC0415 - only needed in an error

        names = [item["metadata"]["name"] for item in self.items(kind, namespace)]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"there is no {kind.kind} named {name} in namespace {namespace}{hint}"

    def watch(self, kind: kinds.Kind, namespace: str, **params: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events of a kind: their type and object, until the server ends the watch."""
        for line in self.door.stream("GET", kind.path(namespace), params={"watch": "true", **params}):
            event = json.loads(line)
            yield event["type"], event["object"]


def answer(
    door: oneshot.OneShot,
    method: str,
    path: str,
    *,
    params: dict[str, str] | None = None,
    body: object = None,
) -> Any:
    """One request with a JSON answer, its refusals as failures."""
    payload = None if body is None else json.dumps(body).encode()
    code, content = door.request(method, path, params=params, body=payload, headers=JSON if payload else None)
    if code >= 400:
        raise failures.of(errors.from_status(code, content))
    return json.loads(content) if content else {}


def resolve(context: str | None) -> Target:
    """The target of this command.

    Raises:
        NoPlatformFailure: there is none; the sentence says how to get one.
    """
    chosen = context or os.environ.get("OFN_CONTEXT")
    home = homes.Home.default(os.environ)
    if chosen is None and not home.kubeconfig.exists():
        raise failures.NoPlatformFailure(
            f"no platform runs from {home.root}: start one with `ofn up -d`, or name a cluster with --context"
        )
    path = None if chosen else home.kubeconfig
    try:
        endpoint = config.load(path, context=chosen or "openfunction")
    except (OSError, ValueError, LookupError) as error:
        raise failures.NoPlatformFailure(
            f"the context {chosen or 'openfunction'} cannot be used: {error}"
        ) from error
    try:
        door = oneshot.OneShot(endpoint)
    except (OSError, ValueError) as error:
        raise failures.NoPlatformFailure(
            f"the certificates of context {chosen or 'openfunction'} cannot be used: {error}"
        ) from error
    return Target(door, endpoint, endpoint.namespace or "default", None if chosen else home)
