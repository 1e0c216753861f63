# mypy: ignore-errors
"""Functions of types: Google's `from_dict` and `to_dict`, pydantic models, and our own surface."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import functions_framework
from pydantic import BaseModel, Field


@dataclass
class Name:
    first: str
    last: str

    @staticmethod
    def from_dict(given):
        return Name(given["first"], given["last"])


@dataclass
class Greeting:
    message: str

    def to_dict(self):
        return {"message": self.message}


class Pair:
    def __init__(self, name, age):
        self.name, self.age = name, age

    @staticmethod
    def from_dict(given):
        return Pair(given["name"], int(given["age"]))

    def to_dict(self):
        return {"name": self.name, "age": self.age}


class Order(BaseModel):
    item: str
    count: int = Field(default=1, ge=1)


@dataclass
class Basket:
    orders: list[str] = field(default_factory=list)
    express: bool = False


@functions_framework.typed
def greeting(name: Name) -> Greeting:
    return Greeting(f"Hello {name.first} {name.last}!")


@functions_framework.typed(Pair)
def older(pair):
    pair.age += 1
    return pair


@functions_framework.typed
def says_nothing(name: Name):
    print(name)


@functions_framework.typed
def model(order: Order) -> Order:
    return order.model_copy(update={"count": order.count * 2})


def unmarked(basket: Basket, limit: int = 2):
    return {"orders": basket.orders[:limit], "express": basket.express}


@functions_framework.http(path="/shelves/{shelf}/books/{book}", methods=["GET"])
def book(shelf: str, book: int, language: str = "en"):
    return {"shelf": shelf, "book": book, "language": language}


@functions_framework.typed
def counts(order: Order) -> Iterator[str]:
    for number in range(order.count):
        yield f"{order.item} {number}\n"
