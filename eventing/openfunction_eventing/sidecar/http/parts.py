"""What the routes share: the sidecar of a request, its metadata, its body, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from functions_framework import jsons
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.refusals import Refusal
from openfunction_eventing.sidecar.sidecar import Sidecar

JSON = "application/json"
PREFIX = "metadata."
WRITING = ["POST", "PUT"]


def sidecar(request: Request) -> Sidecar:
    """The sidecar that is asked."""
    found: Sidecar = request.app.state.sidecar
    return found


def metadata(request: Request) -> dict[str, str]:
    """The metadata of the query; the first of a name counts."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith(PREFIX):
            found.setdefault(name[len(PREFIX) :], value)
    return found


async def document(request: Request) -> Any:  # Any: JSON
    """The body as JSON; raises Refusal."""
    body = await request.body()
    try:
        return jsons.loads(body)
    except jsons.DecodeError as error:
        raise refusals.malformed(error) from error


async def mapping(request: Request) -> Mapping[str, Any]:
    """The body as a JSON object; raises Refusal."""
    found = await document(request)
    if not isinstance(found, dict):
        raise refusals.malformed("it must be a JSON object")
    return found


def answer(value: object, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(jsons.dumps(value), status, media_type=JSON)


def data(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Bytes that are JSON as far as anybody knows."""
    return Response(body, headers=dict(headers or {}), media_type=JSON)


def empty() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)


def refused(error: Refusal) -> Response:
    """An error as Dapr tells it."""
    return answer({"errorCode": error.code, "message": error.message}, error.status)


def texts(given: object, what: str) -> dict[str, str]:
    """A mapping of texts inside a body; raises Refusal."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise refusals.malformed(f"{what} must be an object")
    return {str(name): str(value) for name, value in given.items()}
