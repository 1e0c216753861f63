# mypy: ignore-errors
"""Functions that `functions_framework.aio` declares, as both frameworks serve them."""

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

import functions_framework.aio


@functions_framework.aio.http
async def told(request):
    return {
        "method": request.method,
        "path": request.url.path,
        "url": str(request.url),
        "query": dict(request.query_params),
        "agent": request.headers.get("user-agent"),
        "cookies": dict(request.cookies),
        "client": request.client.host if request.client else None,
        "body": (await request.body()).decode(),
    }


@functions_framework.aio.http
async def reads_json(request):
    return {"got": await request.json()}


@functions_framework.aio.http
async def reads_pieces(request):
    return {"sizes": [len(piece) async for piece in request.stream() if piece]}


@functions_framework.aio.http
async def gives(request):
    kind = request.query_params["kind"]
    return {
        "text": "text é",
        "dict": {"a": [1, {"b": None}]},
        "status": ("made", 201),
        "dict_status": ({"a": 1}, 202),
        "json": JSONResponse({"a": 1}, 203, {"x-one": "1"}),
        "plain": PlainTextResponse("plain"),
        "empty": Response(status_code=204),
        "redirect": RedirectResponse("/there"),
        "pieces": StreamingResponse(iter(["one ", "two"]), media_type="text/csv"),
        "after": PlainTextResponse("before", background=BackgroundTask(print, "after")),
    }[kind]


@functions_framework.aio.http
async def refuses(request):
    raise HTTPException(int(request.query_params["status"]), "refused")


@functions_framework.aio.http
async def raises(request):
    raise ValueError("secret")


@functions_framework.aio.http
def plain_function(request):
    return f"{request.method} {request.url.path}"


@functions_framework.aio.cloud_event
async def event(cloud_event):
    if cloud_event["type"] == "fail":
        raise ValueError("secret")
