"""The log of this distribution's programs: a constant sentence plus fields, one JSON object a line on stderr.

It formats no sentences; a value goes into a field.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping

from openfunction_eventing import clock

LEVEL_VARIABLE = "OFN_LOG_LEVEL"
_FIELDS = "openfunction_fields"


class Logger:
    """A named log with bound fields."""

    __slots__ = ("_bound", "_log")

    def __init__(self, log: logging.Logger, bound: Mapping[str, object]) -> None:
        """Write to `log`, adding `bound` to every line."""
        self._log = log
        self._bound = bound

    def bind(self, **fields: object) -> Logger:
        """The same log with more fields on every line."""
        return Logger(self._log, {**self._bound, **fields})

    def info(self, sentence: str, **fields: object) -> None:
        """What happened."""
        self._write(logging.INFO, sentence, fields)

    def warning(self, sentence: str, **fields: object) -> None:
        """What may need a person."""
        self._write(logging.WARNING, sentence, fields)

    def error(self, sentence: str, **fields: object) -> None:
        """What failed."""
        self._write(logging.ERROR, sentence, fields)

    def exception(self, sentence: str, **fields: object) -> None:
        """What failed, with the traceback of the exception being handled."""
        self._write(logging.ERROR, sentence, fields, trace=True)

    def _write(self, level: int, sentence: str, fields: Mapping[str, object], *, trace: bool = False) -> None:
        if self._log.isEnabledFor(level):
            self._log.log(level, sentence, exc_info=trace, extra={_FIELDS: {**self._bound, **fields}})


class _Lines(logging.Formatter):
    """One JSON object per record."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": clock.timestamp(record.created),
            "level": record.levelname.lower(),
            "component": self._component,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        for name, value in getattr(record, _FIELDS, {}).items():
            line[f"{name}_" if name in line else name] = value
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def get(name: str) -> Logger:
    """The log of that name."""
    return Logger(logging.getLogger(f"openfunction.eventing.{name}"), {})


def setup(component: str) -> None:
    """Send every log of this process to standard error as JSON lines; the level comes from OFN_LOG_LEVEL."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(component))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    level = os.environ.get(LEVEL_VARIABLE, "INFO").upper()
    logging.getLogger("openfunction").setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
