# mypy: ignore-errors
"""Runs in the published framework's environment: answers the cases of standard input, one application per function."""

import asyncio
import contextlib
import json
import os
import sys
from urllib.parse import unquote

import functions_framework
import functions_framework.aio


def ask(case):
    # The published framework keeps what it was told last in the environment.
    for name in ("FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"):
        os.environ.pop(name, None)
    if case["asgi"]:
        application = functions_framework.aio.create_asgi_app(
            case["target"], case["source"], case["signature"]
        )
        return asyncio.run(ask_asgi(application, case))
    application = functions_framework.create_app(case["target"], case["source"], case["signature"])
    client = application.test_client(use_cookies=False)  # else it replaces a case's own
    answer = client.open(
        case["path"], method=case["method"], headers=case["headers"], data=case["body"].encode("latin-1"),
        base_url="http://test", environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
    )  # fmt: skip
    body = answer.get_data().decode("latin-1")
    return {"status": answer.status_code, "headers": list(answer.headers), "body": body}


async def ask_asgi(application, case):
    path, _, query = case["path"].partition("?")
    fields = {"host": "test", **case["headers"]}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": case["method"], "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("127.0.0.1", 1), "server": ("test", 80),
    }  # fmt: skip
    messages = [{"type": "http.request", "body": case["body"].encode("latin-1"), "more_body": False}]
    sent = []

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    body = b"".join(each.get("body", b"") for each in sent[1:])
    return {"status": sent[0]["status"], "headers": headers, "body": body.decode("latin-1")}


with contextlib.redirect_stdout(sys.stderr):
    answers = [ask(case) for case in json.load(sys.stdin)]
print(json.dumps(answers))
