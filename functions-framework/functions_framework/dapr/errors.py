"""What goes wrong between a function and its sidecar; each says what was asked and what came back."""

from __future__ import annotations

from typing import Any

from functions_framework.errors import FrameworkError


class DaprError(FrameworkError):
    """The sidecar refused.

    Attributes:
        operation: what was asked, such as `publish`.
        component: of which component; empty when of none.
        status: HTTP status of the answer; 0 when there was none.
        code: Dapr's own code, such as ERR_PUBSUB_NOT_FOUND; empty when it gave none.
        answer: what it said.
    """

    def __init__(
        self, operation: str, component: str, *, status: int = 0, code: str = "", answer: str = ""
    ) -> None:
        self.operation = operation
        self.component = component
        self.status = status
        self.code = code
        self.answer = answer
        what = f"{operation} of {component}" if component else operation
        super().__init__(f"{what}: {self._told()}")

    def _told(self) -> str:
        named = f" {self.code}" if self.code else ""
        return f"the sidecar answered {self.status}{named}: {self.answer}" if self.status else self.answer


class SidecarUnavailable(DaprError):  # noqa: N818  # the reason's name, as in health.py
    """No answer: the sidecar is not there, or went away while it was asked."""


class StateConflict(DaprError):  # noqa: N818  # what it is, not that it is one
    """The state changed since its ETag was read; read it again and repeat the change."""


class OutputError(DaprError):
    """`send` failed; `output` is the name it was given."""

    def __init__(self, output: str, cause: DaprError) -> None:
        self.output = output
        super().__init__(
            cause.operation, cause.component, status=cause.status, code=cause.code, answer=cause.answer
        )
        self.args: tuple[Any, ...] = (f"the output {output!r} was not sent: {cause}",)
