"""The contract of every instance runtime: what starting and stopping mean, whatever starts it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openfunction_py.node import processes, runtime, templates
from openfunction_py.node.runtime import Instance, InstanceRuntime
from openfunction_py.node.sandbox import Level
from tests.node import house, lab
from tests.node.lab import Lab
from tests.waiting import until

HELLO = """
import json, os, resource

def hello(request):
    status = open("/proc/self/status").read()
    return {
        "mine": os.environ.get("MINE"),
        "uid": os.getuid(),
        "privileges": "NoNewPrivs:\\t1" in status,
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "leader": os.getsid(0),
        "private": os.access("PRIVATE", os.R_OK),
    }
"""
STUBBORN = """
import signal, subprocess
children = []

async def hello(request):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    children.append(subprocess.Popen(["sleep", "1000"]))
    return str(children[0].pid)
"""


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab."""
    async with lab.opened(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(params=["process", "zygote"])
def kind(request: pytest.FixtureRequest) -> str:
    """The runtime under test."""
    return str(request.param)


async def served(here: Lab, chosen: InstanceRuntime, source: str) -> Instance:
    """An instance that said that it is ready."""
    spec = await here.spec(source)
    started = await chosen.start(spec)
    here.started.append(started.identity)
    place = here.door.presence(spec.id)
    place.expect(started.identity)
    async with asyncio.timeout(20):
        await place.ready.wait()
    return started


async def ask(here: Lab) -> bytes:
    """The body of one answer."""
    return (await house.fetch_at(here.address, lab.PORT))[1]


async def test_an_instance_serves_with_its_own_environment_in_the_sandbox(here: Lab, kind: str) -> None:
    private = here.home.root / "private"
    private.write_text("the platform's alone")
    started = await served(here, here.runtime(kind), HELLO.replace("PRIVATE", str(private)))
    answer = (await ask(here)).decode()
    await here.runtime(kind).stop(started, grace=0)
    assert '"mine":"one"' in answer
    assert '"privileges":true' in answer
    assert '"core":0' in answer
    assert f'"leader":{started.identity.pid}' in answer
    if here.level is Level.UNPRIVILEGED_USER:
        assert '"uid":65532' in answer
        assert '"private":false' in answer


async def test_stopping_is_polite_first(here: Lab, kind: str) -> None:
    started = await served(here, here.runtime(kind), HELLO)
    async with asyncio.TaskGroup() as group:
        code = group.create_task(started.wait())
        await here.runtime(kind).stop(started, grace=10)
    assert code.result() in (0, 143)


async def test_stopping_kills_what_does_not_listen_and_its_children(here: Lab, kind: str) -> None:
    started = await served(here, here.runtime(kind), STUBBORN)
    child = int(await ask(here))
    async with asyncio.TaskGroup() as group:
        group.create_task(started.wait())
        await here.runtime(kind).stop(started, grace=0.2)
    await until(lambda: processes.identify(child) is None)


async def test_a_start_that_is_given_up_at_once_is_over_and_the_next_one_serves(here: Lab) -> None:
    """Its template was just started then, and leads no process group yet."""
    starting = asyncio.get_running_loop().create_task(here.runtime("zygote").start(await here.spec(HELLO)))
    while not templates.recorded(here.home):  # noqa: ASYNC110  # turn by turn, to be as early as can be
        await asyncio.sleep(0)
    (given_up,) = templates.recorded(here.home)
    starting.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await starting
    assert not processes.is_alive(given_up.identity)
    await served(here, here.runtime("zygote"), HELLO)


async def test_a_signal_that_ends_an_instance_is_its_exit_code(here: Lab, kind: str) -> None:
    started = await served(here, here.runtime(kind), HELLO)
    os.killpg(started.identity.pid, signal.SIGKILL)
    assert await started.wait() in (-9, 137)


async def test_an_instance_that_ends_by_itself_tells_its_exit_code(here: Lab, kind: str) -> None:
    started = await served(here, here.runtime(kind), "import os\ndef hello(request):\n    os._exit(5)\n")
    with pytest.raises((ConnectionError, IndexError)):
        await ask(here)
    assert await started.wait() == 5


async def test_an_adopted_instance_is_the_same_instance(here: Lab, kind: str) -> None:
    started = await served(here, here.runtime(kind), HELLO)
    spec = await here.spec(HELLO)
    found = here.runtime(kind).adopt(started.identity, spec_exits=spec.exits, template=started.template)
    assert found.identity == started.identity
    await here.runtime(kind).stop(found, grace=0)
    assert await found.wait() in (-9, 137, None)


async def test_a_module_that_leaves_a_thread_behind_is_not_forked_and_says_why(here: Lab) -> None:
    source = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
    )
    spec = await here.spec(source + HELLO)
    for _ in range(2):
        with pytest.raises(runtime.RefusedError, match="thread") as refused:
            await here.runtime("zygote").start(spec)
        assert refused.value.reason == "NotForkSafe"
    assert [about for about in here.known.list() if about.revision] == []


async def test_a_module_that_does_not_import_has_no_template_and_tells_its_error(here: Lab) -> None:
    spec = await here.spec("import nothing_of_that_name\n" + HELLO)
    with pytest.raises(runtime.RefusedError, match="nothing_of_that_name"):
        await here.runtime("zygote").start(spec)


async def test_the_least_recently_used_template_makes_room(tmp_path: Path) -> None:
    async with lab.opened(tmp_path / "home") as here:
        here.known._budget = 1
        first, second = await here.spec(HELLO), await here.spec(STUBBORN, uid="two")
        assert first.template is not None
        assert second.template is not None
        await here.known.ensure(first.template)
        await here.known.ensure(second.template)
        assert [about.key for about in here.known.list()] == [second.template.key]
