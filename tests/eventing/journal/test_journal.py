"""The journal: stories, bounds in count, bytes and age, a torn line, and its door."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from openfunction_eventing import journal
from openfunction_eventing.documents import Journal as Settings
from openfunction_eventing.door import Door
from openfunction_eventing.journal import Journal, Record
from tests.eventing import parts

Keep = Callable[[Settings], Journal]


def record(event: str, at: float = 1.0, **detail: str | int) -> Record:
    return Record(event, "/cam", "image", at, "attempt", detail)


def tear(folder: Path) -> None:
    """Begin a line as a process does that is killed in it."""
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(b'{"id":"a","source":"/ca')


def size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).iterdir())


@pytest.fixture(params=["memory", "folder"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "folder" else ""


@pytest.fixture
def kept() -> Iterator[Keep]:
    """Makes journals, and closes them in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda settings: stack.enter_context(contextlib.closing(Journal(settings)))


async def test_a_story_is_every_record_of_an_event_in_order(folder: str, kept: Keep) -> None:
    book = kept(Settings(folder))
    told = [record("a", n=1), record("b", n=2), record("a", n=3, url='"id":"b",')]
    for one in told:
        book.add(one)
    assert book.story("a") == [told[0], told[2]]
    assert book.story("b") == [told[1]]
    assert book.story("c") == []


async def test_odd_ids_have_stories(folder: str, kept: Keep) -> None:
    book = kept(Settings(folder))
    for name in ('q"uote', "new\nline", "ü/ ?", "\\"):
        book.add(record(name))
        assert book.story(name) == [record(name)]


async def test_a_journal_is_read_by_the_next_process(tmp_path: Path, kept: Keep) -> None:
    first = kept(Settings(str(tmp_path)))
    first.add(record("a", n=1))
    first.flush()
    second = kept(Settings(str(tmp_path)))
    second.add(record("a", n=2))
    assert [one.detail["n"] for one in second.story("a")] == [1, 2]


async def test_a_line_that_a_crash_cut_short_hides_no_other(tmp_path: Path, kept: Keep) -> None:
    first = kept(Settings(str(tmp_path)))
    first.add(record("a", n=1))
    first.flush()
    tear(tmp_path)
    second = kept(Settings(str(tmp_path)))
    second.add(record("a", n=2))
    assert [one.detail["n"] for one in second.story("a")] == [1, 2]


@pytest.mark.parametrize("settings", [{"records": 80}, {"size": 8192}])
async def test_the_oldest_go_when_there_are_too_many(
    folder: str, settings: dict[str, int], kept: Keep
) -> None:
    book = kept(Settings(folder, **settings))
    for number in range(1000):
        book.add(record(str(number)))
        book.flush()
    left = [number for number in range(1000) if book.story(str(number))]
    assert left == list(range(left[0], 1000))
    assert 30 <= len(left) <= settings.get("records", 150)
    if folder:
        assert size(folder) <= settings.get("size", 1 << 20)


async def test_the_old_go_when_they_are_too_old(folder: str, kept: Keep) -> None:
    book = kept(Settings(folder, records=16, age=10.0))
    for number in range(10):
        book.add(record(str(number), at=float(number * 4)))
        book.flush()
    assert [number for number in range(10) if book.story(str(number))] == [6, 7, 8, 9]


async def test_the_door_tells_a_story_and_404_for_none() -> None:
    book = Journal()
    strange = "a/b c"
    book.add(journal.of(parts.event(id=strange), 1_800_000_000.0, "received", topic="t"))
    async with (
        Door("127.0.0.1", 0, records=book, troubles=lambda: ["the bus is away"]) as door,
        aiohttp.ClientSession(f"http://127.0.0.1:{door.port}") as client,
    ):
        async with client.get(f"/journal/{quote(strange, safe='')}") as answer:
            (told,) = (await answer.json())["records"]
        assert (told["step"], told["time"], told["detail"]) == (
            "received",
            "2027-01-15T08:00:00.000Z",
            {"topic": "t"},
        )
        async with client.get("/journal/other") as answer:
            assert answer.status == 404
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "the bus is away\n")
