"""What annotations say of a function: the source of each parameter, its type, its default."""

from __future__ import annotations

import enum
import functools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import pydantic
import pytest

import functions_framework
from functions_framework import (
    Body,
    CloudEvent,
    Context,
    Header,
    Json,
    Query,
    Request,
    exits,
    registry,
    signatures,
)
from functions_framework.signatures import parameters

if TYPE_CHECKING:
    from functions_framework.context.user_context import UserContext
    from functions_framework.request import Request as Elsewhere


class Model(pydantic.BaseModel):
    a: int


@dataclass
class Data:
    a: int


class Shape(TypedDict):
    a: int


class Pair(NamedTuple):
    a: int


class Dicted:
    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Dicted:
        return cls()


class Color(enum.Enum):
    RED = "red"


class Foreign:
    """A request of another framework."""


def sources(written: Callable[..., Any], path: str = "") -> dict[str, str]:
    return {each.name: each.source for each in parameters.describe(written, path).parameters}


def plain(request): ...  # type: ignore[no-untyped-def]  # as users write it
def named_request(request: Request) -> None: ...
def foreign(request: Foreign) -> None: ...
def anything(request: Any) -> None: ...
def unresolved(request: Elsewhere) -> None: ...
def unresolved_context(c: UserContext) -> None: ...
def event(event: CloudEvent) -> None: ...
def batch(events: list[CloudEvent]) -> None: ...
def model(body: Model) -> None: ...
def optional_model(body: Model | None = None) -> None: ...
def data(body: Data) -> None: ...
def shape(body: Shape) -> None: ...
def dicted(body: Dicted) -> None: ...
def pair(body: Pair) -> None: ...
def loose(body: dict[str, int]) -> None: ...
def many(body: list[Data]) -> None: ...
def raw(body: bytes) -> None: ...
def json_body(body: Json) -> None: ...
def marked(body: Annotated[int, Body()]) -> None: ...
def query(a: int, b: str = "", *, c: float | None = None) -> None: ...
def query_kinds(a: uuid.UUID, b: Color, c: Literal["x"], d: list[int] = []) -> None: ...  # noqa: B006  # a default
def mixed(request: Request, item: Model, limit: int = 3) -> None: ...
def headers(a: Annotated[str, Header("x-token")], user_agent: Annotated[str, Header()] = "") -> None: ...
def renamed(page: Annotated[int, Query("p")] = 1) -> None: ...
def context(c: Context) -> None: ...
def context_data(c: Context, data): ...  # type: ignore[no-untyped-def]  # as users write it
def context_bytes(c: Context, data: bytes) -> None: ...
def context_model(c: Context, data: Model, limit: int = 3) -> None: ...
def left_alone(request, verbose=False): ...  # type: ignore[no-untyped-def]  # as users write it
def loosely(*args, **kwargs): ...  # type: ignore[no-untyped-def]  # a decorator's


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (plain, {"request": "request"}),
        (named_request, {"request": "request"}),
        (foreign, {"request": "request"}),
        (anything, {"request": "request"}),
        (unresolved, {"request": "request"}),
        (unresolved_context, {"c": "context"}),
        (event, {"event": "cloudevent"}),
        (batch, {"events": "cloudevent"}),
        (model, {"body": "body"}),
        (optional_model, {"body": "body"}),
        (data, {"body": "body"}),
        (shape, {"body": "body"}),
        (dicted, {"body": "body"}),
        (pair, {"body": "body"}),
        (loose, {"body": "body"}),
        (many, {"body": "body"}),
        (raw, {"body": "body"}),
        (json_body, {"body": "body"}),
        (marked, {"body": "body"}),
        (query, {"a": "query", "b": "query", "c": "query"}),
        (query_kinds, {"a": "query", "b": "query", "c": "query", "d": "query"}),
        (mixed, {"request": "request", "item": "body", "limit": "query"}),
        (headers, {"a": "header", "user_agent": "header"}),
        (renamed, {"page": "query"}),
        (context, {"c": "context"}),
        (context_data, {"c": "context", "data": "body"}),
        (context_model, {"c": "context", "data": "body", "limit": "query"}),
        (left_alone, {"request": "request"}),
        (loosely, {}),
        (functools.partial(mixed, item=Model(a=1)), {"request": "request", "item": "body", "limit": "query"}),
        (functools.wraps(model)(lambda *given: model(*given, *())), {"body": "body"}),
    ],
)
def test_each_parameter_has_its_source(written: Callable[..., Any], expected: dict[str, str]) -> None:
    assert sources(written) == expected


def test_path_variables_are_parameters_by_name() -> None:
    def item(number, color: Color, request: Request) -> None: ...  # type: ignore[no-untyped-def]

    assert sources(item, "/{number}/{color:[a-z]+}") == {
        "number": "path",
        "color": "path",
        "request": "request",
    }


def test_the_description_holds_types_defaults_and_keys() -> None:
    made = parameters.describe(query)
    assert [(each.type, each.default, each.by_name) for each in made.parameters[:2]] == [
        (int, parameters.UNKNOWN, False),
        (str, "", False),
    ]
    assert made.parameters[2].by_name
    assert made.result is type(None)
    assert [each.key for each in parameters.describe(headers).parameters] == ["x-token", "user-agent"]
    assert parameters.describe(renamed).parameters[0].key == "p"
    body = parameters.describe(mixed).body
    assert body is not None
    assert body.type is Model


def test_a_type_given_to_the_decorator_describes_the_first_parameter() -> None:
    @functions_framework.typed(Data)
    def function(x):  # type: ignore[no-untyped-def]
        ...

    body = parameters.describe(function).body
    assert body is not None
    assert body.type is Data


def two(a, b): ...  # type: ignore[no-untyped-def]  # as users write it
def two_bodies(a: Model, b: Data) -> None: ...
def strange(request: Request, other: Foreign) -> None: ...


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (two, "the parameter 'b' has no annotation"),
        (two_bodies, "two_bodies takes the body 2 times (a, b)"),
        (strange, "the parameter 'other' has the annotation 'Foreign'"),
    ],
)
def test_a_parameter_that_nothing_fills_is_refused(written: Callable[..., Any], words: str) -> None:
    with pytest.raises(exits.StartError, match="ArityMismatch") as caught:
        parameters.describe(written)
    assert words in caught.value.sentence


def stream(request: Request) -> Iterator[str]:
    yield ""


@pytest.mark.parametrize(
    ("written", "signature"),
    [
        (plain, "http"),
        (named_request, "http"),
        (foreign, "http"),
        (left_alone, "http"),
        (stream, "http"),
        (loosely, "http"),
        (context, "openfunction"),
        (context_data, "openfunction"),
        (context_bytes, "openfunction"),
        (context_model, "typed"),
        (event, "cloudevent"),
        (batch, "cloudevent"),
        (model, "typed"),
        (mixed, "typed"),
        (query, "typed"),
        (json_body, "typed"),
    ],
)
def test_annotations_of_an_undeclared_function_choose_its_signature(
    written: Callable[..., Any], signature: str
) -> None:
    assert signatures.adapt("f", written, registry.Note("http")).signature == signature
