"""Routes of health, metadata, secrets, shutdown and invocation, and the answer to every other call of Dapr."""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from openfunction_eventing.sidecar import calls, metadata, refusals, secrets
from openfunction_eventing.sidecar.channel import Call
from openfunction_eventing.sidecar.http import parts

router = APIRouter()
EVERY = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]
_INVOKE = "/v1.0/invoke/"
_APP = "dapr-app-id"
_HOPS = frozenset({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length", "date", "server",
})  # fmt: skip


@router.get("/v1.0/healthz/outbound")
async def outbound(request: Request) -> Response:
    """Whether questions of the app can be answered; it may be asked before the app is up."""
    parts.sidecar(request).check_outbound()
    return parts.empty()


@router.get("/v1.0/healthz")
async def health(request: Request) -> Response:
    """Whether everything is up, the app included."""
    parts.sidecar(request).check(request.query_params.get("appid", ""))
    return parts.empty()


@router.get("/v1.0/metadata")
async def get_metadata(request: Request) -> Response:
    """GetMetadata."""
    return parts.answer(metadata.document(parts.sidecar(request)))


@router.put("/v1.0/metadata/{key}")
async def set_metadata(key: str, request: Request) -> Response:
    """SetMetadata."""
    parts.sidecar(request).extended[key] = (await request.body()).decode(errors="replace")
    return parts.empty()


@router.get("/v1.0/secrets/{store}/bulk")
async def get_secrets(store: str, request: Request) -> Response:
    """GetBulkSecret."""
    found = await secrets.every(parts.sidecar(request).catalog, store, metadata=parts.metadata(request))
    return parts.answer(found)


@router.get("/v1.0/secrets/{store}/{key:path}")
async def get_secret(store: str, key: str, request: Request) -> Response:
    """GetSecret."""
    found = await secrets.get(parts.sidecar(request).catalog, store, key, metadata=parts.metadata(request))
    return parts.answer(found)


@router.post("/v1.0/shutdown")
async def shutdown(request: Request) -> Response:
    """Shutdown: what is under way ends first."""
    parts.sidecar(request).shutdown.set()
    return parts.empty()


@router.api_route("/{rest:path}", methods=EVERY)
async def other(request: Request) -> Response:
    """An invocation, by path or by header; else a call that is not answered here."""
    app, path = _invoked(request)
    if app:
        return await _invoke(app, path, request)
    name = calls.of_path(request.url.path)
    if name:
        raise refusals.unsupported(name)
    raise refusals.no_app()


def _invoked(request: Request) -> tuple[str, str]:
    """The app and the path below its root; an empty app when nobody is named."""
    path = request.scope["path"]
    if named := request.headers.get(_APP):
        return named, path.lstrip("/")
    kind, _, coded = request.headers.get("authorization", "").partition(" ")
    if kind == "Basic":
        user, _, password = _plain(coded).partition(":")
        if user.lower() == _APP and password:
            return password, path.lstrip("/")
    if path.startswith(_INVOKE):
        app, found, method = path[len(_INVOKE) :].partition("/method/")
        return (unquote(app), method) if found else ("", "")
    return "", ""


def _plain(coded: str) -> str:
    try:
        return b64decode(coded).decode()
    except ValueError:
        return ""


async def _invoke(app: str, path: str, request: Request) -> Response:
    headers = [(name, value) for name, value in request.headers.items() if name != _APP]
    query = request.scope["query_string"].decode("latin-1")
    call = Call(request.method, path, query, headers, await request.body())
    reply = await parts.sidecar(request).invoker.invoke(app, call)
    made = Response(reply.body, reply.status)
    for name, value in reply.headers:
        if name.lower() not in _HOPS:
            made.headers.append(name, value)
    return made
