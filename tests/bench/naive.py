"""A chain of the same hops as a newcomer writes it from the libraries' own examples, for a side by side comparison.

FastAPI takes an event and awaits its storing; a loop fetches one message, tries the filter, posts it on a connection of
its own and awaits the acknowledgement; FastAPI again is the function.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench import environments

PACKAGES = (
    "fastapi==0.165.0", "uvicorn==0.54.0", "nats-py==2.16.0", "cloudevents==1.12.0", "aiohttp", "cel-python==0.5.0",
)  # fmt: skip
SOURCE = """\
import os
from contextlib import asynccontextmanager

import nats
from cloudevents.http import from_http, to_structured
from fastapi import FastAPI, Request, Response


@asynccontextmanager
async def lifespan(app):
    app.state.nats = await nats.connect(os.environ["BUS"])
    yield
    await app.state.nats.close()


app = FastAPI(lifespan=lifespan)


@app.post("/orders", status_code=202)
async def take(request: Request):
    event = from_http(request.headers, await request.body())
    _, body = to_structured(event)
    await app.state.nats.jetstream().publish(os.environ["TOPIC"], body)
    return Response(status_code=202)
"""
TRIGGER = """\
import asyncio
import json
import os

import aiohttp
import celpy
import nats

environment = celpy.Environment()
rule = environment.program(environment.compile(os.environ["RULE"]))


async def main():
    client = await nats.connect(os.environ["BUS"])
    messages = await client.jetstream().pull_subscribe(os.environ["TOPIC"], "trigger")
    while True:
        try:
            (message,) = await messages.fetch(1, timeout=5)
        except nats.errors.TimeoutError:
            continue
        event = json.loads(message.data)
        if rule.evaluate({"event": celpy.json_to_cel(event), "data": celpy.json_to_cel(event["data"])}):
            headers = {"Content-Type": "application/cloudevents+json"}
            async with aiohttp.ClientSession() as session:
                async with session.post(os.environ["SINK"], data=message.data, headers=headers) as answer:
                    answer.raise_for_status()
        await message.ack_sync()


asyncio.run(main())
"""
FUNCTION = """\
import os

from cloudevents.http import from_http
from fastapi import FastAPI, Request, Response

KEPT = os.open(os.environ["BENCH_KEPT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
app = FastAPI()


@app.post("/")
async def keep(request: Request):
    event = from_http(request.headers, await request.body())
    os.write(KEPT, event["id"].encode() + b"\\n")
    return Response(status_code=204)
"""


def environment() -> Path:
    """The python of an environment with what the chain imports."""
    return environments.made("naive-1", *PACKAGES) / "python"


def write(folder: Path) -> None:
    """The three files."""
    folder.mkdir(parents=True)
    for name, text in (("source", SOURCE), ("trigger", TRIGGER), ("function", FUNCTION)):
        (folder / f"{name}.py").write_text(text)
