"""Templates: the warm processes that instances are forks of, one per key, and the node's line to each.

A revision's is a fork of its dependency template, which revisions of one namespace and service account share; where
that cannot be had, it stands alone.

It keeps no environment on disk, for that may hold Secrets; what it cannot reach again is started anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions_framework import control
from openfunction_py.lib import log
from openfunction_py.lib.home import Home
from openfunction_py.node import files, processes, runtime, sandbox, spawn
from openfunction_py.node.processes import Identity
from openfunction_py.node.runtime import TemplateSpec
from openfunction_py.wire import channel

FOLDER = "t"
IMPORT_SECONDS = 120.0
FORK_SECONDS = 10.0
EXIT_SECONDS = 2.0
MAX_CODES = 4096
DEFAULT_BUDGET = 1 << 30
LONGEST_FOLDER = 90  # a socket's path has 107 bytes, and a template first binds at one of 9 more
FIRST_DIAL, LONGEST_DIAL = 0.005, 0.1

logger = log.get("node.templates")


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a template without asking it."""

    key: str
    namespace: str
    revision: str
    identity: Identity
    image: str = ""
    parent: str = ""  # the key of the dependency template it is a fork of
    program: str = ""  # of a warm program

    def to_record(self) -> dict[str, Any]:
        """The facts as they are kept in a state file."""
        return {
            "key": self.key,
            "namespace": self.namespace,
            "revision": self.revision,
            "identity": self.identity.to_record(),
            "image": self.image,
            "parent": self.parent,
            "program": self.program,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> About:
        """Read a state file; raises KeyError."""
        identity = Identity.from_record(record["identity"])
        rest = {name: str(record.get(name, "")) for name in ("image", "parent", "program")}
        return cls(record["key"], record["namespace"], record["revision"], identity, **rest)


@dataclass(slots=True)
class Template:
    """A template that answered: its line, the forks it was asked for, and the ends it told."""

    about: About
    link: channel.Channel
    forks: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)
    ends: dict[int, asyncio.Future[int | None]] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)
    count: int = 0
    used: float = 0.0

    async def fork(self, spec: control.ForkSpec) -> int:
        """The pid of a new instance; raises runtime.RefusedError."""
        return await self._ask(spec.instance, lambda request: control.fork(request, spec))

    async def launch(self, name: str, orders: Mapping[str, Any]) -> int:
        """The pid of a fork of a warm program that follows such orders; raises runtime.RefusedError."""
        return await self._ask(name, lambda request: {"type": "fork", "id": request, "spec": orders})

    async def revise(self, name: str, spec: control.RevisionSpec) -> int:
        """The pid of a new revision template; raises runtime.RefusedError."""
        return await self._ask(name, lambda request: control.revise(request, spec))

    async def _ask(self, name: str, order: Callable[[str], Mapping[str, Any]]) -> int:
        self.count += 1
        self.used = asyncio.get_running_loop().time()
        request = f"{name}/{self.count}"
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.forks[request] = answer
        try:
            await self.link.send(order(request))
            async with asyncio.timeout(FORK_SECONDS):
                return await answer
        except (ConnectionError, TimeoutError) as error:
            raise runtime.RefusedError("TemplateLost", "the template of this revision ended") from error
        finally:
            if not answer.done() or answer.cancelled():
                self.abandoned.add(request)  # nobody waits for it any more: when it comes, it goes
            self.forks.pop(request, None)

    async def exit_code(self, pid: int) -> int | None:
        """How a fork that has ended did so; None when the template cannot tell any more."""
        if pid in self.codes:
            return self.codes.pop(pid)
        told: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.ends[pid] = told
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                return await told
        except TimeoutError:
            return None
        finally:
            self.ends.pop(pid, None)

    async def listen(self) -> None:
        """Hand out what the template says until it ends."""
        try:
            while (message := await self.link.receive()) is not None:
                self._heard(message)
        except control.FrameError as error:
            logger.warning(
                "a template sends what is no message", error=str(error), pid=self.about.identity.pid
            )
        finally:
            for answer in self.forks.values():
                _settle(
                    answer, error=runtime.RefusedError("TemplateLost", "the template of this revision ended")
                )
            for told in self.ends.values():
                _settle(told, result=None)
            await self.link.close()

    def _heard(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "forked", "id": str() as request, "pid": int() as pid}:
                if request in self.abandoned:
                    self.abandoned.discard(request)
                    processes.kill(pid)
                _settle(self.forks.get(request), result=pid)
            case {"type": "refused", "id": str() as request, "reason": reason, "message": text}:
                _settle(self.forks.get(request), error=runtime.RefusedError(str(reason), str(text)))
            case {"type": "exited", "pid": int() as pid, "code": int() as code}:
                if pid in self.ends:
                    _settle(self.ends[pid], result=code)
                elif len(self.codes) < MAX_CODES:
                    self.codes[pid] = code


