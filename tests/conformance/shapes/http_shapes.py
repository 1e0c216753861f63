"""Shapes over HTTP: Flask style and functions that import no web framework."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tests.conformance.shapes.shape import Answer, Ask, Shape, failed, get, post, text, value

DOCS = "GoogleCloudPlatform/python-docs-samples: functions/"
FRAMEWORK = "GoogleCloudPlatform/functions-framework-python: "
_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="owner"\r\n\r\nAda\r\n'
    b'--b\r\nContent-Disposition: form-data; name="picture"; filename="../a b.png"\r\nContent-Type: image/png\r\n\r\n'
    b"\x89PNG\r\n\r\n--b--\r\n"
)
_MULTIPART = Ask("/", "POST", {"content-type": "multipart/form-data; boundary=b"}, _FORM)
_SIGNED = "text=python&token=t"
_SIGNATURE = hmac.new(b"secret", _SIGNED.encode(), hashlib.sha256).hexdigest()
_SHARED: dict[str, Any] = {"access_control_allow_origin": "*"}
_SHOP: dict[str, Any] = {
    "access_control_allow_origin": "https://shop.example",
    "access_control_allow_credentials": "true",
}


def page(title: str, said: str, status: int) -> Answer:
    """What Flask's `abort` answers."""
    return text(
        f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{said}</p>\n",
        status,
    )


FLASK = (
    Shape("add", "lalipop05/android_project: functions/main.py", (
        (post({"data": {"a": 1, "b": 2}}), value({"result": 3}, newline=True)),
    )),
    Shape("escaped_name", DOCS + "helloworld/main.py", (
        (get("/?name=%3Cb%3E"), text("Hello &lt;b&gt;!")),
        (post({"name": "Ada"}), text("Hello Ada!")),
        (post(b"{", content_type="application/json"), text("Hello World!")),
    )),
    Shape("by_content_type", DOCS + "helloworld/main.py", (
        (post({"name": "json"}), text("Hello json!")),
        (post(b"bytes", content_type="application/octet-stream"), text("Hello bytes!")),
        (post("name=form"), text("Hello form!")),
        (post(b"<a/>", content_type="text/xml"), page(
            "Unsupported Media Type",
            "The server does not support the media type transmitted in the request.", 415)),
    )),
    Shape("by_method", DOCS + "helloworld/main.py", (
        (get(), text("read")),
        (get(method="HEAD"), text("", 405)),
        (get(method="PUT"), page(
            "Forbidden", "You don&#39;t have the permission to access the requested resource. It is either "
            "read-protected or not readable by the server.", 403)),
        (get(method="DELETE"), page("Method Not Allowed", "The method is not allowed for the requested URL.", 405)),
    )),
    Shape("cors", DOCS + "http/main.py", (
        (get(method="OPTIONS"), text(
            "", 204, **_SHARED, access_control_allow_methods="GET", access_control_max_age="3600")),
        (get(), text("shared", **_SHARED)),
    )),
    Shape("cors_with_credentials", DOCS + "http/main.py", (
        (get(method="OPTIONS", origin="https://shop.example"), text(
            "", 204, **_SHOP, access_control_allow_headers="Authorization")),
        (get(), text("who are you", 401, **_SHOP)),
        (get(authorization="Bearer t"), text("welcome", **_SHOP)),
    )),
    Shape("upload", DOCS + "http/main.py", (
        (_MULTIPART, value({"picture": ["a_b.png", 6, "image/png"]}, 200, "field owner Ada", newline=True)),
    )),
    Shape("xml", DOCS + "http/main.py", (
        (post(b"<a><b>1</b><c>two</c></a>", content_type="text/xml"), value({"b": "1", "c": "two"}, newline=True)),
    )),
    Shape("signed_form", DOCS + "slack/main.py", (
        (get(), text("POST only", 405)),
        (post(_SIGNED), page("Forbidden", "the signature does not fit", 403)),
        (post(_SIGNED, x_signature=_SIGNATURE), value(
            {"response_type": "in_channel", "text": "Query: python"}, newline=True)),
    )),
    Shape("json_answer", "prathamskk/function-cicd-exp: functions/hello_world/main.py", (
        (get("/a/b?n=1&n=2"), value({"many": ["1", "2"], "message": "Hello", "path": "/a/b"}, newline=True)),
    )),
    Shape("first_file", "STASYA00/iaacCodeAndDeploy: src/image_predict/main.py", (
        (_MULTIPART, Answer(b"\n\rGNP\x89", 201, {
            "content-type": "application/octet-stream", "set-cookie": "last=6; Path=/"})),
    )),
    Shape("only_some_methods", "alper-peker/semver_testing_env: gcp-functions/main.py", (
        (get(), text("fine ⚡", x_function="some")),
        (get(method="DELETE"), text("Method Not Allowed", 405, allow="GET, POST")),
    )),
    Shape("application_inside", "WhatTheTea/py-sprotyvmap-api: functions/main.py", (
        (get("/stations/7", x_caller="me"), value(
            {"caller": "me", "method": "GET", "station": 7}, newline=True)),
        (get("/nothing"), page(
            "Not Found", "The requested URL was not found on the server. If you entered the URL manually please "
            "check your spelling and try again.", 404)),
    )),
    Shape("application_in_a_test_context", "chris-ch/ib-data-collect: app/main.py", (
        (get("/stations/8", method="PUT"), value(
            {"caller": "nobody", "method": "PUT", "station": 8}, newline=True)),
    )),
    Shape("annotated", "bwebs/tr-webhook: main.py", (
        (get(), text("flask.wrappers.Request GET")),
    )),
    Shape("own_application", FRAMEWORK + "tests/test_functions/flask_current_app/main.py", (
        (get("/here"), text("/elsewhere and /HERE")),
    )),
    Shape("moved", DOCS + "concepts-requests/main.py", (
        (get("/?to=/new"), text(
            "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be "
            'redirected automatically to the target URL: <a href="/new">/new</a>. If not, click the link.\n',
            303, location="/new")),
    )),
    Shape("divides", FRAMEWORK + "tests/test_functions/errorhandler/main.py", (
        (get("/?by=5"), text("2")),
        (get("/?by=0"), text("no integer division or modulo by zero", 418)),
        (get(), page(
            "Bad Request", "The browser (or proxy) sent a request that this server could not understand.", 400)),
    )),
    Shape("everything_at_once", "SE2-WS23/microservice-template: main.py", (
        (get(), value({"ok": True}, 202, newline=True, x_kind="dict")),
    )),
    Shape("numbers", FRAMEWORK + "examples/cloud_run_streaming_http/main.py", (
        (get("/?to=3"), Answer(b"<ul><li>0</li><li>1</li><li>2</li></ul>", 200, {"content-type": "text/html"})),
    )),
    Shape("server_events", "prodriguezdefino/dataflow-bq-http-enrichment: cloud_run/app/main.py", (
        (post({"words": ["a", "b"]}), text("data: a POST\n\ndata: b POST\n\n",
                                           content_type="text/event-stream; charset=utf-8", cache_control="no-cache")),
    )),
)  # fmt: skip

