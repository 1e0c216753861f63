"""What a fork of a template does to become an instance: own session, environment, log, limits, randomness.

It returns to nobody; the process ends here.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # CPython's own, which signal.py wraps
import asyncio
import gc
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from functions_framework import cli, control, exits, settings
from functions_framework.program import Program
from functions_framework.serving import instance
from functions_framework.templates import privatepages

_GENERATORS = ("numpy.random", "torch")


def become(program: Program, spec: control.ForkSpec, pools: object | None) -> NoReturn:
    """Serve the function as this spec says; call it in a fresh fork that holds nothing of its parent's."""

    def serve() -> None:
        detach(spec.log)
        environ = environment(spec)
        apply_environment(environ)
        _apply_limits(spec.limits)
        reseed()
        gc.enable()
        instance.serve(program, settings.instance_settings(environ), when_quiet=lambda: _settle(pools, spec))

    run(serve, failed="InstanceFailed")


def run(work: Callable[[], None], *, failed: str) -> NoReturn:
    """Be a process that does this and ends: with the code of the error, or of the reason `failed` for any other."""
    code = exits.EXIT_CODES[failed]
    try:
        work()
        code = 0
    except exits.StartError as error:
        cli.tell(error)
        code = error.code
    except BaseException:  # noqa: BLE001  # the root of a process: its log gets the reason
        traceback.print_exc()
    instance.end(code)


def detach(log_file: str) -> None:
    """Leave the parent's session, signal handlers, input and, when a file is named, its output."""
    os.setsid()
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        # Not signal.signal: it makes enum members of old and new handler, for 30 private pages.
        _signal.signal(number, _signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if log_file:
        log = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)


def environment(spec: control.ForkSpec) -> dict[str, str]:
    """The environment that an instance of this spec has."""
    return {
        **spec.env,
        "HOST": spec.host,
        "PORT": str(spec.port),
        "OFN_CONTROL": spec.control,
        "OFN_INSTANCE": spec.instance,
    }


def apply_environment(wanted: Mapping[str, str]) -> None:
    """Make this process's environment equal to the wanted one."""
    # Most of it is the template's already; what is not touched stays in pages that all forks share.
    for name in list(os.environ):
        if name not in wanted:
            del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    if "TZ" in wanted:
        time.tzset()


def _apply_limits(limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        if name == "cpus":
            continue
        number = getattr(resource, f"RLIMIT_{name.upper()}", None)
        if number is None:
            raise exits.StartError("InvalidSetting", f"the limit {name!r} is not known on this system")
        _, hard = resource.getrlimit(number)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (allowed, allowed))


def reseed() -> None:
    """Give the global generators of libraries a state of their own.

    Python's random module does so itself at a fork, and so does OpenSSL, which ssl and secrets draw from.
    """
    for name in _GENERATORS:
        library: Any = sys.modules.get(name)  # Any: the library is the user's, not ours
        if library is not None:
            library.seed()


def _settle(pools: object | None, spec: control.ForkSpec) -> None:
    """What can wait until the first answers are out."""
    privatepages.give_back(asyncio.get_running_loop())
    _raise_pools(pools, spec)


def _raise_pools(pools: Any, spec: control.ForkSpec) -> None:  # Any: threadpoolctl is the user's, not ours
    """Let BLAS and OpenMP use the processors of this instance; the template held them at one thread.

    It starts their threads, which takes longer than the fork itself, and is not safe while they compute.
    """
    wanted = spec.limits.get("cpus") or _processors()
    if pools is not None and wanted > 1:
        pools.limit(limits=wanted)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux; elsewhere no affinity can be asked for
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
