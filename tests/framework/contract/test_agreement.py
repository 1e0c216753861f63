"""The contract and the checks never disagree: what a schema accepts is taken, what it refuses is answered 422."""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

import functions_framework
from functions_framework import testing
from tests.framework.contract import validators


class Size(enum.Enum):
    SMALL = "s"
    LARGE = 2


class Extra(TypedDict):
    key: str
    more: NotRequired[dict[str, int]]


class Pair(NamedTuple):
    left: int
    right: bool = True


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    name: str = Field(min_length=1, max_length=5)
    count: int = Field(default=1, ge=0)
    tags: list[Literal["a", "b"]] = []


@dataclasses.dataclass
class Everything:
    whole: int
    number: float
    flag: bool
    text: str | None
    size: Size
    kind: Literal["x", 1]
    both: tuple[int, str]
    many: tuple[int, ...]
    names: set[str]
    extra: Extra
    pair: Pair
    strict: Strict
    choice: int | str | list[int] = 0
    inner: Everything | None = None
    open: Any = None


VALID: dict[str, Any] = {
    "whole": 1, "number": 1.5, "flag": True, "text": None, "size": "s", "kind": 1, "both": [1, "a"], "many": [1, 2],
    "names": ["a"], "extra": {"key": "k", "more": {"n": 1}}, "pair": {"left": 1}, "choice": [1],
    "strict": {"name": "ada", "tags": ["a"]}, "open": {"any": [None]},
}  # fmt: skip
VALID["inner"] = {**VALID, "inner": None}


@functions_framework.typed(path="/everything")
def everything(value: Everything) -> None: ...


@functions_framework.typed(path="/strict")
def strict(value: Strict) -> None: ...


@functions_framework.typed(path="/constrained")
def constrained(value: list[Annotated[int, Field(gt=3, multiple_of=2)]]) -> None: ...


@pytest.fixture(scope="module")
def client() -> Iterator[testing.Client]:
    with testing.client(everything, strict, constrained) as made:
        yield made


@pytest.fixture(scope="module")
def document(client: testing.Client) -> dict[str, Any]:
    made: dict[str, Any] = client.get("/.well-known/openfunction/openapi.json").json()
    return made


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, the whole first."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


SCALARS = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([-1.5, 0.5, 2.5])
    | st.sampled_from(["", "s", "x", "a", "toolong", "1"])
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "left", "name"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """A valid value with one place put to something else, or taken out."""
    made = copy.deepcopy(valid)
    path = draw(st.sampled_from(list(places(valid))))
    if not path:
        return draw(JSON)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    if draw(st.integers(0, 3)) == 0 and isinstance(holder, dict):
        del holder[path[-1]]
    else:
        holder[path[-1]] = draw(JSON)
    return made


def agree(client: testing.Client, document: dict[str, Any], path: str, value: Any) -> None:
    """Assert that the schema and the function judge a value alike."""
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    told = validators.problems(value, schema, document)
    answer = client.post(path, data=validators.encoded(value), headers={"content-type": "application/json"})
    assert (answer.status == 422) is bool(told), (value, told, answer)
    assert answer.status in {200, 204, 422}


@settings(max_examples=400, deadline=None)
@given(value=changed(VALID))
def test_a_dataclass_of_everything(client: testing.Client, document: dict[str, Any], value: Any) -> None:
    agree(client, document, "/everything", value)


@settings(max_examples=200, deadline=None)
@given(value=changed({"name": "ada", "count": 2, "tags": ["a", "b"]}))
def test_a_strict_model(client: testing.Client, document: dict[str, Any], value: Any) -> None:
    agree(client, document, "/strict", value)


@settings(max_examples=100, deadline=None)
@given(value=st.lists(st.integers(-10, 10) | st.booleans() | st.text(max_size=2), max_size=4))
def test_constraints_in_a_list(client: testing.Client, document: dict[str, Any], value: Any) -> None:
    if any(isinstance(one, bool | str) for one in value):
        return  # pydantic takes "4" and True for numbers where a model is not strict, and its schema does not say so
    agree(client, document, "/constrained", value)


def test_a_whole_number_may_be_written_with_a_point(client: testing.Client, document: dict[str, Any]) -> None:
    agree(client, document, "/everything", {**VALID, "whole": 2.0, "inner": {**VALID["inner"], "whole": 2.5}})
    assert client.post("/everything", json={**VALID, "whole": 2.0}).status in {200, 204}


def test_what_is_changed_here_is_valid(client: testing.Client, document: dict[str, Any]) -> None:
    agree(client, document, "/everything", VALID)
    assert client.post("/everything", json=VALID).status in {200, 204}
