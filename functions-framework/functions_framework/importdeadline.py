"""A time within which importing the user's file must end, and where it hangs when it does not.

It uses the alarm signal and no thread, so nothing of it is left for a fork to inherit. A call into C that never comes
back to Python is out of its reach; whoever waits for the process to be ready ends that.
"""

from __future__ import annotations

import linecache
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from functions_framework import exits

_AGAIN = 1.0  # an error raised in a destructor, or under a bare `except`, ends nothing; so it is raised again


class _LateImport(BaseException):
    """Raised where the import hangs; no Exception, so that the user's `except Exception` does not take it."""

    def __init__(self, places: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self.places = places  # file and line of each frame, innermost first, before this error moves them


@contextmanager
def importing(source: str, seconds: float) -> Iterator[None]:
    """End an import of this file that takes longer.

    Raises:
        StartError: ImportBlocked with the line that hangs.
    """
    if not _may_use_alarm():
        yield
        return
    signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    except _LateImport as late:
        raise exits.StartError("ImportBlocked", _sentence(source, late.places, seconds)) from late
    finally:
        if signal.getsignal(signal.SIGALRM) is _alarm:  # the user's file may have taken it
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _may_use_alarm() -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def _alarm(_number: int, frame: FrameType | None) -> None:
    places = []
    while frame is not None:
        places.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    raise _LateImport(places)


def _sentence(source: str, places: Sequence[tuple[str, int]], seconds: float) -> str:
    where = _where(source, places)
    return (
        f"{where} was still running after {seconds:g} seconds, so {os.path.basename(source)} was never imported; "
        "move what waits into the function or a start-up hook, or raise OFN_IMPORT_SECONDS"
    )


def _where(source: str, places: Sequence[tuple[str, int]]) -> str:
    """File, line and text of the innermost frame beside the source, else of the innermost one."""
    beside = [place for place in places if os.path.dirname(place[0]) == os.path.dirname(source)]
    name, number = (beside or places)[0]
    return f"{os.path.basename(name)} line {number} (`{linecache.getline(name, number).strip()}`)"
