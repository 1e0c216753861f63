"""The calls of Dapr's service; the names are those of the service."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from functions_framework.dapr.stubs import api, common, grpc
from openfunction_eventing.drivers.port import Item
from openfunction_eventing.sidecar import bindings, calls, metadata, refusals, secrets
from openfunction_eventing.sidecar.channel import Call
from openfunction_eventing.sidecar.grpcapi import told
from openfunction_eventing.sidecar.grpcapi.streams import Streams
from openfunction_eventing.sidecar.protobuf import Empty
from openfunction_eventing.sidecar.publishing import Entry
from openfunction_eventing.sidecar.refusals import Refusal
from openfunction_eventing.sidecar.sidecar import Sidecar
from openfunction_eventing.sidecar.states import Change, metadata_of

_Message = Any  # of Dapr's stubs, which are made at import
_Call = Any  # grpc.aio.ServicerContext, whose stubs are untyped


def _refusing(
    method: Callable[[Service, _Message, _Call], Awaitable[_Message]],
) -> Callable[[Service, _Message, _Call], Awaitable[_Message]]:
    """A call whose Refusal becomes a status."""

    @functools.wraps(method)
    async def call(self: Service, request: _Message, context: _Call) -> _Message:
        try:
            return await method(self, request, context)
        except Refusal as error:
            await told.refuse(context, error)

    return call


class Service(api.DaprServicer):  # type: ignore[misc]  # the stubs have no types
    """Answers for one sidecar; what is not in `calls.ANSWERED` is refused by name."""

    def __init__(self, sidecar: Sidecar, streams: Streams) -> None:
        self._sidecar = sidecar
        self._streams = streams
        for name in dir(api.DaprServicer):
            if name[0].isupper() and name not in calls.ANSWERED:
                setattr(self, name, _unsupported(name))

    # topics

    @_refusing
    async def PublishEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Publish."""
        del context
        await self._sidecar.publisher.publish(
            request.pubsub_name, request.topic, request.data,
            content_type=request.data_content_type, metadata=dict(request.metadata),
        )  # fmt: skip
        return Empty()

    @_refusing
    async def BulkPublishEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Publish several."""
        del context
        entries = [
            Entry(one.entry_id, one.event, one.content_type, dict(one.metadata)) for one in request.entries
        ]
        failed = await self._sidecar.publisher.bulk(
            request.pubsub_name, request.topic, entries, metadata=dict(request.metadata)
        )
        if failed and len(failed) == len(entries):
            raise refusals.not_published(request.pubsub_name, request.topic, failed[0].reason)
        return api.BulkPublishResponse(
            failedEntries=[
                api.BulkPublishResponseFailedEntry(entry_id=one.id, error=one.reason) for one in failed
            ]
        )

    BulkPublishEventAlpha1 = BulkPublishEvent

    async def SubscribeTopicEventsAlpha1(  # noqa: N802
        self, request_iterator: AsyncIterator[_Message], context: _Call
    ) -> AsyncIterator[_Message]:
        """Events of a topic on this stream, settled by what comes back on it."""
        async with aclosing(self._streams.serve(request_iterator, context)) as outgoing:
            async for message in outgoing:
                yield message

    # bindings

    @_refusing
    async def InvokeBinding(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Have an output binding do an operation."""
        del context
        found = await bindings.invoke(
            self._sidecar.catalog,
            request.name,
            request.operation,
            request.data,
            metadata=dict(request.metadata),
        )
        return api.InvokeBindingResponse(data=found.data, metadata=dict(found.metadata))

    # state

    @_refusing
    async def GetState(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """One key; empty when it is not there."""
        del context
        found = await self._sidecar.states.get(request.store_name, [request.key])
        item = found.get(request.key, Item(b"", ""))
        return api.GetStateResponse(data=item.value, etag=item.etag, metadata=metadata_of(item))

    @_refusing
    async def GetBulkState(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Several keys; each is there, empty when the store has none."""
        del context
        found = await self._sidecar.states.get(request.store_name, list(request.keys))
        nothing = Item(b"", "")
        return api.GetBulkStateResponse(items=[
            api.BulkStateItem(key=key, data=item.value, etag=item.etag, metadata=metadata_of(item))
            for key in request.keys for item in [found.get(key, nothing)]
        ])  # fmt: skip

    @_refusing
    async def SaveState(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Save keys."""
        del context
        self._sidecar.states.require(request.store_name)
        if not all(one.key for one in request.states):
            raise refusals.no_key()
        await self._sidecar.states.save(request.store_name, [told.change(one) for one in request.states])
        return Empty()

    @_refusing
    async def DeleteState(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Delete a key."""
        del context
        await self._sidecar.states.save(request.store_name, [told.change(request, deletes=True)])
        return Empty()

    @_refusing
    async def DeleteBulkState(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Delete keys."""
        del context
        self._sidecar.states.require(request.store_name)
        changes = [told.change(one, deletes=True) for one in request.states]
        await self._sidecar.states.save(request.store_name, changes)
        return Empty()

    @_refusing
    async def ExecuteStateTransaction(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Do every change or none."""
        del context
        self._sidecar.states.require(request.storeName)
        await self._sidecar.states.transact(
            request.storeName, [_operation(one) for one in request.operations]
        )
        return Empty()

    @_refusing
    async def QueryStateAlpha1(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """No store here can be queried."""
        del context
        self._sidecar.states.require(request.store_name)
        raise refusals.no_query()

    # secrets

    @_refusing
    async def GetSecret(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """One secret."""
        del context
        found = await secrets.get(
            self._sidecar.catalog, request.store_name, request.key, metadata=dict(request.metadata)
        )
        return api.GetSecretResponse(data=found)

    @_refusing
    async def GetBulkSecret(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Every secret."""
        del context
        found = await secrets.every(
            self._sidecar.catalog, request.store_name, metadata=dict(request.metadata)
        )
        return api.GetBulkSecretResponse(
            data={key: api.SecretResponse(secrets=values) for key, values in found.items()}
        )

    # apps and the sidecar itself

    @_refusing
    async def InvokeService(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Call a method of an app."""
        asked = request.message
        headers = [*told.headers(context), ("content-type", asked.content_type or "application/json")]
        verb = common.HTTPExtension.Verb.Name(asked.http_extension.verb)
        call = Call(
            verb if verb != "NONE" else "POST", asked.method.lstrip("/"), asked.http_extension.querystring,
            headers, asked.data.value,
        )  # fmt: skip
        reply = await self._sidecar.invoker.invoke(request.id, call)
        await told.refuse_status(context, reply)
        made = common.InvokeResponse(content_type=reply.header("content-type"))
        made.data.value = reply.body
        return made

    async def GetMetadata(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """What the sidecar says of itself."""
        del request, context
        return told.metadata(metadata.document(self._sidecar))

    async def SetMetadata(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Keep a value beside what the sidecar says of itself."""
        del context
        if request.key:
            self._sidecar.extended[request.key] = request.value
        return Empty()

    async def Shutdown(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """End; what is under way ends first."""
        del request, context
        self._sidecar.shutdown.set()
        return Empty()


def _operation(one: _Message) -> Change:
    if one.operationType not in {"upsert", "delete"}:
        raise refusals.bad_operation(one.operationType)
    return told.change(one.request, deletes=one.operationType == "delete")


def _unsupported(name: str) -> Callable[[_Message, _Call], Awaitable[None]]:
    async def refuse(request: _Message, context: _Call) -> None:
        del request
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, refusals.unsupported(name).message)

    return refuse
