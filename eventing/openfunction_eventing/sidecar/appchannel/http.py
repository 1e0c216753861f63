"""An app that speaks HTTP: Dapr's routes of an app, called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

from functions_framework import jsons
from openfunction_eventing.sidecar import subscriptions
from openfunction_eventing.sidecar.channel import (
    AppBusy,
    AppRefused,
    BindingReply,
    Call,
    Delivery,
    Reply,
    Status,
)
from openfunction_eventing.sidecar.subscriptions import Subscription

EVENT = "application/cloudevents+json"
JSON = "application/json"
_EVENT = ("content-type", EVENT)
_TAKEN = b'{"status":"SUCCESS"}'  # what our framework says nearly always
_TOKEN = "dapr-api-token"  # noqa: S105  # a header's name
_VERDICTS: Mapping[str, Status] = {"": "SUCCESS", "SUCCESS": "SUCCESS", "RETRY": "RETRY", "DROP": "DROP"}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({
    "content-type", "content-length", "host", "connection", "transfer-encoding", "te", "upgrade", "expect",
    "keep-alive", "proxy-connection", _TOKEN,
})  # fmt: skip


class Asker(Protocol):
    """Who carries requests to one app."""

    async def is_up(self) -> bool:
        """Whether it takes a connection."""

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Ask; raises AppAway, or AppRefused for an answer that cannot be read."""

    async def close(self) -> None:
        """Let go of connections."""


class HttpApp:
    """Implements channel.AppChannel."""

    def __init__(self, asker: Asker, *, app: str, token: str = "") -> None:
        """An app that `asker` reaches; `app` is the id of ours, and `token` is what it wants to be shown."""
        self._asker = asker
        self._app = app
        self._own = [(_TOKEN, token)] if token else []

    async def is_up(self) -> bool:
        """Whether it takes a connection."""
        return await self._asker.is_up()

    async def subscriptions(self) -> list[Subscription]:
        """GET /dapr/subscribe; an app without that route wants no topic."""
        reply = await self._ask("GET", "/dapr/subscribe", {"content-type": JSON, "dapr-app-id": self._app})
        if reply.status == 404:
            return []
        if reply.status != 200:
            raise AppRefused(f"GET /dapr/subscribe answered {reply.status}")
        listed = jsons.loads(reply.body) if reply.body else []
        if not isinstance(listed, list):
            raise AppRefused("GET /dapr/subscribe must answer a list")
        return subscriptions.of_app(listed)

    async def wants(self, binding: str, path: str) -> bool:
        """OPTIONS of its route: 2xx, or 405 of a framework that knows the path."""
        del binding
        reply = await self._ask("OPTIONS", f"/{quote(path)}", {"content-type": JSON})
        return 200 <= reply.status < 300 or reply.status == 405

    async def deliver(self, one: Delivery) -> Status:
        """POST of the structured event."""
        # What the app looks at comes first.
        headers = [_EVENT, *self._own, *_fields(one.metadata).items()]
        reply = await self._asker.ask("POST", _path(one.path), headers, jsons.dumps(one.event))
        return "SUCCESS" if reply.status == 200 and reply.body == _TAKEN else _verdict(reply)

    async def deliver_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """POST of the entries; what is answered to none of them is a RETRY."""
        first = many[0]
        document = {
            "id": str(uuid4()), "type": "com.dapr.event.sent.bulk", "topic": first.topic,
            "pubsubname": first.pubsub, "metadata": {"pubsubName": first.pubsub},
            "entries": [_entry(one) for one in many],
        }  # fmt: skip
        reply = await self._ask("POST", _path(first.path), {"content-type": JSON}, jsons.dumps(document))
        _have_room(reply)
        if reply.status == 404:
            return {one.entry: "SUCCESS" for one in many}
        if not 200 <= reply.status < 300:
            raise AppRefused(f"the app answered {reply.status} to a bulk of {len(many)}")
        return _statuses(reply.body)

    async def bind(self, name: str, path: str, data: bytes, metadata: Mapping[str, str]) -> BindingReply:
        """POST of what came."""
        del name
        headers = {**_fields(metadata), "content-type": JSON}
        reply = await self._ask("POST", f"/{quote(path)}", headers, data)
        _have_room(reply)
        if not 200 <= reply.status < 300:
            text = reply.body[:500].decode(errors="replace")
            raise AppRefused(
                f"fails to send binding event to http app channel, status code: {reply.status} body: {text}"
            )
        return BindingReply(reply.body)

    async def invoke(self, call: Call) -> Reply:
        """The call as it came, but for what belongs to a connection."""
        target = f"/{quote(call.path, safe='/%:@!$&()*+,;=~')}" + (f"?{call.query}" if call.query else "")
        kept = [(name, value) for name, value in call.headers if name not in _OURS or name == "content-type"]
        return await self._ask(call.method, target, kept, call.body)

    async def close(self) -> None:
        """Close the connections."""
        await self._asker.close()

    async def _ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
        body: bytes = b"",
    ) -> Reply:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        return await self._asker.ask(method, target, [*pairs, *self._own], body)


def _path(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _fields(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata that can be header fields."""
    return {
        name: value
        for name, value in metadata.items()
        if value.isascii() and value.isprintable() and _may_be_named(name)
    }


@lru_cache(maxsize=1024)
def _may_be_named(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name.lower() not in _OURS


def _entry(one: Delivery) -> dict[str, Any]:
    """An entry of a bulk; a raw payload is text in base64, as Dapr sends it."""
    if one.raw:
        event: Any = one.event.get("data_base64", "")
        return {"entryId": one.entry, "event": event, "metadata": dict(one.metadata)}
    return {
        "entryId": one.entry, "event": one.event, "metadata": dict(one.metadata),
        "contentType": "application/cloudevents+json",
    }  # fmt: skip


def _have_room(reply: Reply) -> None:
    """Raise AppBusy for the answer of an app that has as many calls as it takes."""
    if reply.status == 503 and reply.header("retry-after"):
        raise AppBusy(f"the app has no room: {reply.body[:200].decode(errors='replace')}")


def _verdict(reply: Reply) -> Status:
    """What a status and a body say (dapr/dapr pkg/runtime/subscription/postman/http)."""
    if reply.status == 404:
        return "DROP"
    if not 200 <= reply.status < 300:
        _have_room(reply)
        return "RETRY"
    try:
        told = jsons.loads(reply.body) if reply.body else {}
    except jsons.DecodeError:
        return "SUCCESS"
    word = told.get("status", "") if isinstance(told, dict) else ""
    return _VERDICTS.get(word, "RETRY") if isinstance(word, str) else "SUCCESS"


def _statuses(body: bytes) -> dict[str, Status]:
    try:
        listed = jsons.loads(body)["statuses"]
        return {one["entryId"]: _VERDICTS.get(one.get("status") or "RETRY", "RETRY") for one in listed}
    except (jsons.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise AppRefused(f"the app's answer to a bulk cannot be read: {error!r}") from error
