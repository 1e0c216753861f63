"""A template: a process that has imports done and forks on request.

A revision template has the function's module imported and its forks are instances; a dependency template has only
packages imported and its forks are revision templates.

One thread, no event loop, no state of its own but its connections; it outlives the node that started it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from typing import Any, NoReturn

from functions_framework import cli, control, exits, loader, settings
from functions_framework.program import Program
from functions_framework.serving import instance
from functions_framework.templates import (
    child,
    dependencies,
    footprint,
    immortal,
    peer,
    privatepages,
    rehearsal,
)

_POOL_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# What the standalone command imports when it is needed; a template has it before the fork, where it is shared.
_LATER = ("uvloop", "urllib.parse", "functions_framework.serving.link")
_LOOK_EVERY_MS = 2000
_BACKLOG = 64
_QUIET_WITHIN = 0.2  # a thread that an import ended is gone by then


@dataclass(frozen=True, slots=True)
class Warm:
    """What a template holds ready, and whether that may be forked; `program` is None in a dependency template."""

    program: Program | None
    pools: object | None
    threads: tuple[str, ...]
    unsafe: str
    filled: Sequence[bytes] = ()

    def ready(self) -> dict[str, Any]:
        """The first message on every connection."""
        return control.template_ready(
            os.getpid(), threads=self.threads, fork_safe=not self.unsafe, reason=self.unsafe
        )


def warm_up(function_settings: settings.FunctionSettings) -> Warm:
    """Import what an instance needs and the user's module; raises StartError."""
    return _warmed(lambda: loader.load(function_settings), immortal.keep_program)


def warm_dependencies(source: Path, layer: Path) -> Warm:
    """Import what the function's file imports from its dependency layer, and nothing of the file itself."""
    names = dependencies.learn(dependencies.source_of(source), layer)
    return _warmed(lambda: _import_all(names), immortal.keep_all)


def _import_all(names: Sequence[str]) -> None:
    for failed in dependencies.import_all(names):
        print(f"functions_framework: left to the function: {failed}", file=sys.stderr)  # noqa: T201  # a template's log is its stderr


def _warmed(load: Callable[[], Program | None], keep: Callable[[], int]) -> Warm:
    """Import, then ready the memory for forks; `keep` says what of the new becomes immortal."""
    for name in _POOL_VARIABLES:
        os.environ[name] = "1"
    for name in _LATER:
        if util.find_spec(name) is not None:
            import_module(name)
    gc.collect()
    immortal.keep_all()
    before = footprint.take()
    program = load()
    pools = _pools()
    after = footprint.take_when_quiet(_QUIET_WITHIN)
    gc.disable()  # until the fork, so that no collection touches pages the forks share
    gc.collect()
    keep()
    filled = privatepages.fill_holes()
    gc.freeze()
    return Warm(program, pools, after.threads, footprint.why_unsafe(before, after), filled)


def _pools() -> object | None:
    """Threadpoolctl's view of the loaded BLAS and OpenMP libraries, when both it and numpy are there."""
    if "numpy" not in sys.modules or util.find_spec("threadpoolctl") is None:
        return None
    controller: object = import_module("threadpoolctl").ThreadpoolController()
    return controller


