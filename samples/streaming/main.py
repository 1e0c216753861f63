"""A function that answers piece by piece: what it yields goes out at once, as events for a browser."""

import asyncio
from collections.abc import AsyncIterator

import functions_framework


@functions_framework.http
async def count(request: functions_framework.Request) -> AsyncIterator[functions_framework.Event]:
    """One event for each number up to `to`; the caller may leave at any time."""
    for number in range(1, int(request.args.get("to", "3")) + 1):
        yield functions_framework.Event({"number": number}, id=str(number))
        await asyncio.sleep(0.01)