def _settle(
    answer: asyncio.Future[Any] | None, *, result: int | None = None, error: Exception | None = None
) -> None:
    if answer is None or answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


class Templates:
    """All templates of a node; their tasks belong to the group it is given."""

    def __init__(self, home: Home, group: asyncio.TaskGroup, *, budget: int = DEFAULT_BUDGET) -> None:
        """Keep sockets under the run folder and state under the node's; `budget` is their memory in bytes."""
        self._budget = budget
        self.on_lost: list[Callable[[About], None]] = []  # told of one that ended although nobody asked it to
        self._home = home
        self._group = group
        self._ready: dict[str, Template] = {}
        self._importing: dict[str, About] = {}
        self._wanted: Counter[str] = Counter()  # dependency templates that a start is about to use
        self._starting: dict[str, asyncio.Lock] = {}
        self._refused: dict[str, runtime.RefusedError] = {}

    def list(self) -> list[About]:
        """The templates that are ready."""
        return [template.about for template in self._ready.values()]

    def get(self, key: str) -> Template | None:
        """The template of this key, if it is ready."""
        return self._ready.get(key)

    async def ensure(self, spec: TemplateSpec) -> Template:
        """The template of this spec, started if there is none; raises runtime.RefusedError, at once if known before."""
        async with self._starting.setdefault(spec.key, asyncio.Lock()):
            if spec.key in self._refused:
                raise self._refused[spec.key]
            found = self._ready.get(spec.key)
            if found is not None and not found.link.closed:
                return found
            try:
                started = await self._start(spec)
            except runtime.RefusedError as refusal:
                if refusal.reason == "NotForkSafe":
                    self._refused[spec.key] = refusal
                raise
        await self._make_room(started)
        return started

    async def _make_room(self, newest: Template) -> None:
        """End the least recently used templates while all together are above the budget."""
        sizes = {key: processes.memory(one.about.identity.pid)[0] for key, one in self._ready.items()}
        oldest_first = sorted(self._ready.values(), key=lambda one: one.used)
        for template in oldest_first:
            if sum(sizes.values()) <= self._budget:
                return
            key = template.about.key
            if template is not newest and key in self._ready:
                logger.info("a template ends to make room", revision=template.about.revision)
                sizes.pop(key, None)
                await self._quit(key)

    async def _start(self, spec: TemplateSpec) -> Template:
        if spec.dependencies is not None:
            self._wanted[spec.dependencies.key] += 1
            try:
                about = await self._revised(spec, spec.dependencies)
            except (runtime.RefusedError, OSError) as error:
                logger.info("a revision's template stands alone", revision=spec.revision, error=str(error))
            else:
                return await self._import(about)
            finally:
                self._wanted[spec.dependencies.key] -= 1
        return await self._import(self._spawned(spec))

    async def _revised(self, spec: TemplateSpec, dependencies: TemplateSpec) -> About:
        """Fork the revision's template from its dependency template; raises RefusedError, and OSError."""
        parent = await self.ensure(dependencies)
        folder = self._folder(dependencies.key) / spec.key  # where the parent, and so its fork, may write
        if len(os.fsencode(folder)) > LONGEST_FOLDER:
            raise runtime.RefusedError("TemplateFailed", f"the path {folder} is too long for a socket in it")
        _remove_folder(self._folder(spec.key))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        sandbox.give(folder, spec.level)
        for shared in spec.needs.writable:
            files.open_folder(shared)
        self._folder(spec.key).symlink_to(folder)
        order = control.RevisionSpec(
            socket=str(folder / "s"),
            exits=str(folder / "exits"),
            log=str(folder / "log"),
            cwd=str(spec.cwd),
            env=spec.env,
        )
        identity = processes.identify(await parent.revise(spec.key, order))
        if identity is None:
            raise runtime.RefusedError("TemplateFailed", "the fork of the dependency template ended at once")
        return About(spec.key, spec.namespace, spec.revision, identity, spec.image, dependencies.key)

    def _spawned(self, spec: TemplateSpec) -> About:
        folder = self._folder(spec.key)
        _remove_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files.open_folder(folder.parent)
        folder.chmod(0o700)
        sandbox.give(folder, spec.level)
        for shared in spec.needs.writable:
            files.open_folder(shared)
        log_file = self._home.templates / f"{spec.key}.log"
        needs = sandbox.Needs(
            readable=spec.needs.readable, writable=[*spec.needs.writable, folder], stage=spec.needs.stage
        )
        launch = spawn.Launch(
            argv=[*spec.argv, "--socket", str(folder / "s"), "--exits", str(folder / "exits")],
            env=spec.env,
            cwd=spec.cwd,
            log=log_file,
            confinement=sandbox.confinement(spec.level, needs),
        )
        try:
            started = spawn.start(launch)
        except OSError as error:
            raise runtime.RefusedError("StartFailed", f"no template could be started: {error}") from error
        return About(spec.key, spec.namespace, spec.revision, started, image=spec.image, program=spec.program)

    async def _import(self, about: About) -> Template:
        """Meet a template that was just started, and end it when it cannot be used; raises RefusedError."""
        files.write_json(self._home.templates / f"{about.key}.json", about.to_record())
        self._importing[about.key] = about
        try:
            return await self._meet(about, seconds=IMPORT_SECONDS)
        except BaseException:
            await self._end(about)
            raise
        finally:
            del self._importing[about.key]

    async def _meet(self, about: About, *, seconds: float) -> Template:
        """Dial a template until it answers, and believe what it says of itself; raises runtime.RefusedError."""
        link = await self._dial(about, seconds=seconds)
        try:
            async with asyncio.timeout(seconds):
                ready = await link.receive() or {}
        except (TimeoutError, control.FrameError):
            ready = {}
        if ready.get("type") != "ready" or not ready.get("fork_safe"):
            await link.close()
            reason = "NotForkSafe" if ready else "TemplateFailed"
            raise runtime.RefusedError(reason, str(ready.get("reason") or "the template did not answer"))
        template = Template(about, link, used=asyncio.get_running_loop().time())
        self._ready[about.key] = template
        self._group.create_task(self._attend(template))
        return template

    async def _dial(self, about: About, *, seconds: float) -> channel.Channel:
        """Connect as soon as the template listens; until then it imports, which nothing announces."""
        path = self._folder(about.key) / "s"
        pause = FIRST_DIAL
        over = asyncio.get_running_loop().time() + seconds
        while True:
            with contextlib.suppress(OSError):
                return await channel.connect(path)
            if not processes.is_alive(about.identity):
                raise runtime.RefusedError("TemplateFailed", self._last_words(about.key))
            if asyncio.get_running_loop().time() > over:
                raise runtime.RefusedError(
                    "TemplateFailed", f"the function's import takes longer than {seconds:g} s"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_DIAL)

    def _last_words(self, key: str) -> str:
        own = self._folder(key) / "log"  # of a fork; the other's is opened for it
        lines = files.tail(own if own.exists() else self._home.templates / f"{key}.log", lines=1)
        return lines.strip() or "the template ended without a word"

    async def _attend(self, template: Template) -> None:
        await template.listen()
        about = template.about
        lost = self._ready.get(about.key) is template
        if lost:
            del self._ready[about.key]
            logger.warning(
                "a template ended; the next instance starts another",
                revision=about.revision,
                said=self._last_words(about.key),
            )
        async with self._starting.setdefault(about.key, asyncio.Lock()):
            if about.key not in self._ready:
                await self._end(about)
        for told in self.on_lost if lost else ():
            told(about)

    async def _end(self, about: About) -> None:
        """Make sure that the process is gone; its forks are in sessions of their own and stay."""
        if processes.is_alive(about.identity):
            processes.kill_group(about.identity)
        await processes.ended(about.identity)
        processes.collect(about.identity.pid)
        if about.key not in self._ready:
            _remove_files(self._home, about.key)

    async def drop(self, namespace: str, revision: str) -> None:
        """End the templates of a revision that is gone, also those that still import."""
        wanted = namespace, revision
        for about in [*self._importing.values(), *self.list()]:
            if (about.namespace, about.revision) == wanted:
                if about.key in self._importing:
                    processes.kill_group(about.identity)
                    async with self._starting[about.key]:  # whoever started it has heard that it ended
                        pass
                await self._quit(about.key)
        await self._quit_unneeded()

    async def _quit_unneeded(self) -> None:
        """End the dependency templates that no revision's template is a fork of, or is about to be."""
        used = {about.parent for about in [*self._importing.values(), *self.list()]}
        for about in self.list():
            needed = about.revision or about.program or about.key in used or self._wanted[about.key]
            if not needed:
                await self._quit(about.key)

    async def end(self, key: str) -> None:
        """End a warm program; what was forked from it stays."""
        await self._quit(key)

    async def _quit(self, key: str) -> None:
        template = self._ready.pop(key, None)
        if template is None:
            return
        with contextlib.suppress(ConnectionError):
            await template.link.send(control.stop_template())
        async with processes.deadline(EXIT_SECONDS):
            await processes.ended(template.about.identity)
        async with self._starting.setdefault(key, asyncio.Lock()):
            if key not in self._ready:
                await self._end(template.about)

    async def adopt(self) -> None:
        """Meet the templates of an earlier node again; those that do not answer are ended."""
        for path in self._home.templates.glob("*.json"):
            record = files.read_json(path)
            try:
                about = About.from_record(record or {})
            except KeyError:
                path.unlink(missing_ok=True)
                continue
            try:
                await self._meet(about, seconds=EXIT_SECONDS)
            except runtime.RefusedError as refusal:
                logger.info("a template is not adopted", revision=about.revision, reason=refusal.reason)
                await self._end(about)

    async def close(self) -> None:
        """End every template."""
        for about in self.list():
            await self._quit(about.key)

    def exits_file(self, key: str) -> Path:
        """Where a template writes how its forks ended."""
        return self._folder(key) / "exits"

    def _folder(self, key: str) -> Path:
        return self._home.run / FOLDER / key


