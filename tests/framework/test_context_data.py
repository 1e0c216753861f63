"""`f(context, data)`: what data is, by its annotation."""

from __future__ import annotations

import json
from typing import Any

import pydantic
import pytest

from functions_framework import CloudEvent, exits
from functions_framework.context import data
from functions_framework.context.user_context import UserContext
from tests.framework.sidecar import FakeSidecar
from tests.framework.test_context_calls import EVENT, deliver, served


class Order(pydantic.BaseModel):
    n: int


def as_bytes(context: UserContext, data: bytes) -> Any:
    return ["bytes", data.decode()]


def as_it_comes(context: UserContext, data) -> Any:  # type: ignore[no-untyped-def]  # as users write it
    return ["bytes", data.decode()]


def as_text(context: UserContext, data: str) -> Any:
    return ["str", data]


def as_dict(context: UserContext, data: dict[str, Any]) -> Any:
    return ["dict", data]


def as_model(context: UserContext, data: Order) -> Any:
    return ["model", data.n]


async def as_event(context: UserContext, data: CloudEvent) -> Any:
    return ["event", data["id"]]


CASES = [
    (as_bytes, ["bytes", '{"n":1}']), (as_it_comes, ["bytes", '{"n":1}']), (as_text, ["str", '{"n":1}']),
    (as_dict, ["dict", {"n": 1}]), (as_model, ["model", 1]), (as_event, ["event", "1"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), CASES)
async def test_data_is_what_its_annotation_says(fake: FakeSidecar, call: Any, expected: Any) -> None:
    async with served(call, fake) as at:
        reply = await deliver(at, path="/")
        assert reply.json == expected
        assert (await deliver(at)).json == {"status": "SUCCESS"}


@pytest.mark.parametrize("call", [as_dict, as_model])
async def test_data_that_cannot_be_read_is_the_callers_fault(fake: FakeSidecar, call: Any) -> None:
    async with served(call, fake) as at:
        assert (await at.ask("/", method="POST", body=b"{")).status == 400
        assert (await deliver(at, {**EVENT, "data": "no"})).status == 404  # a message that never can be read
        assert (await deliver(at, json.loads(json.dumps(EVENT)))).status == 200


def test_data_of_an_unknown_kind_is_refused_at_the_start() -> None:
    def call(context: UserContext, data: set[int]) -> None: ...

    with pytest.raises(exits.StartError, match="annotated 'set'"):
        data.reader(call)
