"""Writes Kubernetes Events: what happened to an object, counted when it happens again.

An Event that cannot be written is logged and never fails what it tells of.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from openfunction_py.api.meta import Object, ObjectMeta
from openfunction_py.api.upstream import core
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.lib import clock, log, naming

REMEMBERED = 1024
MESSAGE_LIMIT = 1024

logger = log.get("controller.events")


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    count: int


class Recorder:
    """Records Events under one component's name."""

    def __init__(self, client: clients.Client, *, time: clock.Clock, component: str = "openfunction") -> None:
        """Remember the last thousand, so that repetitions are counted."""
        self._client = client
        self._clock = time
        self._component = component
        self._known: OrderedDict[tuple[str, str, str, str], _Known] = OrderedDict()

    async def event(self, obj: Object, *, type: str = "Normal", reason: str, message: str) -> None:  # noqa: A002 - the wire's word
        """Record one: type is Normal or Warning, reason in CamelCase, message a sentence."""
        key = (obj.metadata.uid, type, reason, message)
        known = self._known.get(key)
        count = known.count + 1 if known else 1
        name = known.name if known else self._name(obj, key)
        # remembered before it is written, so that two at once do not both create it
        self._remember(key, _Known(name, count))
        body = self._make(obj, name, count, type=type, reason=reason, message=message)
        try:
            await self._write(body, repeated=known is not None)
        except errors.ApiError as error:
            logger.warning("an event could not be written", reason=reason, error=error.message)

    async def _write(self, event: core.Event, *, repeated: bool) -> None:
        if not repeated:
            await self._client.create(event)
            return
        meta = event.metadata
        change = {"count": event.count, "lastTimestamp": event.last_timestamp}
        try:
            await self._client.patch(core.Event, meta.name, change, namespace=meta.namespace)
        except errors.NotFound:
            await self._client.create(event)

    def _remember(self, key: tuple[str, str, str, str], known: _Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _name(self, obj: Object, key: tuple[str, str, str, str]) -> str:
        moment = clock.micro(self._clock.now())
        return f"{obj.metadata.name[:200]}.{naming.digest_of([*key, moment], length=16)}"

    def _make(self, obj: Object, name: str, count: int, **said: str) -> core.Event:
        now = clock.timestamp(self._clock.now())
        namespace = obj.metadata.namespace or "default"
        return core.Event.model_validate(
            {
                "metadata": ObjectMeta(name=name, namespace=namespace),
                "involvedObject": {
                    "apiVersion": obj.api_version,
                    "kind": obj.kind,
                    "namespace": obj.metadata.namespace,
                    "name": obj.metadata.name,
                    "uid": obj.metadata.uid,
                    "resourceVersion": obj.metadata.resource_version,
                },
                "type": said["type"],
                "reason": said["reason"],
                "message": said["message"][:MESSAGE_LIMIT],
                "source": {"component": self._component},
                "reportingComponent": self._component,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": count,
            }
        )
