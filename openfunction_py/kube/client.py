"""The typed client of a Kubernetes API: verbs over models, whichever server answers.

Keeps nothing between calls but connections, and never retries: that is the work queue's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, cast
from urllib.parse import quote

import orjson
from pydantic import ValidationError

from openfunction_py.api import scheme
from openfunction_py.api.meta import Object, ObjectMeta
from openfunction_py.kube import errors, transport
from openfunction_py.kube.endpoint import Endpoint
from openfunction_py.kube.transport import Call
from openfunction_py.lib import log

T = TypeVar("T", bound=Object)
PatchKind = Literal["merge", "json", "strategic"]

PAGE = 500
GRACE = 15.0
APPLY = "application/apply-patch+yaml"
PATCHES: Mapping[str, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
IDENTITY = ("name", "namespace")
INTENT = (*IDENTITY, "labels", "annotations", "ownerReferences", "finalizers")

logger = log.get("kube")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Objects of a list; resource_version is where a watch continues it, left_out counts those no slice fits."""

    items: list[T]
    resource_version: str
    next: str = ""
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One change: ADDED, MODIFIED, DELETED, or BOOKMARK, whose object has a resource version alone."""

    type: str
    object: T

    @property
    def resource_version(self) -> str:
        """Where a later watch continues after this event."""
        return self.object.metadata.resource_version


class Client:
    """A client of one endpoint; an asynchronous context manager."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Dial nothing yet."""
        self.endpoint = endpoint
        self._transport = transport.Transport(endpoint)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def get(self, model: type[T], name: str, *, namespace: str = "") -> T:
        """One object.

        Raises:
            NotFound: there is none of that name.
        """
        return _decode(model, await self._json(Call("GET", object_path(model, namespace, name))))

    async def list(
        self, model: type[T], *, namespace: str = "", labels: str = "", fields: str = ""
    ) -> Page[T]:
        """All objects of a kind, of one namespace or of all ("")."""
        found: list[T] = []
        token, left_out = "", 0
        while True:
            page = await self.page(model, namespace=namespace, labels=labels, fields=fields, token=token)
            found += page.items
            left_out += page.left_out
            token = page.next
            if not token:
                return Page(found, page.resource_version, left_out=left_out)

    async def page(
        self, model: type[T], *, namespace: str = "", labels: str = "", fields: str = "", token: str = ""
    ) -> Page[T]:
        """A part of a list; token is the `next` of the part before.

        Raises:
            Gone: the token is too old.
        """
        more = {"limit": str(PAGE), "continue": token}
        path = scheme.of(model).path(namespace)
        body = await self._json(Call("GET", path, params=_params(labels=labels, fields=fields, **more)))
        meta = body.get("metadata") or {}
        given = body.get("items") or []
        items = [one for item in given if (one := _decode_or_skip(model, item))]
        return Page(
            items,
            str(meta.get("resourceVersion", "")),
            str(meta.get("continue") or ""),
            left_out=len(given) - len(items),
        )

    async def watch(
        self,
        model: type[T],
        *,
        namespace: str = "",
        resource_version: str = "",
        labels: str = "",
        fields: str = "",
        timeout: float = 290.0,
    ) -> AsyncGenerator[WatchEvent[T], None]:
        """Changes since a resource version, until the server ends the watch.

        Raises:
            Gone: the resource version is too old.
        """
        more = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(timeout)),
        }
        call = Call(
            "GET", scheme.of(model).path(namespace), params=_params(labels=labels, fields=fields, **more)
        )
        async with (
            aclosing(self._transport.chunks(call, silence=timeout + GRACE)) as chunks,
            aclosing(transport.lines(chunks)) as lines,
        ):
            async for line in lines:
                event = _event(model, orjson.loads(line))
                if event:
                    yield event

    async def create(self, obj: T) -> T:
        """Store a new object.

        Raises:
            AlreadyExists: there is one of that name.
            Invalid: admission refused it.
        """
        path = scheme.of(type(obj)).path(obj.metadata.namespace)
        return _decode(type(obj), await self._json(_with_json(Call("POST", path), obj.to_wire())))

    async def replace(self, obj: T) -> T:
        """Store an object in place of the one it was read from; fields outside our slice are lost.

        Raises:
            Conflict: it changed meanwhile.
        """
        return _decode(type(obj), await self._json(_with_json(Call("PUT", path_of(obj)), obj.to_wire())))

    async def apply(self, obj: T, *, manager: str, force: bool = True, subresource: str = "") -> T:
        """Server-side apply of the fields that are set, owned by `manager`; of the status alone with "status".

        Raises:
            Conflict: another manager owns a field, and force is off.
        """
        call = Call(
            "PATCH",
            path_of(obj, subresource),
            params={"fieldManager": manager, "force": str(force).lower()},
            body=orjson.dumps(intent(obj, subresource)),
            headers={"Content-Type": APPLY},
        )
        return _decode(type(obj), await self._json(call))

    async def patch(
        self,
        model: type[T],
        name: str,
        patch: object,
        *,
        namespace: str = "",
        subresource: str = "",
        kind: PatchKind = "merge",
    ) -> T:
        """Change an object by a merge patch, a JSON patch or, for built-in kinds, a strategic merge patch."""
        call = Call(
            "PATCH",
            object_path(model, namespace, name, subresource),
            body=orjson.dumps(patch),
            headers={"Content-Type": PATCHES[kind]},
        )
        return _decode(model, await self._json(call))

    async def delete(
        self,
        model: type[T],
        name: str,
        *,
        namespace: str = "",
        propagation: str = "Background",
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> None:
        """Delete an object; that it is gone already is success.

        Raises:
            Conflict: the object of that name has another uid.
        """
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        try:
            await self._json(_with_json(Call("DELETE", object_path(model, namespace, name)), options))
        except errors.NotFound:
            logger.debug("already gone", kind=model.__name__, namespace=namespace, name=name)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """One request as it is: status, body and headers, whatever the status."""
        return await self._transport.request(Call(method, path, params, body, headers))

    async def logs(
        self,
        pod: str,
        *,
        namespace: str,
        container: str = "",
        follow: bool = False,
        tail: int | None = None,
        previous: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """The log of a container as it comes, in pieces of any size."""
        params = _params(
            container=container,
            follow="true" if follow else "",
            previous="true" if previous else "",
            tailLines="" if tail is None else str(tail),
        )
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log"
        async with aclosing(self._transport.chunks(Call("GET", path, params=params), silence=None)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _json(self, call: Call) -> dict[str, Any]:
        code, body, _ = await self._transport.request(call)
        if code >= 400:
            raise errors.from_status(code, body)
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise errors.Undecodable(f"{call.path} answered no JSON", code=code) from error
        return value if isinstance(value, dict) else {}


def object_path(model: type[Object], namespace: str, name: str, subresource: str = "") -> str:
    """The path of one object.

    Raises:
        ValueError: the name is empty; the path would be that of the whole list.
    """
    if not name:
        raise ValueError(f"a {model.__name__} without a name has no path")
    tail = f"/{subresource}" if subresource else ""
    return f"{scheme.of(model).path(namespace)}/{quote(name)}{tail}"


def path_of(obj: Object, subresource: str = "") -> str:
    """The path of this object."""
    return object_path(type(obj), obj.metadata.namespace, obj.metadata.name, subresource)


def intent(obj: Object, subresource: str = "") -> dict[str, Any]:
    """What to apply: no field that the server sets, and the status only through its subresource."""
    body = obj.to_wire()
    kept = IDENTITY if subresource else INTENT
    body["metadata"] = {key: body["metadata"][key] for key in kept if body["metadata"].get(key)}
    if subresource == "status":
        return {key: body[key] for key in ("apiVersion", "kind", "metadata", "status") if key in body}
    if not subresource:
        body.pop("status", None)
    return body


def _with_json(call: Call, value: object) -> Call:
    return Call(
        call.method, call.path, call.params, orjson.dumps(value), {"Content-Type": "application/json"}
    )


def _params(*, labels: str = "", fields: str = "", **more: str) -> dict[str, str]:
    named = {"labelSelector": labels, "fieldSelector": fields, **more}
    return {key: value for key, value in named.items() if value}


def _event(model: type[T], raw: dict[str, Any]) -> WatchEvent[T] | None:
    body = raw["object"]
    if raw["type"] == "ERROR":
        raise errors.from_status(int(body.get("code") or 500), body)
    if raw["type"] == "BOOKMARK":
        version = str(body["metadata"]["resourceVersion"])
        mark = model.model_construct(metadata=ObjectMeta(resource_version=version))
        return WatchEvent("BOOKMARK", cast("T", mark))  # the mypy plugin loses which subclass it was
    decoded = _decode_or_skip(model, body)
    return WatchEvent(raw["type"], decoded) if decoded else None


def _decode(model: type[T], body: dict[str, Any]) -> T:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise errors.Undecodable(f"the server's {model.__name__} does not fit our slice: {error}") from error


def _decode_or_skip(model: type[T], body: dict[str, Any]) -> T | None:
    # one odd object of somebody else must not blind us to all the others of its kind
    try:
        return _decode(model, body)
    except errors.Undecodable as error:
        meta = body.get("metadata") or {}
        logger.warning(
            "an object is left out, as it does not fit our slice of its kind",
            kind=model.__name__,
            namespace=meta.get("namespace"),
            name=meta.get("name"),
            error=str(error.__cause__),
        )
        return None