PLAIN = (
    Shape("hello_world", "OpenFunction/samples: functions/knative/hello-world-python/main.py", (
        (get("/any/path"), text("hello, world")),
        (post(b"body"), text("hello, world")),
        (get(method="HEAD"), text("")),
    )),
    Shape("publish", DOCS + "v2/pubsub/main.py", (
        (post({"topic": "t", "message": "m"}), text("Message published.", 200, "Publishing to t")),
        (post({"topic": "t"}), text('Missing "topic" and/or "message" parameter.', 400)),
        (get(), text('Missing "topic" and/or "message" parameter.', 400)),
    )),
    Shape("lazy_client", DOCS + "tips-lazy-globals/main.py", (
        (get(), value({"made": 0, "weight": 4950})),
        (get(), value({"made": 0, "weight": 4950})),
    )),
    Shape("counting", DOCS + "concepts-stateless/main.py", (
        (get(), text("call 1")),
        (get(), text("call 2")),
    )),
    Shape("variable", DOCS + "env_vars/main.py", ((get(), text("green")),)),
    Shape("files", DOCS + "concepts-filesystem/main.py", ((post(b"four"), value({"a.txt": 4})),)),
    Shape("logs", DOCS + "v2/http-logging/main.py", (
        (get("/x"), text("logged", 200, '{"severity": "NOTICE", "message": "Hello"}')),
    )),
    Shape("fails", DOCS + "helloworld/main.py", (
        (get(), failed()),
    )),
    Shape("uses_a_module", FRAMEWORK + "tests/test_functions/http_with_import/main.py", (
        (get("/?word=hey"), text("HEY")),
    )),
    Shape("told_by_headers", DOCS + "v2/http-logging/main.py", (
        (Ask("/p?q=%20", "POST", {"Host": "shop.example", "X-Cloud-Trace-Context": "105/1;o=1", "User-Agent": "curl"},
             "é".encode()), value(
            {"trace": "105", "agent": "curl", "url": "http://shop.example/p?q=%20", "body": "é"})),
    )),
    Shape("nothing", "hairizuanbinnoorazman/meetup-stats: main.py", ((get(), text("")),)),
)  # fmt: skip
