"""Annotations as JSON Schemas, one row each, and the cases where there is nothing to say."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, Field, RootModel

from functions_framework import testing
from functions_framework.contract import schemas
from tests.framework.contract import shapes, validators

if TYPE_CHECKING:
    from somewhere import Hidden  # type: ignore[import-not-found]  # what only a checker sees


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


INTEGER = {"type": "integer"}
ROWS: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (None, {"type": "null"}),
    (bytes, {"type": "string"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (datetime.datetime, {"type": "string", "format": "date-time"}),
    (datetime.date, {"type": "string", "format": "date"}),
    (datetime.timedelta, {"type": "number", "description": "Seconds."}),
    (decimal.Decimal, {"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}]}),
    (Any, {}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal[1], {"type": "integer", "const": 1}),
    (Literal["a", 1], {"enum": ["a", 1]}),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (Sequence[str], {"type": "array", "items": {"type": "string"}}),
    (set[str], {"type": "array", "items": {"type": "string"}}),
    (tuple[int, str], {"type": "array", "prefixItems": [INTEGER, {"type": "string"}], "minItems": 2, "maxItems": 2}),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (dict, {"type": "object", "additionalProperties": {}}),
    (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (Annotated[int, "of the user's own"], {"type": "integer"}),
    (Annotated[int, Field(gt=3)], {"type": "integer", "exclusiveMinimum": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "schema"), ROWS)
def test_an_annotation_is_described(hint: Any, schema: dict[str, Any]) -> None:
    made = schemas.Schemas("#/")
    assert made.of(hint) == schema
    assert made.named == {}


def test_an_enum_is_named_once() -> None:
    made = schemas.Schemas("#/$defs/")
    assert [made.of(Mixed), made.of(Mixed, "out")] == [{"$ref": "#/$defs/Mixed"}] * 2
    assert made.named == {"Mixed": {"title": "Mixed", "enum": [1, "two"]}}


def test_a_class_that_holds_itself_is_described_once() -> None:
    made = schemas.Schemas("#/$defs/")
    made.of(shapes.Node)
    assert made.named["Node"]["properties"]["next"]["anyOf"][0] == {"$ref": "#/$defs/Node"}


def test_what_has_a_default_may_be_left_out_but_always_comes() -> None:
    made = schemas.Schemas("#/")
    assert [made.of(shapes.Receipt), made.of(shapes.Receipt, "out")] == [
        {"$ref": "#/Receipt"}, {"$ref": "#/ReceiptOutput"},
    ]  # fmt: skip
    assert made.named["Receipt"]["required"] == ["total", "colour"]
    assert made.named["ReceiptOutput"]["required"] == ["total", "colour", "at", "notes"]


def test_two_classes_of_one_name_are_two_schemas() -> None:
    def one() -> Any:
        class Same(TypedDict):
            a: int

        return Same

    def other() -> Any:
        class Same(BaseModel):
            b: int

        return Same

    made = schemas.Schemas("#/")
    assert [made.of(each()) for each in (one, other)] == [{"$ref": "#/Same"}, {"$ref": "#/Same2"}]
    assert [list(each["properties"]) for each in made.named.values()] == [["a"], ["b"]]


def test_a_model_inside_a_dataclass_and_in_a_list_is_the_same_schema() -> None:
    @dataclasses.dataclass
    class Cart:
        lines: list[shapes.Line]

    made = schemas.Schemas("#/")
    made.of(Cart)
    made.of(list[shapes.Line])
    assert set(made.named) == {"Cart", "Line"}


def test_pydantics_own_shapes_are_pydantics_to_say() -> None:
    class Cat(BaseModel):
        kind: Literal["cat"]

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Pets(RootModel[list[Annotated[Cat | Dog, Field(discriminator="kind")]]]):
        pass

    made = schemas.Schemas("#/$defs/")
    items = made.of(Pets)["items"]
    assert items["discriminator"]["mapping"] == {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}
    validators.check_schema({**items, "$defs": made.named})


def test_a_type_that_cannot_be_told_is_any_value() -> None:
    @dataclasses.dataclass
    class Secret:
        hidden: Hidden

    made = schemas.Schemas("#/")
    made.of(Secret, "out")
    assert made.named["Secret"] == {"title": "Secret", "type": "object"}
    assert made.of(object()) == {}


def test_a_contract_that_cannot_be_made_is_an_answer_and_a_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any) -> Any:
        raise RuntimeError("no words for it")

    monkeypatch.setattr(schemas.Schemas, "of", breaks)
    with testing.client(shapes.receipt) as client:
        assert client.get("/.well-known/openfunction/openapi.json").status == 500
    assert "no words for it" in caplog.text
