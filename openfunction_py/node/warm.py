"""A warm program: a process that has a program's imports done and is forked for each container that runs it.

`python -m openfunction_py.node.warm MODULE --socket S --exits E`. It speaks as a function's template does, holds
nothing of any Pod, and runs as the platform's user: every fork confines itself first, as the launcher would have.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from functions_framework import cli, control, exits
from functions_framework.templates import child, footprint, immortal, privatepages, template
from openfunction_py.node import launcher

PR_SET_DUMPABLE = 4
MOST_DESCRIPTORS = 1 << 16
_QUIET_WITHIN = 0.2
_FAILED = 1
_STRINGS = ("log", "cwd")

Main = Callable[[Sequence[str]], int]


class Forks(template.Template):
    """A template whose forks run a program instead of a function."""

    def __init__(self, main: Main, warm: template.Warm, *, path: Path, exits_file: Path) -> None:
        """Listen at `path`; forks call `main` with their arguments."""
        super().__init__(warm, listener=template.listen(path), path=path, exits_file=exits_file)
        self._main = main

    def _instance(self, wire: dict[str, Any]) -> Callable[[], NoReturn]:
        _check(wire)
        return lambda: become(self._main, wire)


def _check(wire: dict[str, Any]) -> None:
    wrong = [name for name in _STRINGS if not isinstance(wire.get(name), str)]
    wrong += [name for name, kind in (("argv", list), ("env", dict)) if not isinstance(wire.get(name), kind)]
    if wrong:
        raise control.FrameError(f"an order to fork a program lacks {', '.join(wrong)}")


def become(main: Main, wire: dict[str, Any]) -> NoReturn:
    """Run the program as ordered, in a fork that holds nothing of its parent's; the process ends here."""
    code = _FAILED
    try:
        _detach(wire["log"])
        launcher.confine(wire)
        # What was opened to make the mounts leads around them; nothing else is open in a warm process.
        os.closerange(3, MOST_DESCRIPTORS)
        _stay_readable()
        os.chdir(wire["cwd"])
        child.apply_environment(wire["env"])
        gc.enable()
        sys.argv = list(wire["argv"])
        code = main(sys.argv[1:])
    except (OSError, launcher.StepError) as error:
        print(f"openfunction: StartFailed: the program cannot be started: {error}", file=sys.stderr)  # noqa: T201 # its log is its stderr
        code = launcher.FAILED
    except BaseException:  # noqa: BLE001 # the root of a process: its log gets the reason
        traceback.print_exc()
    _end(code)


def _detach(log_file: str) -> None:
    """Let go of the parent's signal handlers, and take the container's log for output."""
    for caught in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(caught, signal.SIG_DFL)
    for path, flags, numbers in (
        (os.devnull, os.O_RDONLY, (0,)),
        (log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, (1, 2)),
    ):
        opened = os.open(path, flags, 0o640)
        for number in numbers:
            os.dup2(opened, number)
        os.close(opened)


def _stay_readable() -> None:
    """A process that changed its user without an exec may not look at itself in /proc, and libraries do."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def _end(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def warmed(module: str) -> tuple[Main, template.Warm]:
    """A program with its imports done, and whether that may be forked."""
    before = footprint.take()
    program = import_module(module)
    program.prepare()
    after = footprint.take_when_quiet(_QUIET_WITHIN)
    gc.disable()  # until the fork, so that no collection touches pages the forks share
    gc.collect()
    immortal.keep_all()
    filled = privatepages.fill_holes()
    gc.freeze()
    unsafe = footprint.why_unsafe(before, after)
    return program.main, template.Warm(None, None, after.threads, unsafe, filled)


def main(arguments: Sequence[str] | None = None) -> None:
    """Import, listen and fork until told to quit; ends the process."""
    parser = argparse.ArgumentParser(prog="openfunction_py.node.warm", description=__doc__)
    parser.add_argument("module", help="has `prepare()`, which imports, and `main(arguments)`, which runs")
    parser.add_argument("--socket", type=Path, required=True, help="path of the Unix socket to listen at")
    parser.add_argument("--exits", type=Path, required=True, help="file that gets a line for each ended fork")
    options = parser.parse_args(arguments)
    cli.line_buffered()
    try:
        run, warm = warmed(options.module)
        Forks(run, warm, path=options.socket, exits_file=options.exits).run()
    except exits.StartError as error:
        cli.tell(error)
        _end(error.code)
    _end(0)


if __name__ == "__main__":
    main()
