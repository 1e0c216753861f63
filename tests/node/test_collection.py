"""Collecting: what nobody needs leaves the disk, and whatever somebody needs stays or comes back."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openfunction_builder import images as layouts
from openfunction_py.api import functions
from openfunction_py.api.upstream import core, knative
from openfunction_py.kube.client import Client
from openfunction_py.kube.transport import Call
from openfunction_py.lib import clock
from openfunction_py.lib.home import Home
from openfunction_py.node import collection, gate, holders, records, templates, unused
from openfunction_py.node.collection import Collector
from openfunction_py.node.holders import Held
from openfunction_py.node.images import Images
from openfunction_py.node.records import ContainerRecord, PodRecord
from openfunction_py.node.unused import Folder, Removal, Times
from tests.node import pictures
from tests.node.house import QUICK, House, eventually, fetch, is_ready
from tests.node.test_pods import PORTS

NOW, GRACE = 1_000_000.0, 600.0
OLD, YOUNG = NOW - 601, NOW - 599
AT_ONCE = Times(first=0.0, pause=0.05, unused=-60.0, unnamed=-60.0)
GREET = "def hello(request):\n    return '{}'\n"


def image(name: str, used_at: float, *layers: str) -> Folder:
    """An unpacked image."""
    return Folder(name, used_at, frozenset(layers))


@pytest.mark.parametrize(
    ("images", "layers", "used", "expected"),
    [
        pytest.param([image("a", OLD)], [], {"a"}, Removal(), id="a used image stays"),
        pytest.param([image("a", YOUNG)], [], set(), Removal(), id="one used within the grace stays"),
        pytest.param([image("a", OLD)], [], set(), Removal(images=("a",)), id="one that nobody uses goes"),
        pytest.param(
            [image("a", OLD, "x")], [Folder("x", OLD)], set(), Removal(("a",), ("x",)), id="with its layers"
        ),
        pytest.param(
            [image("a", OLD, "x", "y"), image("b", OLD, "x")],
            [Folder("x", OLD), Folder("y", OLD)],
            {"b"},
            Removal(("a",), ("y",)),
            id="but not with a layer of an image that stays",
        ),
        pytest.param([], [Folder("x", YOUNG)], set(), Removal(), id="a layer just unpacked stays"),
        pytest.param(
            [image(".part-a", YOUNG)], [Folder(".part-x", YOUNG)], set(), Removal(), id="so does a part"
        ),
        pytest.param(
            [image(".part-a", OLD)],
            [Folder(".part-x", OLD)],
            set(),
            Removal((".part-a",), (".part-x",)),
            id="a part of a node that was killed goes",
        ),
        pytest.param(
            [image(".gone-a", YOUNG, "x")],
            [Folder("x", OLD), Folder(".gone-x", YOUNG)],
            set(),
            Removal((".gone-a",), ("x", ".gone-x")),
            id="a removal cut short goes on at once, and holds no layer",
        ),
    ],
)
def test_what_goes(images: list[Folder], layers: list[Folder], used: set[str], expected: Removal) -> None:
    assert unused.decide(images, layers, used=used, now=NOW, grace=GRACE) == expected


def test_nobody_is_alone_beside_one_who_unpacks() -> None:
    door = gate.Gate()
    with door.unpacking(), door.alone() as alone:
        assert not alone
    with door.alone() as alone:
        assert alone


def test_who_would_unpack_waits_for_one_who_is_alone() -> None:
    door, order = gate.Gate(), []

    def unpack() -> None:
        with door.unpacking():
            order.append("unpacked")

    with door.alone():
        other = threading.Thread(target=unpack)
        other.start()
        order.append("collected")
    other.join()
    assert order == ["collected", "unpacked"]


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """A home in which nothing is unpacked."""
    made = Home(tmp_path)
    made.ensure()
    return made


def folder(home: Home, pinned: str) -> Path:
    """Where an image lies unpacked."""
    return home.unpacked / pinned.partition("@sha256:")[2]


def add(home: Home, name: str, greeting: str) -> str:
    """An image in the home's store."""
    return pictures.add(layouts.Layout(home.images), name, {"main.py": GREET.format(greeting)})


