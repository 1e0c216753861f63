"""What is said of a run of a container that has ended: exit code, reason, message.

It reads the run's files and writes none.
"""

from __future__ import annotations

import re
from pathlib import Path

from openfunction_py.api.upstream import core
from openfunction_py.node import files
from openfunction_py.node.logs import Run

MAX_MESSAGE = 4096
MAX_LOG_MESSAGE = 2048
LOG_LINES = 80
UNKNOWN = 137
_TOLD = re.compile(r"^(?:functions_framework|openfunction): ([A-Z]\w+): (.+)$", re.MULTILINE)


def exit_code(code: int | None) -> int:
    """An exit code as containers have it: a signal counts from 128; unknown is that of a killed process."""
    if code is None:
        return UNKNOWN
    return 128 - code if code < 0 else code


def explain(container: core.Container, run: Run, code: int | None) -> tuple[str, str]:
    """Reason and message for the terminated state, as the kubelet fills them."""
    message = _read(run.message)
    if code == 0:
        return "Completed", message
    told = _TOLD.findall(files.tail(run.log, lines=LOG_LINES))
    if not message and container.termination_message_policy == "FallbackToLogsOnError":
        message = files.tail(run.log, lines=LOG_LINES)[-MAX_LOG_MESSAGE:]
    if code is None:
        return "ContainerStatusUnknown", message or "nobody saw how the instance ended"
    if told:
        return told[-1][0], message or told[-1][1]
    return "Error", message


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MESSAGE).decode(errors="replace")
    except FileNotFoundError:
        return ""
