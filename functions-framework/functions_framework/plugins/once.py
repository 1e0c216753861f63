"""A plugin for functions that run as Jobs: the process ends after the event that it has handled.

It ends nothing that failed: a failed event comes again, to this process.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
from typing import Final

from functions_framework.dapr import settings
from functions_framework.invocation import Invocation

_log = logging.getLogger("functions_framework.plugins")
_EVENTS: Final = frozenset({"cloudevent", "topic", "binding"})
_TIMEOUT: Final = 2.0
_GUARD: Final = "OFN_GUARD_PID"  # what serving/worker.py sets


class RunOnce:
    """Asks the sidecar to end, then ends this process, as a signal would: what is under way is answered first.

    Where a guard would start another one in its place, the guard is ended.
    """

    name = "run-once"
    version = "v1"

    def exec_post_hook(self, call: Invocation) -> None:
        """End after an event that was handled; the sidecar takes no further one from its broker."""
        if call.error is not None or call.trigger not in _EVENTS:
            return
        _log.info("the event is handled, so this process ends")
        leave(settings.from_environ(os.environ))
        os.kill(int(os.environ.get(_GUARD) or os.getpid()), signal.SIGTERM)


def leave(sidecar: settings.Sidecar) -> None:
    """Ask a sidecar to settle what it has and to end; without one there is nobody to ask."""
    connection = http.client.HTTPConnection(sidecar.host, sidecar.http_port, timeout=_TIMEOUT)
    token = {"dapr-api-token": sidecar.token} if sidecar.token else {}
    with contextlib.closing(connection):
        try:
            connection.request("POST", "/v1.0/shutdown", headers=token)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            _log.warning("the sidecar was not asked to end: %s", error)
