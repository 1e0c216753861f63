"""The JetStream binding against a real server: data as it is, in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.bindings_nats import NatsBinding
from openfunction_eventing.drivers.port import ACK, RETRY, BindingError, Verdict
from tests.eventing import brokers


@pytest.mark.capability("read")
@pytest.mark.capability("write")
async def test_what_is_created_is_read_as_it_is(tmp_path: Path) -> None:
    got: asyncio.Queue[tuple[bytes, Mapping[str, str]]] = asyncio.Queue()

    async def take(data: bytes, metadata: Mapping[str, str]) -> Verdict:
        got.put_nowait((data, metadata))
        return ACK

    with brokers.running(brokers.Nats(tmp_path)) as broker:
        metadata = {"natsURL": broker.url, "subject": "orders", "publishSubject": "orders"}
        binding = cast("NatsBinding", await drivers.open(Component("n", "bindings.nats", metadata=metadata)))
        await binding.invoke("create", b"\x00plain", {})
        await binding.read(take)
        async with asyncio.timeout(20):
            data, told = await got.get()
        assert (data, told["topic"]) == (b"\x00plain", "orders")
        with pytest.raises(BindingError, match="no operation 'get'"):
            await binding.invoke("get", b"", {})
        await binding.close()
        bare = Component("n", "bindings.nats", metadata={"natsURL": broker.url})
        binding = cast("NatsBinding", await drivers.open(bare))
        with pytest.raises(BindingError, match="'publishSubject'"):
            await binding.invoke("create", b"", {})
        with pytest.raises(ComponentError, match="'subject' is missing"):
            await binding.read(take)
        await binding.close()


@pytest.mark.capability("redelivery")
@pytest.mark.capability("consumer group")
async def test_a_retry_comes_again_and_the_next_reader_goes_on_behind_it(tmp_path: Path) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()
    answers = [RETRY(0.05)]

    async def take(data: bytes, _: Mapping[str, str]) -> Verdict:
        got.put_nowait(data)
        return answers.pop() if answers else ACK

    with brokers.running(brokers.Nats(tmp_path)) as broker:
        metadata = {"natsURL": broker.url, "subject": "orders", "publishSubject": "orders"}
        for number, expected in ((1, [b"1", b"1"]), (2, [b"2"])):
            binding = cast(
                "NatsBinding", await drivers.open(Component("n", "bindings.nats", metadata=metadata))
            )
            await binding.invoke("create", b"%d" % number, {})
            await binding.read(take)
            async with asyncio.timeout(20):
                assert [await got.get() for _ in expected] == expected
            await binding.close()


@pytest.mark.capability("failure told")
async def test_a_dead_broker_is_named_with_its_address() -> None:
    dead = Component(
        "n",
        "bindings.nats",
        metadata={"natsURL": f"nats://127.0.0.1:{brokers.free_port()}"},
        init_timeout=0.4,
    )
    with pytest.raises(ComponentError, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        await drivers.open(dead)


@pytest.mark.capability("credentials refused")
async def test_refused_credentials_are_told(tmp_path: Path) -> None:
    with brokers.running(brokers.Nats(tmp_path, extra='authorization { token: "right" }')) as broker:
        metadata = {"natsURL": broker.url, "token": "wrong"}
        with pytest.raises(ComponentError, match="refuses the credentials"):
            await drivers.open(Component("n", "bindings.nats", metadata=metadata))