async def unpacked(home: Home, known: Images, *greetings: str) -> list[str]:
    """Images that were used an hour ago for the last time."""
    pinned = [add(home, greeting, greeting) for greeting in greetings]
    for one in pinned:
        await known.resolve(one)
        age(folder(home, one))
    for layer in home.layers.iterdir():
        age(layer)
    return pinned


def age(path: Path) -> None:
    """As it would look if it had been used an hour ago."""
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))


def collector(client: Client, home: Home, known: Images, *, times: Times | None = None) -> Collector:
    """A collector of this home."""
    return Collector(client, home, images=known, clock=clock.SystemClock(), times=times or Times())


async def test_an_unused_image_goes_with_the_layers_that_only_it_needs(home: House) -> None:
    known = Images(home.home)
    kept, gone = await unpacked(home.home, known, "kept", "gone")
    await home.pod("a", {"image": kept}, nodeName="elsewhere")
    before = {path.name for path in home.home.layers.iterdir()}
    await collector(home.client, home.home, known).round()
    assert [path.name for path in home.home.unpacked.iterdir()] == [folder(home.home, kept).name]
    left = {path.name for path in home.home.layers.iterdir()}
    assert len(before - left) == 1  # the application; dependencies and settings are shared
    assert collection.look(home.home)[0][0].layers == left
    assert (await known.resolve(kept)).cwd.exists()
    assert (await known.resolve(gone)).cwd.exists()  # from the store, as if for the first time


async def test_an_image_named_by_its_tag_alone_is_used_too(home: House) -> None:
    known = Images(home.home)
    (pinned,) = await unpacked(home.home, known, "tagged")
    await home.pod("a", {"image": "tagged"}, nodeName="elsewhere")
    await collector(home.client, home.home, known).round()
    assert folder(home.home, pinned).exists()


async def test_the_grace_begins_when_an_image_was_last_seen_in_use(home: House) -> None:
    known = Images(home.home)
    (pinned,) = await unpacked(home.home, known, "leaving")
    made = await home.pod("a", {"image": pinned}, nodeName="elsewhere")
    await collector(home.client, home.home, known).round()
    await home.client.delete(core.Pod, made.metadata.name, namespace="default", grace_seconds=0)
    await collector(home.client, home.home, known).round()
    assert folder(home.home, pinned).exists()
    age(folder(home.home, pinned))
    await collector(home.client, home.home, known).round()
    assert not folder(home.home, pinned).exists()


async def test_what_still_runs_keeps_its_image_though_no_object_names_it(empty: Home) -> None:
    PodRecord("u", "default", "a", containers={"c": ContainerRecord(image_id="sha256:a")}).save(empty.pods)
    (empty.templates / "t.json").write_text('{"key": "t", "image": "sha256:b"}')
    assert records.images(empty.pods) == {"sha256:a"}
    assert templates.recorded_images(empty) == {"sha256:b"}
    assert collection.in_use(empty, Held(frozenset(), frozenset())) == {"sha256:a", "sha256:b"}


