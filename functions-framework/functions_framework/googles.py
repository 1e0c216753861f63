"""Names of Google's package that little code needs: types for annotations, and the logging of its first runtime."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from functions_framework.cloudevent import CloudEvent

HTTPFunction: TypeAlias = Callable[[Any], Any]  # Any: Flask's request or ours, and what may be answered
CloudEventFunction: TypeAlias = Callable[[CloudEvent], None]


def setup_logging() -> None:
    """Log INFO and less on standard output, WARNING and more on standard error."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    told, warned = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    told.addFilter(lambda record: record.levelno <= logging.INFO)
    warned.setLevel(logging.WARNING)
    root.addHandler(told)
    root.addHandler(warned)
