# mypy: ignore-errors
"""Functions that import no web framework; both frameworks serve them, and what they see must be the same."""

import functions_framework


def told(request):
    names = request.args.get("names", "").split(",")
    return {name: plain(getattr(request, name)) for name in names}


def plain(value):
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "to_dict"):
        return value.to_dict(flat=False)
    return str(value)


def values(request):
    return {
        "all": request.args.getlist("x"),
        "first": request.args.get("x"),
        "number": request.args.get("n", 7, type=int),
        "missing": request.args.get("missing"),
        "flat": request.args.to_dict(),
        "has": "x" in request.args,
        "values": request.values.get("x"),
    }


def needs(request):
    return request.args["needed"]


def needs_form(request):
    return request.form["needed"]


def headers(request):
    return {
        "agent": request.headers.get("User-Agent"),
        "lower": request.headers["x-one"],
        "missing": request.headers.get("X-Missing", "none"),
        "has": "X-ONE" in request.headers,
        "number": request.headers.get("X-Number", type=int),
        "string": request.user_agent.string,
    }


def json_property(request):
    return {"got": request.json}


def json_silent(request):
    return {"got": request.get_json(silent=True), "is": request.is_json}


def json_forced(request):
    return {"got": request.get_json(force=True)}


def body(request):
    return {
        "data": request.get_data().decode(),
        "text": request.get_data(as_text=True),
        "stream": request.stream.read().decode() if not request.data else "",
        "length": request.content_length,
    }


def form(request):
    file = request.files.get("up")
    return {
        "form": request.form.to_dict(),
        "file": [file.filename, file.mimetype, file.read().decode()] if file else None,
        "list": request.form.getlist("a"),
    }


def authorization(request):
    given = request.authorization
    return {"given": given and [given.type, given.username, given.password, given.token]}


def cookies(request):
    return {"a": request.cookies.get("a"), "missing": request.cookies.get("b", "none")}


def gives_text(request):
    return "text é"


def gives_bytes(request):
    return b"bytes"


def gives_dict(request):
    return {"b": 1, "a": [1, 2, {"c": None}], "é": "ü"}


def gives_list(request):
    return [1, "two", None]


def gives_status(request):
    return "made", 201


def gives_headers(request):
    return "made", {"X-One": "1", "Content-Type": "text/plain"}


def gives_both(request):
    return {"made": True}, 202, {"X-One": "1"}


def gives_pairs(request):
    return "made", 200, [("X-One", "1"), ("X-One", "2")]


def gives_empty(request):
    return "", 204


def gives_pieces(request):
    yield "one "
    yield "two"


def gives_none(request):
    return None


def gives_number(request):
    return 7


def raises(request):
    raise ValueError("secret")


@functions_framework.errorhandler(KeyError)
def no_key(error):
    return "no key", 409


def raises_handled(request):
    raise KeyError("x")


@functions_framework.http
def declared(request):
    return request.method + " " + request.path


@functions_framework.cloud_event
def event(cloud_event):
    if cloud_event["type"] == "fail":
        raise ValueError("secret")


def background(data, context):
    if context.event_type == "fail":
        raise ValueError("secret")