def _remove_files(home: Home, key: str) -> None:
    """Remove what a template that has ended leaves on disk."""
    for ending in ("json", "log"):
        (home.templates / f"{key}.{ending}").unlink(missing_ok=True)
    _remove_folder(home.run / FOLDER / key)


def _remove_folder(folder: Path) -> None:
    """Remove a template's folder, but not what revisions that are forks of it have below it."""
    if folder.is_symlink():
        inside = folder.resolve()
        shutil.rmtree(inside, ignore_errors=True)
        folder.unlink(missing_ok=True)
        folder = inside.parent  # it stayed for us, when its own template went first
        if (folder / "s").exists():
            return
    for entry in folder.glob("*"):
        if not entry.is_dir():
            entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty, or not there
        folder.rmdir()


def recorded_images(home: Home) -> set[str]:
    """Digests of the images that templates of this home were made from, those that still import among them."""
    found = (files.read_json(path) or {} for path in home.templates.glob("*.json"))
    return {str(record["image"]) for record in found if record.get("image")}


def recorded_exit(path: Path, pid: int) -> int | None:
    """The last exit code that a template wrote for this pid."""
    found = None
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                found = int(entry["code"]) if entry["pid"] == pid else found
    return found


def recorded(home: Home) -> list[About]:
    """The templates this home knows of, alive or not."""
    found = []
    for path in home.templates.glob("*.json"):
        with contextlib.suppress(KeyError):
            found.append(About.from_record(files.read_json(path) or {}))
    return found


async def end_recorded(home: Home) -> None:
    """End every template this home knows of; for a node that is asked to stop."""
    for about in recorded(home):
        if processes.is_alive(about.identity):
            processes.kill_group(about.identity)
            await processes.ended(about.identity)
        processes.collect(about.identity.pid)
    for path in home.templates.glob("*.json"):
        _remove_files(home, path.stem)
    shutil.rmtree(home.run / FOLDER, ignore_errors=True)
