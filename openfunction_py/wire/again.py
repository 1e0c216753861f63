"""A line to the node that is opened again whenever it ends, with a growing pause."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from functions_framework import control
from openfunction_py.lib import log
from openfunction_py.lib.pauses import Pauses
from openfunction_py.wire import messages

Message = TypeVar("Message")

logger = log.get("wire.again")


def pauses() -> Pauses:
    """Those between tries to reach the node."""
    return Pauses(0.05, 1.0)


async def read(
    line: Callable[[], AsyncGenerator[Message, None]], ended: Callable[[], Message] | None = None
) -> AsyncGenerator[Message, None]:
    """What a line says, for ever; where it breaks, a message of one's own comes first, if `ended` makes one."""
    between = pauses()
    while True:
        try:
            async with contextlib.aclosing(line()) as open_line:
                async for message in open_line:
                    between.reset()
                    yield message
        except (OSError, control.FrameError, messages.MessageError) as error:
            logger.debug("the node does not answer now", error=str(error))
        if ended is not None:
            yield ended()
        await between.wait()
