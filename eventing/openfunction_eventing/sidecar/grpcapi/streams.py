"""Streaming subscriptions: events go out on a stream that the app has opened, what became of them comes back on it."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from functions_framework.dapr.stubs import api, grpc
from openfunction_eventing.component import ComponentError
from openfunction_eventing.sidecar import callbacks, refusals
from openfunction_eventing.sidecar.channel import AppLeft, Delivery, Status
from openfunction_eventing.sidecar.grpcapi import told
from openfunction_eventing.sidecar.sidecar import Sidecar
from openfunction_eventing.sidecar.subscriptions import STREAMING, Rule, Subscription

_Message = Any  # of Dapr's stubs, which are made at import
_Call = Any  # grpc.aio.ServicerContext, whose stubs are untyped


class Stream:
    """One stream; implements consuming.Target."""

    def __init__(self) -> None:
        self._out: asyncio.Queue[_Message | None] = asyncio.Queue()
        # A message may be under way twice: the answers come in the order of the sending.
        self._due: Mapping[str, deque[asyncio.Future[Status]]] = defaultdict(deque)
        self._ended = False

    async def deliver(self, one: Delivery) -> Status:
        """Send an event and wait for what is said of it; raises AppLeft when the stream ends before."""
        if self._ended:
            raise AppLeft("the stream has ended")
        answer: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        message = callbacks.topic_event(one)
        self._due[message.id].append(answer)
        self._out.put_nowait(api.SubscribeTopicEventsResponseAlpha1(event_message=message))
        return await answer

    async def deliver_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """Streams have no bulks; one after the other."""
        return {one.entry: await self.deliver(one) for one in many}

    async def outgoing(self) -> AsyncIterator[_Message]:
        """What is to be sent, until the end."""
        while (message := await self._out.get()) is not None:
            yield message

    def settle(self, processed: _Message) -> None:
        """Take what the app says of an event; of one that is not under way it means nothing."""
        due = self._due.get(processed.id)
        while due:
            answer = due.popleft()
            if not answer.done():
                answer.set_result(callbacks.status(processed.status.status))
                return

    def hang_up(self) -> None:
        """Send no more; whoever serves the stream ends it."""
        self._out.put_nowait(None)

    def end(self) -> None:
        """Send no more; what waits for an answer gets none."""
        self._ended = True
        self.hang_up()
        for due in self._due.values():
            for answer in due:
                if not answer.done():
                    answer.set_exception(AppLeft("the stream has ended"))
            due.clear()


class Streams:
    """The streams of one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._open: dict[int, Stream] = {}

    async def serve(
        self, incoming: AsyncIterator[_Message], context: _Call
    ) -> AsyncGenerator[_Message, None]:
        """One call of SubscribeTopicEventsAlpha1, to its end."""
        first = await anext(aiter(incoming), None)
        stream = Stream()
        number = await self._begin(first, stream, context)
        yield api.SubscribeTopicEventsResponseAlpha1(
            initial_response=api.SubscribeTopicEventsResponseInitialAlpha1()
        )
        reading = asyncio.get_running_loop().create_task(_read(incoming, stream))
        try:
            async for message in stream.outgoing():
                yield message
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the sidecar ends; subscribe again")
        finally:
            reading.cancel()
            self._open.pop(number, None)
            # Ended once the reading has begun to stop: what comes back unsettled must not be sent here again.
            asyncio.get_running_loop().call_soon(stream.end)
            await self._sidecar.consumers.stop(number)

    async def stop(self) -> None:
        """End every stream, after its subscription."""
        for number, stream in list(self._open.items()):
            await self._sidecar.consumers.stop(number)
            stream.end()

    async def _begin(self, first: _Message, stream: Stream, context: _Call) -> int:
        wanted = (
            first.initial_request if first is not None else api.SubscribeTopicEventsRequestInitialAlpha1()
        )
        if not wanted.pubsub_name or not wanted.topic:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                "the first message is an initial_request with pubsubName and topic",
            )
        subscription = Subscription(
            wanted.pubsub_name, wanted.topic, (Rule("/"),), dict(wanted.metadata), wanted.dead_letter_topic,
            kind=STREAMING,
        )  # fmt: skip
        try:
            number = await self._sidecar.consumers.start(subscription, stream)
        except refusals.Refusal as error:
            await told.refuse(context, error)
        except ComponentError as error:
            await context.abort(grpc.StatusCode.INTERNAL, str(error))
        self._open[number] = stream
        return number


async def _read(incoming: AsyncIterator[_Message], stream: Stream) -> None:
    """Take what the app says until it hangs up."""
    try:
        async for message in incoming:
            if message.HasField("event_processed"):
                stream.settle(message.event_processed)
    finally:
        stream.hang_up()
