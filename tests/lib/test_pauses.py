"""Pauses grow up to a bound, and begin anew after a try that was of use."""

from __future__ import annotations

import asyncio

import pytest

from openfunction_py.lib.pauses import Pauses


async def test_pauses_grow_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    pauses = Pauses(0.5, 1.5)
    for _ in range(4):
        await pauses.wait()
    pauses.reset()
    await pauses.wait()
    assert waited == [0.5, 1.0, 1.5, 1.5, 0.5]
