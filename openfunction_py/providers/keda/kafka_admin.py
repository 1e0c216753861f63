"""aiokafka's admin client, which raises what a whole answer says went wrong.

The library looks at the errors of the parts of an answer only. A coordinator that is still loading answers with no
parts, which would read as a group that has committed nothing.
"""

from __future__ import annotations

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code


class Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # the library has no types
    """An admin client whose answers have no error."""

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        """The library's one way to ask; raises KafkaError."""
        answer = await super()._send_request(request, node_id)
        if code := getattr(answer, "error_code", 0):
            raise for_code(code)(f"{type(request).__name__} was refused")
        return answer
