"""Typed functions over real connections: what fills a parameter, what is refused and where, what is sent."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pydantic
import pytest

import functions_framework as ff
from functions_framework import (
    Body,
    CloudEvent,
    Context,
    Event,
    Header,
    HttpError,
    Json,
    Query,
    Request,
    exits,
    settings,
    testing,
)
from functions_framework.signatures import checks
from tests.framework.conftest import StartSite


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Tag:
    name: str
    children: list[Tag] = field(default_factory=list)


@dataclass
class Item:
    name: str
    price: float
    tag: Tag | None = None

    def __post_init__(self) -> None:
        if self.price < 0:
            raise ValueError("costs less than nothing")


class Model(pydantic.BaseModel):
    count: Annotated[int, pydantic.Field(ge=1)]
    items: list[Item] = []


class Google:
    """Google's contract of a typed function's classes."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Google:
        return cls(given["name"])

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


def item(given: Item) -> Item:
    return given


async def model(given: Model) -> Model:
    return given


@ff.typed(Google)
def google(given):  # type: ignore[no-untyped-def]  # as Google's samples are
    return given


@ff.typed
def nothing(given: Item) -> None: ...


async def mixed(request: Request, given: Item, *, limit: int = 3, tags: list[str] | None = None) -> Any:
    return {"method": request.method, "name": given.name, "limit": limit, "tags": tags}, 201, {"x-a": "b"}


def headed(token: Annotated[str, Header("x-token")], page: Annotated[int, Query("p")] = 1) -> Any:
    return [token, page]


def loose(given: Json) -> Any:
    return given


def number(given: Annotated[int, Body()]) -> Any:
    return given + 1


def raw(given: bytes) -> bytes:
    return given[::-1]


def event(given: CloudEvent, dry: bool = False) -> Any:
    return {"type": given["type"], "dry": dry}


def with_context(context: Context, given: Item) -> Any:
    request = context.get_http_request()
    assert request is not None
    return [given.name, request.method]


def skips(request, verbose=False, limit: int = 3):  # type: ignore[no-untyped-def]  # as users write it
    return [verbose, limit]


def refuses(given: Item) -> None:
    raise HttpError(409, "There is one already.")


async def streams(count: int) -> AsyncIterator[Event]:
    for n in range(count):
        yield Event(n)


@pytest.mark.parametrize(
    ("written", "target", "body", "status", "expected"),
    [
        (item, "/", {"name": "a", "price": 1}, 200, {"name": "a", "price": 1.0, "tag": None}),
        (item, "/", {"name": "a", "price": 1, "tag": {"name": "t", "children": [{"name": "u"}]}}, 200, ...),
        (model, "/", {"count": 2, "items": [{"name": "a", "price": 1}]}, 200, ...),
        (google, "/", {"name": "g", "more": 1}, 200, {"name": "g"}),
        (nothing, "/", {"name": "a", "price": 1}, 200, None),
        (mixed, "/?limit=5&tags=x&tags=y", {"name": "a", "price": 1}, 201,
         {"method": "POST", "name": "a", "limit": 5, "tags": ["x", "y"]}),
        (mixed, "/", {"name": "a", "price": 1}, 201, {"method": "POST", "name": "a", "limit": 3, "tags": None}),
        (loose, "/", {"any": [1, None]}, 200, {"any": [1, None]}),
        (number, "/", 41, 200, 42),
        (with_context, "/", {"name": "a", "price": 1}, 200, ["a", "POST"]),
        (skips, "/?limit=4&verbose=1", None, 200, [False, 4]),
        (refuses, "/", {"name": "a", "price": 1}, 409, ...),
    ],
)  # fmt: skip
async def test_parameters_are_filled_in_and_results_sent(
    site: StartSite, written: Callable[..., Any], target: str, body: Any, status: int, expected: Any
) -> None:
    async with site(written) as at:
        reply = await at.ask(target, method="POST", body=json.dumps(body).encode())
    assert reply.status == status
    if expected is None:
        assert reply.body == b""
    elif expected is not ...:
        assert reply.json == expected


