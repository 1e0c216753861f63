"""HTTP functions written for Flask: they run inside a Flask application, in a request's context, with its request.

So `flask.request`, `jsonify`, `abort`, `g`, `current_app`, error handlers and every way to return are Flask's own.
An error that nothing handles leaves the application and is the dispatcher's, as any function's.
"""

from __future__ import annotations

import contextvars
import inspect
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import flask
from werkzeug.routing import Rule

from functions_framework import errorhandlers, errors, execution, response, signatures, wsgi
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply

_VIEW = "run"
_CALLED = "functions_framework.function"
_EXECUTION = "HTTP_FUNCTION_EXECUTION_ID"
_KEPT = "__functions_framework_flask__"


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of `flask.Request`."""
    signatures.check_arity(name, written, ("the request",))
    application = application_of(written)
    is_async = signatures.is_async(written)
    return Function(
        name=name,
        call=_call_async(application, written) if is_async else _call(application, written),
        signature="http",
        is_async=is_async,
        inline=note.inline,
        concurrency=note.concurrency,
        render=_as_it_is,
        path=note.path,
        methods=note.methods,
        written=written,
    )


class _Answered:
    """What Flask answered in the place of a function that raised."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


def in_context(function: Function, written: Callable[..., Any]) -> Function:
    """A function of events or types whose file imports Flask: it runs in a request's context, and may abort."""
    application = application_of(written)
    read, render = function.prepare, function.render or response.answer

    def prepare(received: Request) -> tuple[Request, Any]:
        return received, received if read is None else read(received)

    def call(given: tuple[Request, Any]) -> Any:
        with application.request_context(_environ(given[0])):
            try:
                return function.call(given[1])
            except Exception as error:  # noqa: BLE001  # raised again where nothing handles it
                return _answered(application, error)

    async def call_async(given: tuple[Request, Any]) -> Any:
        with application.request_context(_environ(given[0])):
            try:
                return await function.call(given[1])
            except Exception as error:  # noqa: BLE001  # as above
                return _answered(application, error)

    def rendered(result: Any) -> Reply:
        if isinstance(result, _Answered):
            return result.reply
        return reply_of(result) if isinstance(result, flask.Response) else render(result)

    chosen = call_async if function.is_async else call
    return replace(function, prepare=prepare, call=chosen, render=rendered)


def _answered(application: flask.Flask, error: Exception) -> _Answered:
    result = _dispatched(application, lambda: application.handle_user_exception(error))
    return _Answered(reply_of(application.finalize_request(result)))


def application_of(written: Callable[..., Any]) -> flask.Flask:
    """The application that a function runs in: the one its module was imported in, else a new one.

    It calls the function that a request's environ names; without one, the function that it was last made for.
    """
    module = sys.modules.get(inspect.unwrap(written).__module__)
    application = getattr(module, _KEPT, None) or new_application("function", home_of(written))
    application.extensions[_CALLED] = written
    if _VIEW in application.view_functions:
        return application
    add_view(application, _call_user)
    for handled, handler in errorhandlers.handlers_of(written).items():
        application.register_error_handler(handled, handler)
    application.register_error_handler(errors.HttpError, _of_ours)
    return application


def module_application(module: ModuleType) -> flask.Flask:
    """The application of a user's module, kept on it; `current_app` is this one while the module is imported."""
    application = new_application(module.__name__, Path(str(module.__file__)).parent)
    setattr(module, _KEPT, application)
    return application


def new_application(name: str, home: Path) -> flask.Flask:
    """An application whose templates and static files lie beside the user's file."""
    static = "static" if (home / "static").is_dir() else None
    return flask.Flask(
        name, root_path=str(home), template_folder=str(home / "templates"), static_folder=static
    )


def add_view(application: flask.Flask, view: Callable[[], Any]) -> None:
    """Answer every path and every method with this view."""
    # Rules without methods answer all of them, OPTIONS too; add_url_rule would keep OPTIONS for itself.
    application.url_map.add(Rule("/", defaults={"path": ""}, endpoint=_VIEW))
    application.url_map.add(Rule("/<path:path>", endpoint=_VIEW))
    application.view_functions[_VIEW] = lambda path: view()  # noqa: ARG005  # the rule's variable


