"""Functions of every shape that a contract can describe."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from pydantic import BaseModel, Field

import functions_framework
from functions_framework import CloudEvent, Request, Response
from functions_framework.signatures.parameters import Header, Json, Query


class Colour(enum.Enum):
    """What it looks like."""

    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    sku: str = Field(min_length=2)
    count: int = 1


class Order(BaseModel):
    """An order of the shop."""

    id: uuid.UUID
    lines: list[Line]
    parent: Order | None = None


@dataclasses.dataclass
class Receipt:
    """What was paid."""

    total: float
    colour: Colour
    at: datetime.datetime | None = None
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None


class Point(TypedDict):
    x: float
    y: NotRequired[float]


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Money:
        return cls(given["amount"])

    def to_dict(self) -> dict[str, int]:
        return {"amount": self.amount}


@functions_framework.typed(path="/orders/{shop}/{number:[0-9]+}", methods=["PUT"])
def order(order: Order, shop: str, number: int, dry: bool = False, tag: list[str] = []) -> Order:  # noqa: B006  # never changed
    """Take an order.

    It is given back as it was read.
    """
    return order


@functions_framework.typed(path="/receipt")
def receipt(given: Receipt) -> Receipt:
    return given


@functions_framework.typed(path="/tree")
def tree(node: Node) -> Node:
    return node


@functions_framework.typed(path="/point")
def point(at: Point) -> Point:
    return at


@functions_framework.typed(path="/points")
async def points(all_of: list[Point]) -> dict[str, Point]:
    return {str(index): each for index, each in enumerate(all_of)}


@functions_framework.typed(path="/money")
def money(given: Money) -> dict[str, int]:
    return given.to_dict()


@functions_framework.typed(path="/search", methods=["GET"])
def search(
    text: str,
    colour: Colour = Colour.RED,
    size: Literal["s", "m"] = "s",
    limit: Annotated[int, Query("max")] = 10,
    *,
    since: datetime.date | None = None,
    agent: Annotated[str, Header("User-Agent")] = "",
    price: decimal.Decimal | None = None,
) -> dict[str, Any]:
    return {"text": text, "colour": colour.value, "size": size, "limit": limit, "agent": agent}


@functions_framework.typed(path="/json")
def anything(body: Json) -> list[Any]:
    return [body]


@functions_framework.typed(path="/maybe")
def maybe(point: Point) -> Point | None:
    return point if point["x"] else None


@functions_framework.http(path="/plain", methods=["GET", "POST"])
def plain(request: Request):  # type: ignore[no-untyped-def]  # says nothing of its result
    return "anything"


@functions_framework.http(path="/text")
def text(request: Request) -> str:
    return "text"


@functions_framework.http(path="/response")
def spelt(request: Request) -> Response:
    return Response("made", 201)


@functions_framework.http(path="/stream", methods=["GET"])
async def stream(request: Request) -> AsyncIterator[Point]:
    for x in range(2):
        yield {"x": x}


@functions_framework.http(path="/events", methods=["GET"])
def events(request: Request) -> Iterator[functions_framework.Event]:
    yield functions_framework.Event({"n": 1})


@functions_framework.cloud_event(path="/taken")
def taken(event: CloudEvent) -> None:
    """Take an event."""


@functions_framework.cloud_event(path="/answered")
async def answered(event: CloudEvent) -> CloudEvent:
    return CloudEvent({"type": "answer", "source": "/me"}, {"n": 1})


FUNCTIONS = (
    order, receipt, tree, point, points, money, search, anything, maybe, plain, text, spelt, stream, events, taken,
    answered,
)  # fmt: skip
