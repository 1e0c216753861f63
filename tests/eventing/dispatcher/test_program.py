"""The dispatcher as a process on a real JetStream: killed, stopped, reloaded, two at once, and wrong folders."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openfunction_eventing import component, drivers
from openfunction_eventing.documents import Dispatcher, Journal
from openfunction_eventing.drivers.port import PubSub
from openfunction_eventing.envelope import Message
from tests import waiting
from tests.eventing import brokers, parts, programs
from tests.eventing.dispatcher.running import to, trigger

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[brokers.Nats]:
    made = brokers.Nats(tmp_path / "nats")
    with brokers.running(made):
        yield made


@asynccontextmanager
async def connected(broker: brokers.Nats) -> AsyncIterator[PubSub]:
    bus = await drivers.open(component.from_document(programs.component(broker.url)))
    assert isinstance(bus, PubSub)
    try:
        yield bus
    finally:
        await bus.close()


def folder(path: Path, url: str, *more: object, port: int | None = None) -> int:
    """A dispatcher's folder; its port."""
    chosen = port or brokers.free_port()
    settings = Dispatcher(
        "bus", "dispatcher", port=chosen, ack_wait=2.0, journal=Journal(str(path / "journal"))
    )
    programs.write(path, "dispatcher", settings, programs.component(url))
    programs.write(path, "triggers", *more)
    return chosen


def _has(sink: parts.Sink, number: int) -> bool:
    return len(set(sink.ids)) > number


