# mypy: ignore-errors
"""HTTP functions as they are written for Google's framework, with Flask's names."""

import dataclasses
import functools
import hashlib
import hmac
import os
import tempfile
import typing
import xml.etree.ElementTree as ET

import flask
import flask.typing
import functions_framework
from flask import abort, current_app, g, jsonify, make_response, redirect, render_template_string
from markupsafe import escape
from werkzeug.utils import secure_filename

inner = flask.Flask("inner")


@inner.before_request
def remember():
    g.seen = flask.request.headers.get("X-Caller", "nobody")


@inner.route("/stations/<int:number>", methods=["GET", "PUT"])
def station(number):
    return jsonify(station=number, method=flask.request.method, caller=g.seen)


@dataclasses.dataclass
class Called:
    data: typing.Any
    raw: flask.Request


def on_call(function):
    """As firebase-functions does it: the user's parameter is made of Flask's request, and its result is wrapped."""

    @functools.wraps(function)
    def called(request):
        return jsonify(result=function(Called(flask.request.get_json()["data"], request)))

    called.__firebase_endpoint__ = {"callableTrigger": {}}
    return called


@on_call
def add(call: Called):
    return call.data["a"] + call.data["b"]


@functions_framework.http
def escaped_name(request):
    sent = request.get_json(silent=True)
    name = (sent or {}).get("name") or request.args.get("name") or "World"
    return f"Hello {escape(name)}!"


@functions_framework.http
def by_content_type(request):
    kind = request.headers["content-type"]
    if kind == "application/json":
        name = request.json.get("name")
    elif kind in ("application/octet-stream", "text/plain"):
        name = request.data.decode()
    elif kind == "application/x-www-form-urlencoded":
        name = request.form.get("name")
    else:
        return abort(415)
    return f"Hello {name}!"


def by_method(request):
    if request.method == "GET":
        return "read"
    if request.method == "PUT":
        return abort(403)
    return abort(405)


@functions_framework.http
def cors(request):
    allowed = {"Access-Control-Allow-Origin": "*"}
    if request.method == "OPTIONS":
        more = {"Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "3600"}
        return ("", 204, {**allowed, **more})
    return ("shared", 200, allowed)


@functions_framework.http
def cors_with_credentials(request):
    headers = {
        "Access-Control-Allow-Origin": "https://shop.example",
        "Access-Control-Allow-Credentials": "true",
    }
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Headers"] = "Authorization"
        return "", 204, headers
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        return "who are you", 401, headers
    return "welcome", 200, headers


@functions_framework.http
def upload(request):
    for field, value in request.form.to_dict().items():
        print("field", field, value)
    sizes = {}
    for name, file in request.files.to_dict().items():
        path = os.path.join(tempfile.gettempdir(), f"{os.getpid()}-{secure_filename(file.filename)}")
        file.save(path)
        sizes[name] = [secure_filename(file.filename), os.path.getsize(path), file.mimetype]
        os.remove(path)
    return sizes


@functions_framework.http
def xml(request):
    root = ET.fromstring(request.data)
    return {child.tag: child.text for child in root}


@functions_framework.http
def signed_form(request):
    if request.method != "POST":
        return "POST only", 405
    said = hmac.new(b"secret", request.get_data(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(said, request.headers.get("X-Signature", "")):
        abort(403, "the signature does not fit")
    return jsonify({"response_type": "in_channel", "text": f"Query: {request.form['text']}"})


def json_answer(request):
    return jsonify({"message": "Hello", "path": request.path, "many": request.args.getlist("n")})


@functions_framework.http
def first_file(request):
    for _, file in request.files.to_dict().items():
        content = file.read()
        break
    answer = make_response(content[::-1], 201)
    answer.headers["Content-Type"] = "application/octet-stream"
    answer.set_cookie("last", str(len(content)))
    return answer


@functions_framework.http
def only_some_methods(request):
    if request.method not in ("GET", "POST"):
        return ("Method Not Allowed", 405, {"Allow": "GET, POST"})
    return ("fine ⚡", 200, {"X-Function": "some"})


@functions_framework.http
def application_inside(request):
    with inner.request_context(request.environ):
        return inner.full_dispatch_request()


@functions_framework.http
def application_in_a_test_context(request: flask.Request):
    context = inner.test_request_context(
        path=request.full_path, method=request.method, data=request.data, headers=dict(request.headers)
    )
    context.push()
    try:
        return inner.full_dispatch_request()
    finally:
        context.pop()


@functions_framework.http
def annotated(request: flask.Request) -> flask.typing.ResponseReturnValue:
    return f"{type(request).__module__}.{type(request).__name__} {flask.request.method}"


def own_application(request):
    with current_app.test_request_context("/elsewhere"):
        inside = flask.request.path
    return render_template_string("{{ a }} and {{ b|upper }}", a=inside, b=request.path)


@functions_framework.http
def moved(request):
    return redirect(request.args.get("to", "/"), code=303)


@functions_framework.errorhandler(ZeroDivisionError)
def handle_zero(error):
    return f"no {error}", 418


def divides(request):
    return str(10 // int(request.args["by"]))


@functions_framework.http
def everything_at_once(request):
    return {"ok": True}, 202, {"X-Kind": "dict"}


@functions_framework.http
def numbers(request):
    def items():
        yield "<ul>"
        for number in range(int(request.args["to"])):
            yield f"<li>{number}</li>"
        yield "</ul>"

    return items(), {"Content-Type": "text/html"}


@functions_framework.http
def server_events(request):
    @flask.stream_with_context
    def events():
        for word in request.get_json()["words"]:
            yield f"data: {word} {flask.request.method}\n\n"

    return flask.Response(events(), mimetype="text/event-stream")