class Template:
    """Accepts nodes, forks for them, tells them who ended."""

    def __init__(self, warm: Warm, *, listener: socket.socket, path: Path, exits_file: Path) -> None:
        self._warm = warm
        self._listener = listener
        self._path = path
        self._name = str(path)
        self._identity = _identity(self._name)
        self._exits = exits_file
        self._peers: dict[int, peer.Peer] = {}
        self._poll = select.poll()
        self._signalled, self._wakeup = os.pipe()
        for end in (self._signalled, self._wakeup):
            os.set_blocking(end, False)
        self._quit = False

    def run(self) -> None:
        """Serve until asked to quit, terminated, or until the socket's path is gone."""
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noticed)
        signal.signal(signal.SIGTERM, self._asked)
        for number in (signal.SIGINT, signal.SIGHUP):  # the terminal's business is the supervisor's
            signal.signal(number, signal.SIG_IGN)
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(self._signalled, select.POLLIN)
        while not self._quit:
            self._turn(self._poll.poll(_LOOK_EVERY_MS))
            self._reap()
            found = _identity(self._name)
            if found is None or found != self._identity:  # it may have gone before we first looked
                return
        self._path.unlink(missing_ok=True)

    def _asked(self, *_: object) -> None:
        self._quit = True

    def _turn(self, events: Sequence[tuple[int, int]]) -> None:
        for descriptor, event in events:
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor == self._signalled:
                _empty(self._signalled)
            elif descriptor in self._peers:
                self._serve(self._peers[descriptor], event)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return  # the node gave up between poll and accept
        joined = peer.Peer(connection, self._poll)
        self._peers[connection.fileno()] = joined
        joined.send(self._warm.ready())

    def _serve(self, sender: peer.Peer, event: int) -> None:
        if event & select.POLLOUT:
            sender.flush()
        if event & ~select.POLLOUT:
            try:
                for message in sender.receive():
                    self._handle(sender, message)
            except control.FrameError as error:
                sender.send(control.refused("", reason="BadMessage", message=str(error)))
                sender.close()
        if sender.closed:
            self._peers.pop(sender.descriptor, None)

    def _handle(self, sender: peer.Peer, message: dict[str, Any]) -> None:
        match message:
            case {"type": "fork", "id": str() as request_id, "spec": dict() as spec}:
                self._fork(sender, request_id, lambda: self._instance(spec))
            case {"type": "revise", "id": str() as request_id, "spec": dict() as spec}:
                self._fork(sender, request_id, lambda: self._revision(message.get("version"), spec))
            case {"type": "quit"}:
                self._quit = True
            case _:
                raise control.FrameError(f"a template does not know the message {message.get('type')!r}")

    def _instance(self, wire: dict[str, Any]) -> Callable[[], NoReturn]:
        program, pools = self._warm.program, self._warm.pools
        if program is None:
            raise control.FrameError("a dependency template holds no function; ask it to revise")
        spec = control.ForkSpec.from_wire(wire)
        return lambda: child.become(program, spec, pools)

    def _revision(self, version: object, wire: dict[str, Any]) -> Callable[[], NoReturn]:
        if self._warm.program is not None:
            raise control.FrameError("a revision template holds a function already; ask it to fork")
        if version != control.VERSION:
            raise control.FrameError(f"the version {version!r} is not {control.VERSION}")
        spec = control.RevisionSpec.from_wire(wire)
        return lambda: _become(spec)

    def _fork(self, sender: peer.Peer, request_id: str, make: Callable[[], Callable[[], NoReturn]]) -> None:
        if self._warm.unsafe:
            sender.send(control.refused(request_id, reason="NotForkSafe", message=self._warm.unsafe))
            return
        try:
            become = make()
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
        except control.FrameError as error:
            sender.send(control.refused(request_id, reason="BadSpec", message=str(error)))
            return
        except OSError as error:
            sender.send(control.refused(request_id, reason="ForkFailed", message=str(error)))
            return
        if pid == 0:
            self._let_go()
            become()
        sender.send(control.forked(request_id, pid))

    def _let_go(self) -> None:
        """In the child: close every descriptor that is the template's."""
        signal.set_wakeup_fd(-1)
        self._listener.close()
        for known in self._peers.values():
            known.abandon()
        os.close(self._signalled)
        os.close(self._wakeup)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._report(pid, os.waitstatus_to_exitcode(status))

    def _report(self, pid: int, code: int) -> None:
        line = json.dumps({"pid": pid, "code": code}) + "\n"
        try:
            with self._exits.open("a") as file:
                file.write(line)
        except OSError as error:
            print(f"functions_framework: TemplateFailed: {self._exits}: {error}", file=sys.stderr)  # noqa: T201  # a template's log is its stderr
        for known in list(self._peers.values()):
            known.send(control.exited(pid, code))


def listen(path: Path) -> socket.socket:
    """A listening socket at this path, replacing one that nobody serves; raises StartError TemplateFailed."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _refuse_second(path)
        # Listening before the path appears, so that whoever sees it can connect.
        early = path.with_name(f"{path.name}.{os.getpid()}")
        previous = os.umask(0o177)
        try:
            listener.bind(str(early))
        finally:
            os.umask(previous)
        listener.listen(_BACKLOG)
        early.replace(path)
    except OSError as error:
        listener.close()
        raise exits.StartError("TemplateFailed", f"cannot listen at {path}: {error}") from error
    listener.settimeout(0)
    return listener


def _refuse_second(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return  # nobody serves it
    raise exits.StartError("TemplateFailed", f"another template serves {path}; ask it to quit first")


def _identity(path: str) -> tuple[int, int] | None:
    # Not pathlib: it is asked all the time, and what a template writes after a fork its forks no longer share.
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _empty(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            continue
    except BlockingIOError:
        return


def _rehearse(folder: Path) -> None:
    missed = rehearsal.rehearse(folder)
    if missed:
        print(f"functions_framework: no rehearsal, so instances take more memory: {missed}", file=sys.stderr)  # noqa: T201  # as above


def _noticed(*_: object) -> None:
    """A handler must exist for the signal to reach the wakeup descriptor."""


def _become(spec: control.RevisionSpec) -> NoReturn:
    """In a fork of a dependency template: be a revision's template."""

    def serve() -> None:
        child.detach(spec.log)
        os.chdir(spec.cwd)
        dependencies.use_path(os.environ.get("PYTHONPATH", ""), spec.env.get("PYTHONPATH", ""))
        child.apply_environment(spec.env)
        child.reseed()
        gc.enable()
        _serve(lambda: warm_up(settings.function_settings(os.environ)), Path(spec.socket), Path(spec.exits))

    child.run(serve, failed="TemplateFailed")


def _serve(load: Callable[[], Warm], path: Path, exits_file: Path) -> None:
    warm = load()
    Template(warm, listener=listen(path), path=path, exits_file=exits_file).run()


def main(arguments: Sequence[str] | None = None) -> None:
    """Warm up, listen and fork until told to quit; ends the process."""
    parser = argparse.ArgumentParser(prog="functions_framework.templates.template", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="path of the Unix socket to listen at")
    parser.add_argument(
        "--exits", type=Path, required=True, help="file that gets a line for each ended instance"
    )
    parser.add_argument(
        "--dependencies", type=Path, help="a folder of packages: import what the function's file needs of it"
    )
    options = parser.parse_args(arguments)
    try:
        cli.line_buffered()
        _rehearse(options.socket.parent)
        chosen = settings.function_settings(os.environ)
        layer: Path | None = options.dependencies
        load = (
            (lambda: warm_up(chosen))
            if layer is None
            else lambda: warm_dependencies(Path(chosen.source), layer)
        )
        _serve(load, options.socket, options.exits)
    except exits.StartError as error:
        cli.tell(error)
        instance.end(error.code)
    instance.end(0)


if __name__ == "__main__":
    main()
