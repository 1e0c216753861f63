"""The functions that Google's conformance contract asks a framework to serve; each writes what it got to a file.

It is served, never imported by a test. The contract is that of functions-framework-conformance.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from typing import Any

from cloudevents.http import to_json

import functions_framework
import functions_framework.aio

# The contract's name, in the working folder.
_OUTPUT = Path("function_output.json")
_TOGETHER = int(os.environ.get("CONFORMANCE_TOGETHER", "0"))
_barrier = threading.Barrier(_TOGETHER or 1)
_arrived: list[None] = []
_all_arrived = asyncio.Event()


class Payload:
    """Any JSON object, as Google's typed functions describe one."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held

    @staticmethod
    def from_dict(held: dict[str, Any]) -> Payload:
        return Payload(held)

    def to_dict(self) -> dict[str, Any]:
        return self.held


def _write(text: str) -> None:
    _OUTPUT.write_text(text)


def _write_event(data: Any, context: Any) -> None:
    facts = {
        "eventId": context.event_id,
        "timestamp": context.timestamp,
        "eventType": context.event_type,
        "resource": context.resource,
    }
    _write(json.dumps({"data": data, "context": facts}))


def write_http(request: Any) -> Any:
    _write(json.dumps(request.json))
    return "OK", 200


@functions_framework.http
def write_http_declared(request: Any) -> Any:
    _write(json.dumps(request.get_json()))
    return "OK", 200


@functions_framework.aio.http
async def write_http_aio(request: Any) -> Any:
    _write(json.dumps(await request.json()))
    return "OK", 200


async def write_http_asgi(request: Any) -> Any:
    _write(json.dumps(await request.json()))
    return "OK", 200


def write_cloud_event(event: Any) -> None:
    _write(to_json(event).decode())


@functions_framework.cloud_event
def write_cloud_event_declared(event: Any) -> None:
    _write(to_json(event).decode())


@functions_framework.aio.cloud_event
async def write_cloud_event_aio(event: Any) -> None:
    _write(to_json(event).decode())


def write_legacy_event(data: Any, context: Any) -> None:
    _write_event(data, context)


@functions_framework.typed(Payload)
def write_typed(payload: Any) -> Payload:
    return Payload({"payload": payload.held})


@functions_framework.typed
def write_typed_annotated(payload: Payload) -> Payload:
    return Payload({"payload": payload.held})


def _wait() -> None:
    """Return when as many calls as the test says are here at the same time; else pass after a second."""
    if _TOGETHER:
        _barrier.wait(30)
    else:
        threading.Event().wait(1.0)


async def _wait_async() -> None:
    if not _TOGETHER:
        await asyncio.sleep(1.0)
        return
    _arrived.append(None)
    if len(_arrived) == _TOGETHER:
        _all_arrived.set()
    await asyncio.wait_for(_all_arrived.wait(), 30)


@functions_framework.http
def concurrent_http(request: Any) -> Any:
    _wait()
    return "OK", 200


@functions_framework.aio.http
async def concurrent_http_aio(request: Any) -> Any:
    await _wait_async()
    return "OK", 200


@functions_framework.cloud_event
def concurrent_cloud_event(event: Any) -> None:
    _wait()


def concurrent_legacy_event(data: Any, context: Any) -> None:
    _wait()


@functions_framework.typed(Payload)
def concurrent_typed(payload: Any) -> Payload:
    _wait()
    return Payload({})
