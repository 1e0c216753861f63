"""Routes of state: get, save, delete, in bulk, in a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from functions_framework import jsons
from openfunction_eventing.drivers.port import Item
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.http import parts
from openfunction_eventing.sidecar.states import Change, metadata_of

router = APIRouter()


@router.get("/v1.0/state/{store}/{key:path}")
async def get(store: str, key: str, request: Request) -> Response:
    """GetState; 204 for a key that is not there."""
    found = (await parts.sidecar(request).states.get(store, [key])).get(key)
    if found is None:
        return parts.empty()
    beside = {f"metadata.{name}": value for name, value in metadata_of(found).items()}
    return parts.data(found.value, {"etag": found.etag, **beside})


@router.delete("/v1.0/state/{store}/{key:path}")
async def delete(store: str, key: str, request: Request) -> Response:
    """DeleteState; the header If-Match has the ETag."""
    query, etag = request.query_params, request.headers.get("if-match", "")
    change = Change(key, None, etag, query.get("concurrency", ""))
    await parts.sidecar(request).states.save(store, [change])
    return parts.empty()


@router.api_route("/v1.0/state/{store}/bulk", methods=parts.WRITING)
async def get_bulk(store: str, request: Request) -> Response:
    """GetBulkState."""
    states = parts.sidecar(request).states
    states.require(store)
    asked = await parts.mapping(request)
    keys = [str(key) for key in asked.get("keys") or ()]
    found = await states.get(store, keys)
    return parts.answer([_item(key, found.get(key)) for key in keys])


@router.api_route("/v1.0/state/{store}/transaction", methods=parts.WRITING)
async def transact(store: str, request: Request) -> Response:
    """ExecuteStateTransaction."""
    states = parts.sidecar(request).states
    states.require(store)
    asked = await parts.mapping(request)
    beside = {**parts.texts(asked.get("metadata"), "metadata"), **parts.metadata(request)}
    await states.transact(store, [_operation(one, beside) for one in asked.get("operations") or ()])
    return parts.empty()


@router.api_route("/v1.0/state/{store}", methods=parts.WRITING)
async def save(store: str, request: Request) -> Response:
    """SaveState."""
    states = parts.sidecar(request).states
    states.require(store)
    asked = await parts.document(request)
    if not isinstance(asked, list):
        raise refusals.malformed("it must be a list of keys with values")
    await states.save(store, [_change(one, parts.metadata(request)) for one in asked])
    return parts.empty()


@router.api_route("/v1.0-alpha1/state/{store}/query", methods=parts.WRITING)
async def query(store: str, request: Request) -> Response:
    """QueryStateAlpha1; no store here can."""
    parts.sidecar(request).states.require(store)
    raise refusals.no_query()


def _change(one: object, beside: Mapping[str, str], *, deletes: bool = False) -> Change:
    if not isinstance(one, dict) or not one.get("key"):
        raise refusals.malformed('"key" is a required field')
    metadata = {**parts.texts(one.get("metadata"), "metadata"), **beside}
    options = one.get("options") or {}
    value = None if deletes else jsons.dumps(one.get("value"))
    etag = str(one.get("etag") or "")
    return Change(
        str(one["key"]), value, etag, str(options.get("concurrency") or ""), metadata.get("ttlInSeconds", "")
    )


def _operation(one: object, beside: Mapping[str, str]) -> Change:
    name = one.get("operation") if isinstance(one, dict) else None
    if not isinstance(one, dict) or name not in {"upsert", "delete"}:
        raise refusals.bad_operation(str(name))
    return _change(one.get("request"), beside, deletes=name == "delete")


def _item(key: str, found: Item | None) -> dict[str, Any]:
    if found is None:
        return {"key": key}
    try:
        told = {"key": key, "data": jsons.loads(found.value), "etag": found.etag}
        beside = metadata_of(found)
        return {**told, "metadata": beside} if beside else told
    except jsons.DecodeError as error:
        return {"key": key, "error": f"the value is no JSON; read it over gRPC: {error}"}
