"""Which other framework an HTTP function is written for, told by the user's code alone; it imports none of them.

A function is written for Flask when the user's own files import flask or werkzeug, anywhere, or name something of
a library's module that does; for Starlette when `functions_framework.aio` declares it, or its parameter is annotated
so; and an object or function with the parameters of ASGI or WSGI is an application of either.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any, get_type_hints

from functions_framework import registry, settings
from functions_framework.registry import Note, Signature

_IMPORT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*,[ \t]*)?(?:flask|werkzeug)\b", re.MULTILINE)
_FLASK = frozenset({"flask", "werkzeug"})
_ASGI = ("scope", "receive", "send")
_FIREBASE = "__firebase_endpoint__"  # on what the decorators of firebase-functions give
_APPLICATIONS = (_ASGI, ("environ", "start_response"))


def note_for(written: Callable[..., Any], signature: Signature, environ: Mapping[str, str]) -> Note:
    """What a callable is noted as, or the signature says; FUNCTION_USE_ASGI makes HTTP functions Starlette's.

    Raises:
        StartError: InvalidSetting.
    """
    note = _in_style(registry.note_of(written) or Note(signature), environ)
    if not environ.get("OFN_MAX_TYPED_BYTES"):
        return note
    return replace(note, options={**note.options, "max_typed": settings.typed_bytes(environ)})


def _in_style(note: Note, environ: Mapping[str, str]) -> Note:
    if not settings.switch(environ, "FUNCTION_USE_ASGI") or note.signature != "http" or note.options:
        return note
    return replace(note, options={"module": "starlette_style"})


def module_of(written: Callable[..., Any], note: Note) -> str:
    """The module of signatures/ that serves an application or what `aio` declares; empty for any other."""
    if is_application(written):
        return "application"
    if hasattr(written, _FIREBASE):  # its decorator takes a Flask request, whatever the user's parameter is
        return "flask_style"
    told: str = note.options.get("module", "")
    return told or ("starlette_style" if _takes_starlettes(written) else "")


def _takes_starlettes(written: Callable[..., Any]) -> bool:
    """True when the annotated parameter is Starlette's request, which is FastAPI's too, and there is no other."""
    module = sys.modules.get("starlette.requests")
    if module is None:
        return False
    try:
        hints = get_type_hints(inspect.unwrap(written))
    except (NameError, TypeError, AttributeError):  # a name for type checkers alone, or an object
        return False
    asked = [hint for name, hint in hints.items() if name != "return"]
    return len(asked) == 1 and isinstance(asked[0], type) and issubclass(asked[0], module.Request)


def is_application(written: object) -> bool:
    """True for an ASGI or WSGI application."""
    return _parameters(written) in _APPLICATIONS


def is_asgi(written: Callable[..., Any]) -> bool:
    """True for an ASGI application."""
    return _parameters(written) == _ASGI


def uses_flask(written: Callable[..., Any]) -> bool:
    """True when a file of the user's imports flask, or names something whose module does; and flask is there."""
    module = sys.modules.get(getattr(written, "__module__", None) or "")
    if module is None:
        return False
    own = list(_own(module))
    if any(_imports_flask(str(each.__file__)) for each in own):
        return find_spec("flask") is not None
    return "flask" in sys.modules and any(map(_names_flask, own))


def importing(module: ModuleType) -> AbstractContextManager[object]:
    """What a user's module is imported in: the context of its Flask application, where its file imports Flask."""
    file = module.__file__
    if file is None or not _imports_flask(file) or find_spec("flask") is None:
        return nullcontext()
    from functions_framework.signatures import flask_style  # noqa: PLC0415  # imports Flask

    return flask_style.module_application(module).app_context()


def _parameters(written: Any) -> tuple[str, ...]:  # Any: functions and objects alike
    call = written
    if not isinstance(written, FunctionType):
        call = getattr(type(written), "__call__", None)  # noqa: B004  # its code is read, not whether it is there
        if not isinstance(call, FunctionType):
            return ()
    code = call.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names if call is written else names[1:]


def _imports_flask(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            text = opened.read()
    except OSError:  # a module of a zip file, or one whose file has gone
        return False
    return b"flask" in text and _IMPORT.search(text) is not None


def _names_flask(module: ModuleType) -> bool:
    """True when something that the module uses comes from a module which imports flask, such as a chat's adapter."""
    others = (sys.modules.get(name) for name in _used(module))
    return any(
        other is not None and _FLASK & {name.partition(".")[0] for name in _used(other)} for other in others
    )


def _own(module: ModuleType) -> Iterator[ModuleType]:
    """The user's modules: this one, and those of what it uses that lie beside it or below."""
    home = os.path.dirname(getattr(module, "__file__", None) or "/nowhere/at/all")
    seen, waiting = {module.__name__}, [module]
    while waiting:
        current = waiting.pop()
        file = getattr(current, "__file__", None)
        if not file or not file.startswith(os.path.join(home, "")) or "site-packages" in file:
            continue
        yield current
        new = _used(current) - seen
        seen |= new
        waiting += [found for name in new if (found := sys.modules.get(name)) is not None]


def _used(module: ModuleType) -> set[str]:
    values = list(vars(module).values())
    modules = {value.__name__ for value in values if isinstance(value, ModuleType)}
    return modules | {value.__module__ for value in values if isinstance(value, FunctionType | type)}