async def test_nothing_is_lost_when_the_dispatcher_is_killed_and_started_again(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    total = 400
    config = tmp_path / "config"
    async with parts.Sink() as sink, connected(broker) as bus:
        port = folder(config, broker.url, trigger(to(sink.url, topic="out")))
        with programs.running("dispatcher", config, port) as program:
            await program.ready()
            events = [Message("a", parts.event(number)) for number in range(total)]
            for start in range(0, total, 100):
                assert await bus.bulk_publish("a", events[start : start + 100]) == [None] * 100
                enough = functools.partial(_has, sink, start + 20)
                await waiting.until(enough)
                program.kill()
                program.start()
            await waiting.until(lambda: len(set(sink.ids)) == total)
            await program.ready()
            status, story = await program.get("journal/e7")
            assert status == 200
            assert {"received", "matched", "attempt"} <= {one["step"] for one in json.loads(story)["records"]}
        repeated = len(sink.ids) - total
        print(f"sent {total}, handled {len(set(sink.ids))}, repeated {repeated}")  # noqa: T201 - a figure to read


async def test_an_event_of_10_mb_passes_a_bus_that_allows_it(tmp_path: Path) -> None:
    big = brokers.Nats(tmp_path / "nats", extra="max_payload: 16777216")
    with brokers.running(big):
        async with parts.Sink() as sink, connected(big) as bus:
            port = folder(
                tmp_path / "config", big.url, trigger(to(sink.url, filters=({"exact": {"type": "image"}},)))
            )
            with programs.running("dispatcher", tmp_path / "config", port) as program:
                await program.ready()
                await bus.publish("a", Message("a", parts.event(data=b"\x01" * (10 << 20))))
                await waiting.until(lambda: sink.got)
        assert sink.got[0][1] == b"\x01" * (10 << 20)


async def test_an_orderly_end_repeats_nothing(broker: brokers.Nats, tmp_path: Path) -> None:
    config = tmp_path / "config"
    async with parts.Sink() as sink, connected(broker) as bus:
        port = folder(config, broker.url, trigger(to(sink.url)))
        with programs.running("dispatcher", config, port) as program:
            await program.ready()
            for number in range(100):
                await bus.publish("a", Message("a", parts.event(number)))
                if number == 50:
                    await waiting.until(lambda: sink.ids)
                    assert await program.end() == 0
                    program.start()
            await waiting.until(lambda: len(set(sink.ids)) == 100)
            assert await program.end() == 0
        assert len(sink.ids) == 100


async def test_conditions_are_right_with_two_dispatchers_and_after_a_kill(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    async with parts.Sink() as sink, connected(broker) as bus:
        rules = trigger(to(sink.url, "a && b && c"))
        one, two = tmp_path / "one", tmp_path / "two"
        ports = [folder(path, broker.url, rules) for path in (one, two)]
        with (
            programs.running("dispatcher", one, ports[0]) as first,
            programs.running("dispatcher", two, ports[1]) as second,
        ):
            await first.ready()
            await second.ready()
            await bus.publish("a", Message("a", parts.event(1)))
            await bus.publish("b", Message("b", parts.event(2)))

            async def known() -> bool:
                stories = [
                    await one.get(f"journal/{name}") for one in (first, second) for name in ("e1", "e2")
                ]
                return sum(text.count('"acknowledged"') for _, text in stories) == 2

            await waiting.until_async(known)
            first.kill()
            await bus.publish("c", Message("c", parts.event(3)))
            await waiting.until(lambda: sink.ids)
        assert sink.ids == ["e3"]


async def test_triggers_are_read_again_when_they_change(broker: brokers.Nats, tmp_path: Path) -> None:
    config = tmp_path / "config"
    async with parts.Sink() as old, parts.Sink() as new, connected(broker) as bus:
        port = folder(config, broker.url, trigger(to(old.url)))
        with programs.running("dispatcher", config, port) as program:
            await program.ready()
            await bus.publish("a", Message("a", parts.event(1)))
            await waiting.until(lambda: old.ids)
            (config / "broken.json").write_text("{")
            programs.write(config, "triggers", trigger(to(new.url, "b"), name="other"))
            await waiting.until(
                lambda: '"topics": 1' in program.log.splitlines()[-1] and "broken" in program.log
            )
            await bus.publish("b", Message("b", parts.event(2)))
            await waiting.until(lambda: new.ids)
        assert (old.ids, new.ids) == (["e1"], ["e2"])


async def test_other_settings_end_it_in_order_so_that_it_is_started_with_them(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    port = folder(tmp_path / "config", broker.url)
    with programs.running("dispatcher", tmp_path / "config", port) as program:
        await program.ready()
        folder(tmp_path / "config", broker.url.replace("127.0.0.1", "localhost"), port=port)
        assert await program.wait() == 0


async def test_a_corrected_address_takes_effect_although_the_wrong_one_is_still_waited_for(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    port = folder(tmp_path / "config", f"nats://127.0.0.1:{brokers.free_port()}")
    with programs.running("dispatcher", tmp_path / "config", port) as program:

        async def waits() -> bool:
            return "cannot be reached" in (await program.get("readyz"))[1]

        await waiting.until_async(waits)
        folder(tmp_path / "config", broker.url, port=port)
        assert await program.wait() == 0
        program.start()
        await program.ready()


async def test_a_component_can_keep_the_state_and_one_that_cannot_is_named(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    port = folder(config, broker.url)
    settings = Dispatcher("bus", "dispatcher", port=port, state="kept")
    where = [{"name": "connectionString", "value": str(tmp_path / "state.db")}]
    spec = {"type": "state.sqlite", "version": "v1", "metadata": where}
    kept = {"kind": "Component", "metadata": {"name": "kept"}, "spec": spec}
    programs.write(config, "dispatcher", settings, programs.component(broker.url), kept)
    async with parts.Sink() as sink, connected(broker) as bus:
        programs.write(config, "triggers", trigger(to(sink.url, "a && b")))
        with programs.running("dispatcher", config, port) as program:
            await program.ready()
            await bus.publish("a", Message("a", parts.event(1)))

            async def known() -> bool:
                return "acknowledged" in (await program.get("journal/e1"))[1]

            await waiting.until_async(known)
            program.kill()
            program.start()
            await program.ready()
            await bus.publish("b", Message("b", parts.event(2)))
            await waiting.until(lambda: sink.ids == ["e2"])
    wrong = Dispatcher("bus", "dispatcher", port=port, state="bus")
    programs.write(config, "dispatcher", wrong, programs.component(broker.url))
    with programs.running("dispatcher", config, port) as program:
        assert await program.wait() == 2
        assert "component 'bus' keeps no state" in program.log


async def test_a_broker_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    config, late = tmp_path / "config", brokers.Nats(tmp_path / "nats")
    async with parts.Sink() as sink:
        port = folder(config, late.url, trigger(to(sink.url)))
        with programs.running("dispatcher", config, port) as program:

            async def told() -> bool:
                return "cannot be reached" in (await program.get("readyz"))[1]

            await waiting.until_async(told)
            assert (await program.get("healthz"))[0] == 200
            with brokers.running(late):
                await program.ready()
                async with connected(late) as bus:
                    await bus.publish("a", Message("a", parts.event()))
                await waiting.until(lambda: sink.ids)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ([], "the folder has 0 documents of kind Dispatcher; it needs one"),
        ([Dispatcher("bus", "g")], "there is no Component 'bus' in the folder; there are none"),
        ([{"kind": "Dispatcher", "component": "bus"}], "group: is missing"),
    ],
)
async def test_a_wrong_folder_ends_it_with_a_sentence(
    tmp_path: Path, settings: list[object], sentence: str
) -> None:
    programs.write(tmp_path, "dispatcher", *settings)
    with programs.running("dispatcher", tmp_path) as program:
        assert await program.wait() == 2
        assert sentence in program.log
