"""Events grow old: kube-apiserver keeps them for an hour, and so does this server.

It removes Events and nothing else, a batch at a time, and wakes up seldom.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import orjson

from openfunction_py.api import scheme
from openfunction_py.api.upstream import core
from openfunction_py.apiserver.database import Key, StoreError
from openfunction_py.apiserver.request import stored
from openfunction_py.apiserver.store import Document, Mutation, Outcome, Store, View
from openfunction_py.lib import clock, log
from openfunction_py.lib.clock import Clock

LIFETIME = timedelta(hours=1)
PERIOD_SECONDS = 600.0

logger = log.get("apiserver.expiry")


async def run(store: Store, source: Clock) -> None:
    """Remove what is too old, now and every ten minutes, until cancelled."""
    while True:
        try:
            await sweep(store, source.now() - LIFETIME)
        except* StoreError as errors:
            logger.warning("old Events are not removed", errors=[str(error) for error in errors.exceptions])
        await asyncio.sleep(PERIOD_SECONDS)


async def sweep(store: Store, oldest: datetime) -> None:
    """Remove every Event that was last seen before a moment."""
    resource = stored(scheme.of(core.Event))
    keys = [Key(resource, row.namespace, row.name) for row in store.page(resource).rows
            if last_seen(orjson.loads(row.value)) < oldest]  # fmt: skip
    if keys:
        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(store.write(_removal(key, oldest)))


def last_seen(event: Document) -> datetime:
    """When an Event happened for the last time."""
    series = event.get("series") or {}
    named = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    moments = [moment for text in named if (moment := _moment(text)) is not None]
    return max(moments, default=clock.parse(event["metadata"]["creationTimestamp"]))


def _moment(text: object) -> datetime | None:
    """A moment that a client wrote, if it is one."""
    try:
        return clock.parse(str(text)) if text else None
    except ValueError:
        return None


def _removal(key: Key, oldest: datetime) -> Mutation:
    def mutate(view: View) -> Outcome:
        found = view.get(key)
        if found is None or last_seen(found) >= oldest:
            return Outcome("keep", key, found or {})
        return Outcome("remove", key, found)

    return mutate
