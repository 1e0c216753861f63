"""Publishing to Kafka: each message acknowledged by all replicas in step, many on their way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, errors

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.kafka.settings import Settings, leave
from openfunction_eventing.drivers.port import PublishError

_TIMEOUT_MS = 10_000
_PATIENCE = 15.0
# Names under which Dapr takes a record's key.
_KEYS = ("partitionKey", "__key")
# What a record has beside its value and key: room that the library adds to a message.
_OVERHEAD = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """What Kafka stores."""

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def record(value: bytes, metadata: Mapping[str, str], *, key: str = "", content_type: str = "") -> Record:
    """A record; the metadata's partition key goes before the given one, and the rest become headers."""
    chosen = next((metadata[name] for name in _KEYS if metadata.get(name)), key)
    headers = [(name, text.encode()) for name, text in metadata.items() if not name.startswith("__")]
    if content_type:
        headers.append(("content-type", content_type.encode()))
    return Record(value, chosen.encode() if chosen else None, tuple(headers))


class Producer:
    """All publishing of one component."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AIOKafkaProducer | None = None
        self._trouble = ""

    @property
    def component(self) -> Component:
        """Whose it is."""
        return self._settings.component

    async def open(self) -> None:
        """Connect; raises ComponentError."""
        self._client = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=_TIMEOUT_MS,
            max_request_size=self._settings.message_bytes,
            **self._settings.client,
        )
        try:
            await self._client.start()
        except (errors.KafkaError, OSError, TimeoutError) as error:
            await leave(self._client)
            raise self._settings.component.error(
                f"Kafka at {self._settings.address} cannot be used: {error}"
            ) from error

    async def send(self, topic: str, records: Sequence[Record | PublishError]) -> list[Exception | None]:
        """Store records without waiting in between; for each one None or why it is not stored, as known before."""
        pending: list[asyncio.Future[Any] | PublishError] = [await self._begin(topic, one) for one in records]
        waiting = [one for one in pending if isinstance(one, asyncio.Future)]
        if waiting:
            await asyncio.wait(waiting, timeout=_PATIENCE)
        results = [self._outcome(topic, one) for one in pending]
        self._trouble = next(
            (str(one) for one in results if isinstance(one, PublishError) and one.temporary), ""
        )
        return results

    async def _begin(self, topic: str, one: Record | PublishError) -> asyncio.Future[Any] | PublishError:
        if isinstance(one, PublishError):
            return one
        most = self._settings.message_bytes
        if len(one.value) + _OVERHEAD > most:
            return self._too_large(len(one.value), most)
        if self._client is None:
            return PublishError("the component is closed", temporary=False)
        try:
            future: asyncio.Future[Any] = await self._client.send(
                topic, one.value, key=one.key, headers=list(one.headers)
            )
        except (errors.KafkaError, OSError, TimeoutError, ValueError) as error:
            return self._failure(topic, error)
        return future

    def _outcome(self, topic: str, one: asyncio.Future[Any] | PublishError) -> Exception | None:
        if isinstance(one, PublishError):
            return one
        if not one.done():  # the library goes on trying; to publish again is harmless
            one.add_done_callback(_seen)
            return self._failure(topic, TimeoutError(f"no acknowledgement within {_PATIENCE:g} s"))
        error = one.exception()
        if error is None:
            return None
        if isinstance(error, errors.MessageSizeTooLargeError):
            return self._too_large(0, 0)
        return self._failure(topic, error)

    def _too_large(self, size: int, most: int) -> PublishError:
        if not most:
            return PublishError(
                f"the event is larger than Kafka at {self._settings.address} takes; "
                "send less, or raise message.max.bytes of the broker",
                temporary=False,
            )
        return PublishError(
            f"the event is {size} bytes and component {self._settings.component.name!r} takes {most}; "
            "send less, or raise maxMessageBytes of the component and message.max.bytes of the broker",
            temporary=False,
        )

    def _failure(self, topic: str, error: BaseException) -> PublishError:
        said = str(error) or type(error).__name__
        final = isinstance(
            error, errors.TopicAuthorizationFailedError | errors.InvalidTopicError | ValueError
        )
        return PublishError(
            f"topic {topic!r} was not published to Kafka at {self._settings.address}: {said}",
            temporary=not final,
        )

    def health(self) -> str:
        """Empty when the last publishing went well, else a sentence."""
        if self._client is None:
            return "the component is closed"
        return self._trouble

    async def close(self) -> None:
        """Send what is on its way, and leave."""
        client, self._client = self._client, None
        if client is not None:
            await leave(client)


def _seen(done: asyncio.Future[Any]) -> None:
    """An outcome that nobody waits for any more is no mistake of the program."""
    if not done.cancelled():
        done.exception()
