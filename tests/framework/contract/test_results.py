"""Results are written as their schema says, and what was read can be given back."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Any, NamedTuple

import pytest

import functions_framework
from functions_framework import testing
from tests.framework.contract import validators


class Unit(enum.Enum):
    METRE = "m"


class Pair(NamedTuple):
    left: int
    right: int


@dataclasses.dataclass
class Record:
    price: decimal.Decimal | None = None
    span: datetime.timedelta | None = None
    big: int = 0
    day: datetime.date | None = None
    at: datetime.datetime | None = None
    id: uuid.UUID | None = None
    unit: Unit | None = None
    pair: Pair | None = None
    names: frozenset[str] = frozenset()
    numbers: dict[int, str] = dataclasses.field(default_factory=dict)


@functions_framework.typed(path="/record")
def record(given: Record) -> Record:
    return given


@pytest.mark.parametrize(
    "sent",
    [
        {"price": "12.50"},
        {"span": 1.5},
        {"big": 2**63 - 1},
        {"day": "2024-05-01", "at": "2024-05-01T12:00:00+00:00"},
        {"id": "11111111-2222-3333-4444-555555555555"},
        {"unit": "m"},
        {"pair": {"left": 1, "right": 2}},
        {"names": ["a", "b"]},
        {"numbers": {"1": "one"}},
    ],
)
def test_what_was_read_is_given_back(sent: dict[str, Any]) -> None:
    with testing.client(record) as client:
        document = client.get("/.well-known/openfunction/openapi.json").json()
        answer = client.post("/record", json=sent)
    operation = document["paths"]["/record"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    told = {**answer.json(), "names": sorted(answer.json()["names"])}
    assert {key: told[key] for key in sent} == sent
    assert validators.problems(answer.json(), schema, document) == []


def test_a_number_of_any_size_is_written_as_it_is() -> None:
    with testing.client(lambda request: {"big": 2**100, "day": datetime.date(2024, 5, 1)}) as client:
        assert client.get().text == f'{{"big":{2**100},"day":"2024-05-01"}}'
