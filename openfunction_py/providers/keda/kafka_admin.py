"""aiokafka's admin client, which raises what a whole answer says went wrong.

The library looks at the errors of the parts of an answer only. A coordinator that is still loading answers with no
parts, which would read as a group that has committed nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
    for_code,
)

from openfunction_py.lib.pauses import Pauses
from openfunction_py.providers.keda.network import TIMEOUT

# What the first question about a group meets: the brokers are making or moving what keeps the places of groups.
_SOON: Final = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
_FIRST, _LONGEST = 0.05, 0.5


class Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # the library has no types
    """An admin client whose answers have no error."""

    async def list_consumer_group_offsets(self, group_id: str, *given: Any, **named: Any) -> Any:
        """Where a group is, asked again for a while where its coordinator is just coming; raises KafkaError."""
        deadline, pauses = asyncio.get_running_loop().time() + TIMEOUT, Pauses(_FIRST, _LONGEST)
        while True:
            try:
                return await super().list_consumer_group_offsets(group_id, *given, **named)
            except _SOON:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await pauses.wait()

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        """The library's one way to ask; raises KafkaError."""
        answer = await super()._send_request(request, node_id)
        if code := getattr(answer, "error_code", 0):
            raise for_code(code)(f"{type(request).__name__} was refused")
        return answer