async def test_headers_raw_bodies_events_and_streams(site: StartSite) -> None:
    async with site(headed) as at:
        assert (await at.ask("/?p=7", headers="X-Token: t\r\n")).json == ["t", 7]
    async with site(raw) as at:
        assert (await at.ask("/", method="POST", body=b"abc")).body == b"cba"
    async with site(event) as at:
        fields = "ce-id: 1\r\nce-type: t\r\nce-source: /s\r\nce-specversion: 1.0\r\n"
        reply = await at.ask("/?dry=true", method="POST", body=b"{}", headers=fields)
        assert reply.json == {"type": "t", "dry": True}
    async with site(streams) as at:
        assert (await at.ask("/?count=2")).headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize(
    ("written", "target", "body", "paths"),
    [
        (item, "/", {}, ["body.name", "body.price"]),
        (item, "/", {"name": 1, "price": "x"}, ["body.name", "body.price"]),
        (item, "/", {"name": "a", "price": True}, ["body.price"]),
        (item, "/", {"name": "a", "price": -1}, ["body"]),
        (item, "/", [], ["body"]),
        (item, "/", None, ["body"]),
        (
            item,
            "/",
            {"name": "a", "price": 1, "tag": {"name": "t", "children": [{}]}},
            ["body.tag.children.0.name"],
        ),
        (model, "/", {"count": 0, "items": [{"name": "a"}]}, ["body.count", "body.items.0.price"]),
        (google, "/", {}, ["body"]),
        (mixed, "/?limit=x", {"name": "a"}, ["body.price", "query.limit"]),
        (headed, "/?p=", None, ["header.x-token", "query.p"]),
        (streams, "/", None, ["query.count"]),
    ],
)
async def test_what_is_not_valid_is_422_with_every_path(
    site: StartSite, written: Callable[..., Any], target: str, body: Any, paths: list[str]
) -> None:
    async with site(written) as at:
        sent = b"" if body is None else json.dumps(body).encode()
        reply = await at.ask(target, method="POST", body=sent)
    assert reply.status == 422
    assert [each["path"] for each in reply.json["errors"]] == paths
    assert all(each["message"] for each in reply.json["errors"])


@pytest.mark.parametrize("written", [item, model, google, loose])
async def test_a_body_that_is_no_json_is_400(site: StartSite, written: Callable[..., Any]) -> None:
    async with site(written) as at:
        assert (await at.ask("/", method="POST", body=b'{"a')).status == 400


def marked(
    given: Annotated[list[Annotated[float, pydantic.Field(ge=0)]], Body()],
    most: Annotated[float, pydantic.Field(ge=0)] = 1.0,
) -> Any:
    return [given, most]


async def test_numbers_that_pydantic_checks_are_finite_too(site: StartSite) -> None:
    async with site(marked) as at:
        assert (await at.ask("/?most=2", method="POST", body=b"[1.5]")).json == [[1.5], 2.0]
        assert (await at.ask("/?most=inf", method="POST", body=b"[1.5]")).status == 422
        assert (await at.ask("/", method="POST", body=b"[Infinity]")).status == 422
        assert (await at.ask("/", method="POST", body=b'["NaN"]')).status == 422


async def tag(given: Tag) -> Tag:
    return given


async def test_a_body_nested_too_deeply_is_400_and_no_error_of_ours(site: StartSite) -> None:
    deep = b'{"name":"x","children":[' * 500 + b"]}" * 500
    async with site(tag) as at:
        reply = await at.ask("/", method="POST", body=deep)
    assert (reply.status, reply.body) == (400, b"The body is nested too deeply.\n")


class Counted:
    """Counts how often a value of it is looked at."""

    checks = 0

    @classmethod
    def from_dict(cls, _given: Any) -> Counted:
        cls.checks += 1
        return cls()


@dataclass
class Left:
    kind: Literal["left"]
    leaf: Counted
    below: Left | Right | list[Left | Right] | None = None


@dataclass
class Right:
    kind: Literal["right"]
    leaf: Counted
    below: Left | Right | list[Left | Right] | None = None


@pytest.mark.parametrize("in_list", [False, True])
@pytest.mark.parametrize("kind", ["right", "none"])
def test_a_deep_union_is_looked_at_once_for_each_of_its_classes(kind: str, in_list: bool) -> None:
    value: dict[str, Any] = {"kind": kind, "leaf": {}}
    for _ in range(40):
        value = {"kind": "right", "leaf": {}, "below": [value] if in_list else value}
    problems: checks.Problems = []
    Counted.checks = 0
    got = checks.check(Left | Right)(value, "body", problems)
    assert 41 <= Counted.checks <= 41 * 10
    if kind == "right":
        assert (type(got), problems) == (Right, [])
    else:
        assert (got, problems) == (None, [("body", "is nothing of Left | Right")])


async def items(given: list[Item]) -> int:
    return len(given)


async def models(given: list[Model]) -> int:
    return len(given)


@pytest.mark.parametrize(
    ("written", "wrong", "told"),
    [(items, 200, 100), (items, 5000, 100), (models, 200, 100), (models, 5000, 1)],
)
async def test_of_many_problems_few_are_told(
    site: StartSite, written: Callable[..., Any], wrong: int, told: int
) -> None:
    async with site(written) as at:
        reply = await at.ask("/", method="POST", body=b"[" + b",".join([b"1"] * wrong) + b"]")
    assert (reply.status, len(reply.json["errors"])) == (422, told)


@pytest.mark.parametrize("written", [items, models])
async def test_a_body_that_would_hold_the_loop_is_413(site: StartSite, written: Callable[..., Any]) -> None:
    body = b"[" + b" " * (settings.MAX_TYPED - 2) + b"]"
    async with site(written) as at:
        assert (await at.ask("/", method="POST", body=body)).json == 0
        reply = await at.ask("/", method="POST", body=body + b" ")
    assert reply.status == 413
    assert reply.body == b"The body has 1048577 bytes; OFN_MAX_TYPED_BYTES lets 1048576 be checked.\n"
    async with site(raw) as at:
        assert (await at.ask("/", method="POST", body=body + b" ")).status == 200


