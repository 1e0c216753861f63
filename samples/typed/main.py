"""A function of types: its parameters are filled in and checked, its result is sent as JSON."""

from pydantic import BaseModel, Field

import functions_framework


class Order(BaseModel):
    """What is ordered."""

    item: str
    count: int = Field(default=1, ge=1)


class Receipt(BaseModel):
    """What it costs, in cents."""

    item: str
    total: int


@functions_framework.typed
def price(order: Order, *, express: bool = False) -> Receipt:
    """The order is the body, `express` stands in the query."""
    return Receipt(item=order.item, total=order.count * 250 + (500 if express else 0))
