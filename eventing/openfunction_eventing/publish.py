"""`python -m openfunction_eventing.publish`: one event to one topic, both read from standard input as JSON.

The document is `{component, topic, event}`, the Component with its values in clear. It ends with 0 when the broker
has stored the event.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from functions_framework import errors, jsons
from functions_framework.cloudevent import from_document
from openfunction_eventing import component, drivers
from openfunction_eventing.drivers.port import PubSub
from openfunction_eventing.envelope import Message
from openfunction_eventing.errors import EventingError


async def publish(document: dict[str, Any]) -> None:
    """Store the event; raises EventingError, BadRequest."""
    found = component.from_document(document["component"], lambda *_: None)
    bus = await drivers.open(found)
    try:
        if not isinstance(bus, PubSub):
            raise found.error("it has no topics")
        await bus.publish(document["topic"], Message(document["topic"], from_document(document["event"])))
    finally:
        await bus.close()


def main() -> int:
    """The exit code; a sentence on standard error when it is not 0."""
    try:
        asyncio.run(publish(jsons.loads(sys.stdin.buffer.read())))
    except (EventingError, errors.BadRequest) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
