# mypy: ignore-errors
"""HTTP functions that import no web framework: values in, values out."""

import json
import logging
import os
import tempfile
from pathlib import Path

import functions_framework
from spelling import loud

weight = sum(range(100))
client = None
calls = 0
logger = logging.getLogger(__name__)


def hello_world(request):
    return "hello, world"


@functions_framework.http
def publish(request):
    sent = request.get_json(silent=True) or {}
    if not sent.get("topic") or not sent.get("message"):
        return ('Missing "topic" and/or "message" parameter.', 400)
    print(f"Publishing to {sent['topic']}")
    return "Message published."


@functions_framework.http
def lazy_client(request):
    global client
    if client is None:
        client = {"made": calls, "weight": weight}
    return client


def counting(request):
    global calls
    calls += 1
    return f"call {calls}"


@functions_framework.http
def variable(request):
    return os.environ.get("SHAPE_COLOUR", "is not set")


def files(request):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.txt").write_bytes(request.get_data())
        return {name: Path(folder, name).stat().st_size for name in os.listdir(folder)}


@functions_framework.http
def logs(request):
    logger.warning("a warning of %s", request.path)
    print(json.dumps({"severity": "NOTICE", "message": "Hello"}))
    return "logged"


def fails(request):
    raise RuntimeError("I failed you")


def uses_a_module(request):
    return loud(request.args.get("word", "quiet"))


def told_by_headers(request):
    trace = request.headers.get("X-Cloud-Trace-Context", "none").split("/")[0]
    return {
        "trace": trace,
        "agent": request.headers.get("User-Agent"),
        "url": request.url,
        "body": request.data.decode(),
    }


def nothing(request):
    return ""
