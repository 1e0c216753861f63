"""What a type checker must refuse; each ignore is one that the checkers want."""

from __future__ import annotations

import functions_framework
from functions_framework import CloudEvent, Request, testing


@functions_framework.http
def hello(request: Request) -> str:
    return request.path


hello(CloudEvent({}))  # type: ignore[arg-type]  # the function's own type is kept
hello(Request("GET", b"/", [], b"")).decode()  # type: ignore[attr-defined]  # and its result's
functions_framework.http(path=1)  # type: ignore[call-overload]
testing.client(hello, timeout="1")  # type: ignore[arg-type]
testing.client(hello).get("/", jason={})  # type: ignore[call-arg]
testing.client(hello).event({}, mode="folded")  # type: ignore[arg-type]
testing.load("main.py", signature="rest")  # type: ignore[arg-type]
