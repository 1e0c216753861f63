"""The end of a build from outside: its time is over, or someone asked it to stop.

The build's own code sees an exception wherever it is; its children are gone by then.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from openfunction_builder import children


class EndedError(Exception):
    """The build was ended; never a BuildError, which code within a build may handle."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason, self.message = reason, message


@contextlib.contextmanager
def guarded(seconds: float) -> Iterator[None]:
    """Raise EndedError in this thread, the main one, after some seconds (0: never) or when SIGTERM comes.

    Whatever the build started is gone by then, and when the build is over by itself.
    """

    def end(number: int, _: FrameType | None) -> None:
        for signal_number in previous:  # once is enough: the way out must not be cut short
            signal.signal(signal_number, signal.SIG_IGN)
        children.end()
        if number == signal.SIGTERM:
            raise EndedError("BuildStopped", "the builder was told to stop before the image was made")
        raise EndedError(
            "BuildTimeout",
            f"the build took longer than {seconds:g} s; give it more time with spec.build.timeout",
        )

    children.adopt_orphans()
    previous = {number: signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGTERM)}
    for number in previous:
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        children.end()
        for number, handler in previous.items():
            signal.signal(number, handler)
