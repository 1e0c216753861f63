"""Questions that send: to a topic, in bulk, and to a binding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions_framework import jsons
from functions_framework.dapr.errors import DaprError
from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.spelling import JSON_HEADERS, Metadata, base64, embedded, path, payload, query


@dataclass(frozen=True, slots=True)
class BindingReply:
    """What a binding answered: its data, and metadata by name."""

    data: bytes
    metadata: Metadata

    def text(self) -> str:
        """The data as text."""
        return self.data.decode()

    def json(self) -> Any:
        """The data as JSON; None when there is none."""
        return jsons.loads(self.data) if self.data else None


def publish(
    pubsub: str,
    topic: str,
    data: Any,
    *,
    content_type: str = "",
    metadata: Metadata | None = None,
    headers: Metadata | None = None,
) -> Ask[None]:
    """Publish to a topic; metadata `rawPayload: "true"` sends the bytes without an envelope."""
    body, kind = payload(data)
    given, sent = dict(metadata) if metadata else {}, dict(headers) if headers else {}
    target = path("publish", pubsub, topic)
    return Ask(
        "publish",
        f"{pubsub} topic {topic}",
        target + query(given) if given else target,
        _nothing,
        body=body,
        headers={"content-type": content_type or kind, **sent},
        facts={
            "pubsub": pubsub, "topic": topic, "data": data, "body": body, "content_type": content_type or kind,
            "metadata": given, "headers": sent,
        },
    )  # fmt: skip


def publish_bulk(
    pubsub: str, topic: str, items: Sequence[Any], *, metadata: Metadata | None = None
) -> Ask[tuple[int, ...]]:
    """Publish several at once; gives the positions of those that failed."""
    entries = []
    for number, item in enumerate(items):
        body, kind = payload(item)
        event = embedded(item) if kind != "application/octet-stream" else base64(body)
        entries.append({"entryId": str(number), "event": event, "contentType": kind})
    return Ask(
        "publish in bulk",
        f"{pubsub} topic {topic}",
        path("publish", "bulk", pubsub, topic) + query(metadata),
        _failed,
        body=jsons.dumps(entries),
        headers=JSON_HEADERS,
        facts={"pubsub": pubsub, "topic": topic, "items": tuple(items), "metadata": dict(metadata or {})},
        accepts=frozenset({500}),
    )


def bind(
    binding: str,
    operation: str,
    data: Any = None,
    *,
    metadata: Metadata | None = None,
    headers: Metadata | None = None,
) -> Ask[BindingReply]:
    """Have a binding do an operation such as `create`."""

    def body() -> bytes:
        document = {"operation": operation, "data": embedded(data), "metadata": dict(metadata or {})}
        return jsons.dumps({key: value for key, value in document.items() if value is not None})

    return Ask(
        "invoke binding",
        binding,
        path("bindings", binding),
        _bound,
        body=body,
        headers={**JSON_HEADERS, **(headers or {})},
        facts={
            "binding": binding,
            "headers": dict(headers or {}),
            "operation": operation,
            "data": data,
            "metadata": dict(metadata or {}),
        },
    )


def _nothing(reply: Reply) -> None:
    del reply


def _bound(reply: Reply) -> BindingReply:
    prefix = "metadata."
    metadata = {
        name[len(prefix) :]: value for name, value in reply.headers.items() if name.startswith(prefix)
    }
    return BindingReply(reply.body, metadata)


def _failed(reply: Reply) -> tuple[int, ...]:
    told = reply.json()
    entries = (told.get("failedEntries") or []) if isinstance(told, dict) else []
    if reply.status >= 300 and not entries:
        answer = reply.body[:500].decode(errors="replace")
        raise DaprError("publish in bulk", "", status=reply.status, answer=answer)
    return tuple(sorted(int(one["entryId"]) for one in entries))
