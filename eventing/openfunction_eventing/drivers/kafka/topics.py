"""Topics made on purpose: with a number of partitions and copies of our choosing, or with settings of their own.

Other topics are left to the brokers, which make them when they are first used, if they are told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from openfunction_eventing.component import ComponentError
from openfunction_eventing.drivers.kafka.settings import Settings

# Copies where the component does not say: three, where there are so many brokers.
_COPIES = 3
_EXISTS = errors.TopicAlreadyExistsError.errno


class Topics:
    """The topics of one component, each made once where the component says how."""

    def __init__(self, settings: Settings) -> None:
        """Raises ComponentError when `partitions` or `replicationFactor` is no number."""
        self._settings = settings
        component = settings.component
        self._chosen = bool(component.text("partitions") or component.text("replicationFactor"))
        self._partitions = component.integer("partitions", 1, least=1)
        component.integer("replicationFactor", 1, least=1)
        self._turn = asyncio.Lock()
        self._made: set[str] = set()

    async def see_to(self, topic: str) -> None:
        """Make a topic that is absent, where the component chooses; raises ComponentError."""
        if not self._chosen or topic in self._made:
            return
        async with self._turn:
            if topic not in self._made:
                await make(self._settings, topic, partitions=self._partitions)
                self._made.add(topic)


async def make(
    settings: Settings, topic: str, *, partitions: int, configs: Mapping[str, str] | None = None
) -> None:
    """Make a topic; one that is there stays as it is.

    Raises:
        ComponentError: the brokers are away, or do not allow it.
    """
    admin = AIOKafkaAdminClient(**settings.client)
    try:
        await admin.start()
        brokers = len((await admin.describe_cluster())["brokers"])
        copies = settings.component.integer("replicationFactor", min(_COPIES, brokers), least=1)
        wanted = NewTopic(topic, partitions, copies, topic_configs=dict(configs or {}))
        answer = await admin.create_topics([wanted])
    except (errors.KafkaError, OSError, TimeoutError) as error:
        raise _failure(settings, topic, str(error) or type(error).__name__) from error
    finally:
        await admin.close()
    for _, code, *said in answer.topic_errors:
        if code not in (0, _EXISTS):
            raise _failure(settings, topic, str(said[0] if said and said[0] else errors.for_code(code)))


def _failure(settings: Settings, topic: str, why: str) -> ComponentError:
    return settings.component.error(f"topic {topic!r} cannot be made at Kafka {settings.address}: {why}")
