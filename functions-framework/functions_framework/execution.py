"""Google's execution ids: with LOG_EXECUTION_ID, each line that a function prints is JSON with its call's id.

The id is the header Function-Execution-Id, or made up; the span is that of X-Cloud-Trace-Context. A line that is a
JSON object keeps its fields. Outside of a call, and without the setting, nothing is changed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import string
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO

from functions_framework import jsons
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.request import Request

HEADER = "function-execution-id"
_LABELS = "logging.googleapis.com/labels"
_SPAN = "logging.googleapis.com/spanId"
_TRACE = re.compile(r"\w+/(\d+);o=[01]")
_LETTERS = string.digits + string.ascii_letters
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})


@dataclass(frozen=True, slots=True)
class Execution:
    """One call, as Google's logs name it."""

    id: str
    span: str


_current: ContextVar[Execution | None] = ContextVar("functions_framework_execution", default=None)


def wanted(environ: Mapping[str, str]) -> bool:
    """True when LOG_EXECUTION_ID says so."""
    return environ.get("LOG_EXECUTION_ID", "").lower() in _TRUE


def install(environ: Mapping[str, str]) -> None:
    """Look at what is printed from now on; before the user's file is imported, as its logging keeps the streams."""
    for name in ("stdout", "stderr") if wanted(environ) else ():
        if not isinstance(getattr(sys, name), Labelled):
            setattr(sys, name, Labelled(getattr(sys, name)))


def labelled(program: Program, environ: Mapping[str, str]) -> Program:
    """The program with each call's id around its function, where LOG_EXECUTION_ID says so."""
    if not wanted(environ):
        return program
    return dataclasses.replace(program, functions=tuple(map(around, program.functions)))


def new_id() -> str:
    """Twelve letters and digits, at random."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(12))


def of(received: Request) -> Execution:
    """The id and span that a request names; an id of our own where it names none."""
    trace = _TRACE.fullmatch(received.headers.get("x-cloud-trace-context", ""))
    return Execution(received.headers.get(HEADER) or new_id(), trace[1] if trace else "")


def around(function: Function) -> Function:
    """The function with its call's id noted while it runs."""
    read = function.prepare

    def prepare(received: Request) -> tuple[Execution, Any]:
        return of(received), received if read is None else read(received)

    call = _call_async(function.call) if function.is_async else _call(function.call)
    return dataclasses.replace(function, prepare=prepare, call=call)


def _call(call: Callable[[Any], Any]) -> Callable[[tuple[Execution, Any]], Any]:
    def run(given: tuple[Execution, Any]) -> Any:
        token = _current.set(given[0])
        try:
            return call(given[1])
        finally:
            _current.reset(token)

    return run


def _call_async(call: Callable[[Any], Any]) -> Callable[[tuple[Execution, Any]], Any]:
    async def run(given: tuple[Execution, Any]) -> Any:
        token = _current.set(given[0])
        try:
            return await call(given[1])
        finally:
            _current.reset(token)

    return run


class Labelled:
    """A text stream whose lines name the call that writes them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what one call of `print` or of a log handler gives; the line end that `print` writes apart is ours."""
        execution = _current.get()
        if execution is None:
            return self._stream.write(text)
        if text != "\n":
            self._stream.write(f"{_line(text, execution)}\n")
            self._stream.flush()
        return len(text)


def _line(text: str, execution: Execution) -> str:
    try:
        told = jsons.loads(text)
    except jsons.DecodeError:
        told = None
    fields: dict[str, Any] = told if isinstance(told, dict) else {"message": text.removesuffix("\n")}
    labels = fields.get(_LABELS)
    fields[_LABELS] = {**(labels if isinstance(labels, dict) else {}), "execution_id": execution.id}
    if execution.span:
        fields[_SPAN] = execution.span
    return jsons.dumps(fields).decode()
