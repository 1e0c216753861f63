"""A function between two topics: each order is worked on for a while, and what became of it is the next event."""

import json
import time

SECONDS = 0.1


def fulfil(context, data):
    """Work on an order, then publish its number."""
    order = json.loads(data)
    time.sleep(SECONDS)  # noqa: TID251 - stands for the work
    context.send("msg", {"order": order["order"]})