async def test_a_pod_that_arrives_during_a_collection_keeps_its_image(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Images(home.home)
    (pinned,) = await unpacked(home.home, known, "arriving")

    async def find(_: Client) -> Held:
        await known.resolve(pinned)  # a Pod takes it up after the objects were listed
        return Held(frozenset(), frozenset())

    monkeypatch.setattr(holders, "find", find)
    await collector(home.client, home.home, known).round()
    assert folder(home.home, pinned).exists()


async def test_nothing_unpacked_goes_while_an_image_is_unpacked(home: House) -> None:
    known = Images(home.home)
    (pinned,) = await unpacked(home.home, known, "old")
    with known.gate.unpacking():
        await collector(home.client, home.home, known).round()
    assert folder(home.home, pinned).exists()


async def test_a_collection_cut_short_is_finished_by_the_next(home: House) -> None:
    for place in (home.home.unpacked, home.home.layers):
        (place / f"{unused.GONE}1" / "workspace").mkdir(parents=True)
    await collector(home.client, home.home, Images(home.home)).round()
    assert not [*home.home.unpacked.iterdir(), *home.home.layers.iterdir()]


async def test_an_image_that_a_revision_pins_outlives_its_name_and_starts(home: House) -> None:
    layout = layouts.Layout(home.home.images)
    older, dropped, newest = (add(home.home, "shop/app:v1", text) for text in ("older", "dropped", "newest"))
    spec = {"containers": [{"name": "user-container", "image": older}]}
    pinning = knative.Revision.model_validate(
        {"metadata": {"name": "app-00001", "namespace": "default"}, "spec": spec}
    )
    await home.client.create(pinning)
    home.settings = replace(QUICK, collecting=AT_ONCE)
    async with home.node():
        await eventually(lambda: resolved(layout, dropped), lambda found: found is None)
        assert await resolved(layout, older)
        assert await resolved(layout, newest)
        await home.pod("a", {"image": older, "ports": PORTS})
        pod = await home.until("a", is_ready)
        assert await fetch(pod) == (200, b"older")


async def test_the_name_of_a_deleted_function_goes_and_that_of_another_stays(home: House) -> None:
    layout = layouts.Layout(home.home.images)
    for name in ("shop/kept:v1", "shop/deleted:v1", "shop/brought:v1"):
        pinned = add(home.home, name, name)
        mine = {"mediaType": layouts.MANIFEST, "digest": pinned.partition("@")[2], "size": 1}
        layout.tag(name, mine, for_objects=name != "shop/brought:v1")
    for name in ("kept", "deleted"):
        body = {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"image": f"shop/{name}:v1", "serving": {}},
        }
        await home.client.create(functions.Function.model_validate(body))
    collecting = collector(home.client, home.home, Images(home.home), times=AT_ONCE)
    await collecting.round()
    assert len(layout.names()) == 3
    await home.client.delete(functions.Function, "deleted", namespace="default")
    await collecting.round()
    assert set(layout.names()) == {"shop/kept:v1", "shop/brought:v1"}


async def resolved(layout: layouts.Layout, pinned: str) -> str | None:
    """The image's digest while the store has it."""
    return layout.resolve(pinned)


async def test_a_node_that_collects_all_the_time_disturbs_no_pod(home: House) -> None:
    home.settings = replace(QUICK, collecting=replace(AT_ONCE, unused=5.0))
    async with home.node():
        for name in ("one", "two", "three"):
            image = home.picture(GREET.format(name), name=name)
            await home.pod(name, {"image": image, "ports": PORTS}, revision=name)
            pod = await home.until(name, is_ready)
            assert await fetch(pod) == (200, name.encode())
            assert all(one.restart_count == 0 for one in pod.status.container_statuses)


async def test_an_object_that_cannot_be_read_may_hold_anything(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await home.pod("a", {"image": "x"}, nodeName="elsewhere")
    body = {"apiVersion": "v1", "kind": "PodList", "items": [made.to_wire(), {"spec": {"containers": 3}}]}
    answer = home.client._json  # the server itself stores no object that fits no slice

    async def odd(call: Call) -> dict[str, Any]:
        return body if call.path.endswith("/pods") else await answer(call)

    monkeypatch.setattr(home.client, "_json", odd)
    with pytest.raises(holders.IncompleteError, match="1 objects of kind Pod"):
        await holders.find(home.client)


async def test_without_an_answer_of_the_server_nothing_is_collected(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Images(home.home)
    (pinned,) = await unpacked(home.home, known, "old")
    asked: list[int] = []

    async def find(_: Client) -> Held:
        asked.append(1)
        raise holders.IncompleteError("1 objects of kind Pod cannot be read")

    monkeypatch.setattr(holders, "find", find)
    home.settings = replace(QUICK, collecting=AT_ONCE)
    async with home.node():
        await eventually(lambda: count(asked), lambda found: found > 1)
    assert folder(home.home, pinned).exists()


async def count(asked: list[int]) -> int:
    """How often something was asked."""
    return len(asked)


async def test_a_damaged_store_neither_ends_the_node_nor_its_collecting(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = layouts.Layout(home.home.images)
    dropped, _ = add(home.home, "x", "dropped"), add(home.home, "x", "newest")
    index = layout.path / "index.json"
    whole = index.read_text()
    index.write_text("{")
    asked: list[int] = []
    find = holders.find

    async def counting(client: Client) -> Held:
        asked.append(1)
        return await find(client)

    monkeypatch.setattr(holders, "find", counting)
    home.settings = replace(QUICK, collecting=AT_ONCE)
    async with home.node():
        await eventually(lambda: count(asked), lambda found: found > 1)  # the first one has failed
        index.write_text(whole)
        await eventually(lambda: resolved(layout, dropped), lambda found: found is None)
