"""The node as a process of its own, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from openfunction_py.lib.home import Home


class Outside:
    """Starts the node of a home, kills it, starts it again."""

    def __init__(self, home: Home) -> None:
        """Start nothing yet."""
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the node."""
        environ = {**os.environ, "OFN_HOME": str(self._home.root)}
        with (self._home.root / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "openfunction_py.embedded", "node"],
                env=environ,
                stderr=log,
                stdout=log,
            )

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None


@contextmanager
def node(home: Home) -> Iterator[Outside]:
    """A node that runs, stopped at the end."""
    outside = Outside(home)
    outside.start()
    try:
        yield outside
    finally:
        outside.stop()
