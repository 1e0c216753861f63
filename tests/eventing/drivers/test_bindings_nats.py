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
from openfunction_eventing.drivers.port import ACK, BindingError, Verdict
from tests.eventing import brokers


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