def test_how_large_a_typed_body_may_be_is_a_setting() -> None:
    client = testing.client(number, environ={"OFN_MAX_TYPED_BYTES": "3"})
    assert [client.post("/", data=b"1" * size).status for size in (3, 4)] == [200, 413]
    with pytest.raises(exits.StartError, match="OFN_MAX_TYPED_BYTES"):
        testing.client(number, environ={"OFN_MAX_TYPED_BYTES": "much"})


class Shape(TypedDict):
    a: int
    b: NotRequired[str]


class Pair(NamedTuple):
    a: int
    b: str = "b"


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (int, 3, 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (bool, True, True),
        (str, "x", "x"),
        (bytes, "x", b"x"),
        (None, None, None),
        (uuid.UUID, "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        (datetime.date, "2024-05-01", datetime.date(2024, 5, 1)),
        (datetime.datetime, "2024-05-01T12:00:00Z", datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)),
        (datetime.timedelta, 1.5, datetime.timedelta(seconds=1.5)),
        (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
        (Color, "red", Color.RED),
        (Literal["a", 1], 1, 1),
        (int | str, "x", "x"),
        (list[int], [1, 2], [1, 2]),
        (set[int], [1, 1], {1}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[int, int], {"1": 1}, {1: 1}),
        (Shape, {"a": 1, "c": 2}, {"a": 1}),
        (Pair, {"a": 1}, Pair(1)),
        (list[Shape], [{"a": 1, "b": "x"}], [{"a": 1, "b": "x"}]),
        (Any, {"x": None}, {"x": None}),
    ],
)
def test_a_value_becomes_what_the_annotation_says(hint: Any, value: Any, expected: Any) -> None:
    problems: checks.Problems = []
    got = checks.check(hint)(value, "body", problems)
    assert (got, type(got), problems) == (expected, type(expected), [])


@pytest.mark.parametrize(
    ("hint", "value", "path"),
    [
        (int, True, "body"),
        (int, 1.5, "body"),
        (str, 1, "body"),
        (bool, 1, "body"),
        (Literal[1], True, "body"),
        (Color, "green", "body"),
        (int | str, [], "body"),
        (int | None, "x", "body"),
        (list[int], {}, "body"),
        (list[int], [1, "x"], "body.1"),
        (tuple[int, str], [1], "body"),
        (set[Any], [[1]], "body"),
        (set[tuple[int, ...]], [["x"]], "body.0.0"),
        (dict[str, int], {"a": "x"}, "body.a"),
        (dict[int, int], {"x": 1}, "body.x"),
        (Shape, {"b": 1}, "body.a"),
        (float, float("inf"), "body"),
        (decimal.Decimal, "sNaN", "body"),
        (decimal.Decimal, "-Infinity", "body"),
        (uuid.UUID, 1, "body"),
        (datetime.date, "yesterday", "body"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_path(hint: Any, value: Any, path: str) -> None:
    problems: checks.Problems = []
    checks.check(hint)(value, "body", problems)
    assert problems[0][0] == path


@pytest.mark.parametrize(
    ("hint", "text", "expected"),
    [
        (int, "-3", -3),
        (int, "1_0", None),
        (int, "٣", None),
        (float, "1e3", 1000.0),
        (float, "1_0", None),
        (float, "nan", None),
        (float, "-inf", None),
        (float, "1e999", None),
        (decimal.Decimal, "NaN", None),
        (decimal.Decimal, "1.5", decimal.Decimal("1.5")),
        (bool, "Yes", True),
        (bool, "off", False),
        (bool, "2", None),
        (int | None, "", None),
        (Color, "blue", Color.BLUE),
        (Literal[1, 2], "2", 2),
        (list[int], ["1", "2"], [1, 2]),
        (list[int] | None, ["1"], [1]),
        (datetime.date, "2024-05-01", datetime.date(2024, 5, 1)),
    ],
)
def test_a_text_becomes_what_the_annotation_says(hint: Any, text: Any, expected: Any) -> None:
    assert checks.text_check(hint)(text, "query.x", []) == expected


class Unknown:
    pass


def untyped(request):  # type: ignore[no-untyped-def]  # as users write it
    ...


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: checks.check(list[Unknown]), "nothing checks values of"),
        (lambda: checks.check(Callable[[], int]), "nothing checks values of"),
        (lambda: ff_adapt(ff.typed(untyped)), "declared with @typed and says no type"),
    ],
)
def test_a_type_that_nothing_checks_is_refused_at_start(make: Callable[[], object], words: str) -> None:
    with pytest.raises(exits.StartError, match="InvalidFunction") as caught:
        make()
    assert words in caught.value.sentence


def ff_adapt(written: Callable[..., Any]) -> object:
    note = ff.registry.note_of(written)
    assert note is not None
    return ff.signatures.adapt("untyped", written, note)


async def test_dataclasses_are_checked_without_pydantic(
    site: StartSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydantic", None)
    async with site(item) as at:
        assert (await at.ask("/", method="POST", body=b'{"name":"a","price":2}')).status == 200
    with pytest.raises(exits.StartError, match=r"openfunction-functions-framework\[typed\]"):
        checks.pydantic_check(Model)
