"""The function beside the sidecar: it does what a request orders, and remembers what the sidecar delivers."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from functions_framework import UserContext
from functions_framework.dapr.errors import DaprError, StateConflict
from functions_framework.dapr.state import Change

seen: list[dict[str, Any]] = []


async def function(context: UserContext) -> Any:
    """A caller's order, an event, or a binding's call."""
    request = context.get_http_request()
    if request is None:
        return deliver(context)
    if request.path == "/seen":
        return seen
    if request.path != "/do":
        body = request.get_data(as_text=True)
        return {
            "path": request.path,
            "method": request.method,
            "args": dict(request.args),
            "body": body,
        }
    order = request.get_json()
    try:
        return {"result": await ORDERS[order["do"]](context, **order.get("with", {}))}
    except StateConflict as error:
        return {"conflict": error.status}
    except DaprError as error:
        return {"error": str(error)}


def deliver(context: UserContext) -> Any:
    """Remember what came; an event may say what is to become of it: once, then it is taken."""
    event = context.get_topic_event()
    known = {"input": context.get_input_name(), "data": base64.b64encode(context.data).decode()}
    if event is not None:
        known |= {"type": event.type, "id": event.id, "topic": event.topic}
    first = known["data"] not in [one["data"] for one in seen if one["input"] == known["input"]]
    seen.append(known)
    word = context.data.decode(errors="replace")
    if word == "raise" and first:
        raise ValueError("as the event says")
    if word in {"RETRY", "DROP"} and (first or word == "DROP"):
        return word
    return None


async def send(context: UserContext, output: str, data: str) -> Any:
    reply = await context.asend(output, base64.b64decode(data))
    return (
        None
        if reply is None
        else {"data": base64.b64encode(reply.data).decode(), "metadata": dict(reply.metadata)}
    )


async def send_value(context: UserContext, output: str, value: Any) -> None:
    await context.asend(output, value)


async def send_in_thread(context: UserContext, output: str, data: str) -> None:
    await asyncio.to_thread(context.send, output, base64.b64decode(data))


async def publish_bulk(context: UserContext, items: list[Any]) -> Any:
    return await context.dapr.apublish_bulk("bus", "bulk", items)


async def bind(context: UserContext, operation: str, name: str, data: str | None = None) -> Any:
    raw = None if data is None else base64.b64decode(data)
    reply = await context.dapr.ainvoke_binding("files", operation, raw, metadata={"fileName": name})
    return base64.b64encode(reply.data).decode()


async def save(context: UserContext, key: str, value: Any, **more: Any) -> None:
    await context.state.asave(key, value, **more)


async def save_bytes(context: UserContext, key: str, data: str) -> None:
    await context.state.asave(key, base64.b64decode(data))


async def get(context: UserContext, key: str) -> Any:
    item = await context.state.aget(key)
    return {"data": base64.b64encode(item.data).decode(), "etag": item.etag}


async def delete(context: UserContext, key: str, etag: str = "") -> None:
    await context.state.adelete(key, etag=etag)


async def get_bulk(context: UserContext, keys: list[str]) -> Any:
    return {key: item.value for key, item in (await context.state.aget_bulk(keys)).items()}


async def transaction(context: UserContext, changes: list[dict[str, Any]]) -> None:
    await context.state.atransaction([Change(**change) for change in changes])


async def query(context: UserContext) -> Any:
    return await context.state.aquery({"filter": {}})


async def secret(context: UserContext, key: str) -> Any:
    return await context.dapr.asecret("secrets", key)


async def secrets(context: UserContext) -> Any:
    return await context.dapr.asecrets("secrets")


async def invoke(context: UserContext, app: str, method: str, **more: Any) -> Any:
    return (await context.dapr.ainvoke(app, method, **more)).json()


async def metadata(context: UserContext) -> Any:
    return (await context.dapr.ametadata())["id"]


async def sdk(context: UserContext, key: str) -> Any:
    def asked() -> str:
        text: str = context.dapr_client.get_state("store", key).data.decode()
        return text

    return await asyncio.to_thread(asked)


async def configuration(context: UserContext, keys: list[str]) -> Any:
    return {key: one.value for key, one in (await context.dapr.aconfiguration("settings", keys)).items()}


async def lock(context: UserContext, owner: str) -> bool:
    return await context.dapr.alock("locks", "thing", owner, seconds=30)


async def unlock(context: UserContext, owner: str) -> bool:
    return await context.dapr.aunlock("locks", "thing", owner)


ORDERS = {
    order.__name__: order
    for order in (
        send, send_value, send_in_thread, publish_bulk, bind, save, save_bytes, get, delete, get_bulk, transaction,
        query, secret, secrets, invoke, metadata, sdk, configuration, lock, unlock,
    )
}  # fmt: skip
