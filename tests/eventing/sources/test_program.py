"""The sources as a process on a real JetStream: events in, sources that come and go, and an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from openfunction_eventing import component, drivers
from openfunction_eventing.documents import Source, Sources
from openfunction_eventing.drivers.port import ACK, PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message
from tests import waiting
from tests.eventing import brokers, programs
from tests.eventing.sources.test_sources import BINARY

pytestmark = pytest.mark.slow


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[brokers.Nats]:
    made = brokers.Nats(tmp_path / "nats")
    with brokers.running(made):
        yield made


def source(event: str, kind: str, **spec: str) -> Source:
    return Source("default", "es", event, kind, spec, topic=f"default-es-{event}")


async def test_events_reach_the_bus_and_sources_come_and_go(broker: brokers.Nats, tmp_path: Path) -> None:
    config, port = tmp_path / "config", brokers.free_port()
    programs.write(config, "settings", Sources("bus", port=port), programs.component(broker.url))
    programs.write(
        config,
        "sources",
        source("up", "http"),
        source("tick", "cron", schedule="@every 1s"),
        source("bad", "cron"),
    )
    got: list[str] = []

    async def keep(message: Message) -> Verdict:
        got.append(str(message.event["id"]))
        return ACK

    bus = await drivers.open(component.from_document(programs.component(broker.url)))
    assert isinstance(bus, PubSub)
    for topic in ("default-es-up", "default-es-tick", "default-es-late"):
        await bus.subscribe(topic, SubscribeOptions(group="test"), keep)
    with programs.running("source", config, port) as program:

        async def told() -> bool:
            return "source cron-default-es-bad: spec.schedule: is missing" in (await program.get("readyz"))[1]

        await waiting.until_async(told)
        assert await post(port, "/up") == 202
        await waiting.until(
            lambda: "1" in got and any(one.startswith("cron-default-es-tick-") for one in got)
        )
        programs.write(config, "sources", source("late", "http"))
        await program.ready()
        assert await post(port, "/up") == 404
        assert await post(port, "/late") == 202
        await waiting.until(lambda: got.count("1") == 2)
        assert await program.end() == 0
    await bus.close()


async def test_no_acknowledged_event_is_lost_when_the_program_is_killed(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    config, port = tmp_path / "config", brokers.free_port()
    programs.write(config, "settings", Sources("bus", port=port), programs.component(broker.url))
    programs.write(config, "sources", source("up", "http"))
    acknowledged: set[str] = set()
    with programs.running("source", config, port) as program:
        await program.ready()
        async with asyncio.TaskGroup() as group:
            posting = group.create_task(post_many(port, 300, acknowledged))
            await waiting.until(lambda: len(acknowledged) > 50)
            program.kill()
            program.start()
            await program.ready()
        assert posting.result() == 300
    stored = await everything(broker)
    assert acknowledged <= stored
    assert len(acknowledged) == 300


async def test_while_the_bus_is_away_posts_shall_come_again_and_a_corrected_address_takes_effect(
    broker: brokers.Nats, tmp_path: Path
) -> None:
    config, port = tmp_path / "config", brokers.free_port()
    away = programs.component(f"nats://127.0.0.1:{brokers.free_port()}")
    programs.write(config, "settings", Sources("bus", port=port), away)
    programs.write(config, "sources", source("up", "http"))
    with programs.running("source", config, port) as program:

        async def held() -> bool:
            try:
                return await post(port, "/up") == 503
            except aiohttp.ClientError:
                return False

        await waiting.until_async(held)
        assert await post(port, "/other") == 404
        programs.write(config, "settings", Sources("bus", port=port), programs.component(broker.url))
        assert await program.wait() == 0
        program.start()
        await program.ready()
        assert await post(port, "/up") == 202


async def post(port: int, path: str, event: str = "1") -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.post(
            f"http://127.0.0.1:{port}{path}", data=b"x", headers={**BINARY, "ce-id": event}
        ) as answer,
    ):
        return answer.status


async def post_many(port: int, count: int, acknowledged: set[str]) -> int:
    """Post until each is acknowledged."""
    for number in range(count):

        async def taken(number: int = number) -> bool:
            try:
                return await post(port, "/up", f"e{number}") == 202
            except aiohttp.ClientError:
                return False

        await waiting.until_async(taken)
        acknowledged.add(f"e{number}")
    return len(acknowledged)


async def everything(broker: brokers.Nats) -> set[str]:
    bus = await drivers.open(component.from_document(programs.component(broker.url)))
    assert isinstance(bus, PubSub)
    got: set[str] = set()

    async def keep(message: Message) -> Verdict:
        got.add(str(message.event["id"]))
        return ACK

    await bus.subscribe("default-es-up", SubscribeOptions(group="all", start="all"), keep)
    await waiting.until(lambda: len(got) == 300)
    await bus.close()
    return got
