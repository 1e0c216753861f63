"""Log records as lines of JSON, with the call that they belong to; for OFN_LOG_FORMAT=json only.

What a function prints goes out as it is; without the setting nothing of `logging` is touched.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions_framework import exits, invocation, jsons
from functions_framework.invocation import Invocation

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "taskName"}


def wanted(environ: Mapping[str, str]) -> bool:
    """True when JSON is asked for; raises StartError InvalidSetting for another format than text and json."""
    text = environ.get("OFN_LOG_FORMAT", "").lower() or "text"
    if text not in {"text", "json"}:
        raise exits.StartError("InvalidSetting", f"the variable OFN_LOG_FORMAT is {text!r}; set text or json")
    return text == "json"


def install(environ: Mapping[str, str]) -> None:
    """Give the root logger two handlers: up to INFO on stdout, from WARNING on stderr.

    OFN_LOG_LEVEL is the least level, INFO unless it says otherwise. A second call changes nothing.

    Raises:
        StartError: InvalidSetting for a level that is not known.
    """
    root = logging.getLogger()
    if any(isinstance(handler.formatter, Formatter) for handler in root.handlers):
        return
    root.setLevel(_level(environ.get("OFN_LOG_LEVEL", "").upper() or "INFO"))
    out, err = _Stream("stdout"), _Stream("stderr")
    out.addFilter(lambda record: record.levelno < logging.WARNING)
    err.setLevel(logging.WARNING)
    for handler in (out, err):
        handler.setFormatter(Formatter())
        root.addHandler(handler)


def _level(text: str) -> int:
    known = logging.getLevelNamesMapping()
    if text not in known:
        names = ", ".join(name for name in known if name != "NOTSET")
        raise exits.StartError(
            "InvalidSetting", f"the variable OFN_LOG_LEVEL is {text!r}; set one of {names}"
        )
    return known[text]


class _Stream(logging.StreamHandler[Any]):
    """Writes to what sys.stdout or sys.stderr is at that moment, as print does."""

    def __init__(self, name: str) -> None:
        self._standard = name
        super().__init__(getattr(sys, name))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = getattr(sys, self._standard)
        super().emit(record)


class Formatter(logging.Formatter):
    """One record as one line: time, level, logger, message, the call's ids, the traceback, and its `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what JSON cannot hold is shown as text."""
        fields: dict[str, Any] = {  # Any: JSON
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_ids(record),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = type(record.exc_info[1]).__name__
            fields["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return _line(fields)


def _ids(record: logging.LogRecord) -> dict[str, str]:
    call = invocation.current() or getattr(getattr(record, "request", None), "invocation", None)
    if not isinstance(call, Invocation):
        return {}
    found = {"function": call.function, "invocation_id": call.id}
    trace = call.trace
    return found if trace is None else {**found, "trace_id": trace.trace_id, "span_id": trace.span_id}


def _line(fields: dict[str, Any]) -> str:
    try:
        return jsons.dumps(fields).decode()
    except (TypeError, ValueError):
        return jsons.dumps({name: _shown(value) for name, value in fields.items()}).decode()


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode(errors="replace").decode()  # a lone surrogate has no UTF-8
