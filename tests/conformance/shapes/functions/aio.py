# mypy: ignore-errors
"""Asynchronous functions with Starlette's request, and an application without a framework."""

import asyncio

import functions_framework.aio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

session = None


@functions_framework.aio.http
async def hello(request):
    await asyncio.sleep(0)
    return "Hello, async world!"


@functions_framework.aio.http
async def echo(request: Request):
    sent = await request.json()
    return JSONResponse({"sent": sent, "q": request.query_params.get("q"), "path": request.url.path}, 201)


@functions_framework.aio.http
async def gathered(request):
    async def part(number):
        await asyncio.sleep(0.01 * (3 - number))
        return number

    return {"parts": await asyncio.gather(*(part(number) for number in range(3)))}


@functions_framework.aio.http
async def streams(request):
    async def items():
        for number in range(3):
            yield f"{number};"
            await asyncio.sleep(0)

    return StreamingResponse(items(), media_type="text/html")


@functions_framework.aio.http
async def refuses(request):
    if request.headers.get("x-key") != "yes":
        raise HTTPException(status_code=403, detail="no key")
    return Response(b"in", media_type="text/plain", headers={"x-kind": "starlette"})


@functions_framework.aio.http
async def one_session(request):
    global session
    session = session or {"uses": 0}
    session["uses"] += 1
    return PlainTextResponse(str(session["uses"]))


@functions_framework.aio.http
def without_async(request):
    return f"def {request.method}"


@functions_framework.aio.http
async def status_in_a_tuple(request):
    return "made", 201, {"X-Way": "tuple"}


@functions_framework.aio.cloud_event
async def event(cloud_event):
    await asyncio.sleep(0)
    print(f"{cloud_event['id']} {cloud_event.data}")


async def bare(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b"%s %s" % (scope["method"].encode(), scope["raw_path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})
