"""Dependency templates on a node: shared by revisions, without secrets, ended when unneeded, and never missed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from openfunction_py.node import inventory, processes
from openfunction_py.node.runtime import InstanceSpec, TemplateSpec
from openfunction_py.node.templates import About
from tests.node import lab
from tests.node.lab import Lab
from tests.waiting import until

ONE = "import os\ndef hello(request):\n    return 'one'\n"
TWO = "import os\ndef hello(request):\n    return 'two'\n"


@pytest.fixture
async def here() -> AsyncIterator[Lab]:
    """A lab whose path is short enough for sockets two folders deep."""
    with tempfile.TemporaryDirectory(prefix="ofn-") as folder:
        os.chmod(folder, 0o711)  # noqa: PTH101  # a loop that nobody else waits for
        async with lab.opened(Path(folder) / "home") as opened:
            yield opened


def template(spec: InstanceSpec) -> TemplateSpec:
    """The spec's template, which it must have, with a dependency template."""
    assert spec.template is not None
    assert spec.template.dependencies is not None
    return spec.template


def parent_of(about: About) -> int:
    """The pid of a template's parent process."""
    fields = Path(f"/proc/{about.identity.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


def environ_of(about: About) -> bytes:
    """The environment that a template was started with."""
    return Path(f"/proc/{about.identity.pid}/environ").read_bytes()


def shared(here: Lab) -> About:
    """The one dependency template."""
    found = [about for about in here.known.list() if not about.revision]
    assert len(found) == 1, found
    return found[0]


async def test_revisions_of_one_layer_are_forks_of_one_dependency_template(here: Lab) -> None:
    made = [await here.known.ensure(template(await here.spec(source))) for source in (ONE, TWO)]
    base = shared(here)
    assert [parent_of(one.about) for one in made] == [base.identity.pid] * 2
    assert {one.about.parent for one in made} == {base.key}
    listed = {info.pid: info for info in inventory.Inventory(here.known).list("templates")}
    assert listed[base.identity.pid].note == "the packages of a dependency layer"
    assert listed[base.identity.pid].pss > 0


async def test_a_dependency_template_has_nothing_of_a_pods_environment(here: Lab) -> None:
    spec = template(await here.spec(ONE))
    await here.known.ensure(replace(spec, env={**spec.env, "TOKEN": "not-for-it"}))
    environ = environ_of(shared(here))
    assert b"TOKEN" not in environ
    assert b"PYTHONPATH" in environ


async def test_another_namespace_or_account_has_another_dependency_template(here: Lab) -> None:
    spec = template(await here.spec(ONE))
    assert spec.dependencies is not None
    await here.known.ensure(spec)
    other = replace(spec.dependencies, key="another", namespace="other")
    await here.known.ensure(replace(spec, key="r2", namespace="other", dependencies=other))
    assert len([about for about in here.known.list() if not about.revision]) == 2


async def test_a_killed_dependency_template_takes_no_revision_with_it_and_is_made_again(here: Lab) -> None:
    first = await here.known.ensure(template(await here.spec(ONE)))
    base = shared(here)
    os.kill(base.identity.pid, signal.SIGKILL)
    await until(lambda: base not in here.known.list())
    assert processes.is_alive(first.about.identity)
    assert await here.known.ensure(template(await here.spec(ONE))) is first
    second = await here.known.ensure(template(await here.spec(TWO)))
    assert parent_of(second.about) == shared(here).identity.pid != base.identity.pid
    assert processes.is_alive(first.about.identity)


async def test_what_a_killed_dependency_template_leaves_on_disk_goes_with_its_last_revision(
    here: Lab,
) -> None:
    await here.known.ensure(template(await here.spec(ONE)))
    base = shared(here)
    os.kill(base.identity.pid, signal.SIGKILL)
    await until(lambda: base not in here.known.list())
    await here.known.drop("default", "r")
    assert list((here.home.run / "t").iterdir()) == []


async def test_a_killed_revision_template_is_forked_again_from_the_same_one(here: Lab) -> None:
    spec = template(await here.spec(ONE))
    first = await here.known.ensure(spec)
    base = shared(here)
    os.kill(first.about.identity.pid, signal.SIGKILL)
    await until(lambda: here.known.get(spec.key) is None)
    assert parent_of((await here.known.ensure(spec)).about) == base.identity.pid


async def test_the_last_revision_that_goes_ends_the_dependency_template(here: Lab) -> None:
    one, two = template(await here.spec(ONE)), replace(template(await here.spec(TWO)), revision="r2")
    for spec in (one, two):
        await here.known.ensure(spec)
    base = shared(here)
    await here.known.drop("default", one.revision)
    assert shared(here) == base
    await here.known.drop("default", "r2")
    assert here.known.list() == []
    assert not processes.is_alive(base.identity)
    assert list((here.home.run / "t").iterdir()) == []


async def test_where_no_dependency_template_can_be_had_the_revision_stands_alone(here: Lab) -> None:
    spec = template(await here.spec(ONE))
    assert spec.dependencies is not None
    broken = replace(spec.dependencies, argv=["/nowhere/python"])
    made = await here.known.ensure(replace(spec, dependencies=broken))
    assert (made.about.parent, made.about.revision) == ("", "r")


async def test_a_node_that_comes_back_meets_both_levels_again(here: Lab) -> None:
    await here.known.ensure(template(await here.spec(ONE)))
    before = sorted(here.known.list(), key=lambda about: about.key)
    records = [About.from_record(about.to_record()) for about in before]
    assert records == before
    assert {bool(about.parent) for about in records} == {True, False}