def with_files_missing(application: flask.Flask) -> flask.Flask:
    """The application without the files that browsers ask for; a server of ours answers them itself."""
    for path in ("/favicon.ico", "/robots.txt"):
        application.url_map.add(Rule(path, endpoint=path))
        application.view_functions[path] = lambda: flask.abort(404)
    return application


def reply_of(answered: flask.Response, context: contextvars.Context | None = None) -> Reply:
    """The answer of a Flask response; one that streams does so in the context of its call, and is closed at its end."""
    headers = answered.get_wsgi_headers(
        {}
    ).to_wsgi_list()  # as sent: none of a body's with 304, ASCII locations
    chunks = _chunks(answered)
    whole = not answered.is_streamed or wsgi.is_short(headers)
    if whole:
        return wsgi.answer(answered.status_code, headers, b"".join(chunks))
    return wsgi.answer(answered.status_code, headers, wsgi.within(context, chunks) if context else chunks)


def _call(application: flask.Flask, written: Callable[..., Any]) -> Callable[[Request], Reply]:
    def answered(received: Request, context: contextvars.Context) -> Reply:
        with application.request_context({**_environ(received), _CALLED: written}):
            return reply_of(_dispatched(application, application.full_dispatch_request), context)

    def call(received: Request) -> Reply:
        context = contextvars.copy_context()
        return context.run(answered, received, context)

    return call


def _environ(received: Request) -> dict[str, Any]:
    """The request's environ; Google's functions always find the header with their call's id."""
    made = wsgi.environ(received)
    if _EXECUTION not in made:
        made[_EXECUTION] = execution.new_id()
    return made


def _call_user() -> Any:
    written = flask.request.environ.get(_CALLED) or flask.current_app.extensions[_CALLED]
    return _flasks(written(_request()))


def _flasks(result: Any) -> Any:
    """A response of ours as one of Flask's; anything else as it is."""
    if not isinstance(result, response.Response):
        return result
    reply = response.answer(result)
    if isinstance(reply, response.Stream):
        raise TypeError("a function written for Flask streams with flask.Response, not with our Response")
    status, lines, body = reply
    return flask.Response(body, status, _pairs(lines))


def _request() -> flask.Request:
    """The request behind Flask's proxy, as Google's framework hands it over."""
    return flask.request._get_current_object()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001  # werkzeug documents it


def _call_async(application: flask.Flask, written: Callable[..., Any]) -> Callable[[Request], Any]:
    async def call(received: Request) -> Reply:
        with application.request_context(_environ(received)):
            try:
                result: Any = application.preprocess_request()
                if result is None:
                    result = _flasks(await written(_request()))
            except Exception as error:  # noqa: BLE001  # raised again where nothing handles it
                caught = error
                result = _dispatched(application, lambda: application.handle_user_exception(caught))
            return reply_of(application.finalize_request(result))

    return call


def _dispatched(application: flask.Flask, run: Callable[[], Any]) -> Any:
    """What Flask gives; where the user handles 500, Flask's answer to an error that nothing else handles."""
    try:
        return run()
    except Exception as error:
        if 500 not in application.error_handler_spec[None]:
            raise
        return application.handle_exception(error)


def _of_ours(error: Exception) -> flask.Response:
    told = cast("errors.HttpError", error)
    return flask.Response(f"{told.message}\n", told.status, _pairs(told.lines), mimetype="text/plain")


def _pairs(lines: bytes) -> list[tuple[str, str]]:
    cut = (line.decode("latin-1").partition(": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in cut]


def _chunks(answered: flask.Response) -> Generator[bytes, None, None]:
    try:
        yield from answered.iter_encoded()
    finally:
        answered.close()


def home_of(written: Callable[..., Any]) -> Path:
    module = sys.modules.get(inspect.unwrap(written).__module__)
    file = getattr(module, "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def _as_it_is(result: Any) -> Reply:  # Any: what `call` gives, which is a Reply
    return cast("Reply", result)
