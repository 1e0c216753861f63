"""What an OpenFunction function is called with: what came, what to answer, where to send, and Dapr.

The names are the published Python framework's; those of Go's are added in Python's spelling.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from functions_framework import clock, innerevent, invocation, jsons
from functions_framework.cloudevent import CloudEvent
from functions_framework.context.document import Output
from functions_framework.context.out import FAILED, OK, FunctionOut
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.dapr import messages
from functions_framework.dapr.errors import DaprError, OutputError
from functions_framework.dapr.events import BindingRequest, TopicEvent, raw_data
from functions_framework.dapr.messages import BindingReply
from functions_framework.dapr.port import Ask
from functions_framework.dapr.spelling import payload
from functions_framework.dapr.surface import Dapr, StateStore
from functions_framework.innerevent import InnerEvent
from functions_framework.request import Request

_logger = logging.getLogger("function")
_INNER = "io.openfunction.function"
_SENT = Ask[BindingReply | None]


class UserContext:
    """One call of a function."""

    def __init__(  # noqa: PLR0913  # what the published framework's own has, and two more by keyword
        self,
        runtime_context: RuntimeContext | None = None,
        binding_request: BindingRequest | None = None,
        topic_event: TopicEvent | None = None,
        http_request: Request | None = None,
        logger: logging.Logger | None = None,
        *,
        cloud_event: CloudEvent | None = None,
        input_name: str = "",
    ) -> None:
        self.runtime_context: RuntimeContext = runtime_context or RuntimeContext()
        self.logger: logging.Logger = logger or _logger
        self.out: FunctionOut = FunctionOut()
        self._binding = binding_request
        self._topic = topic_event
        self._http = http_request
        self._event = cloud_event
        self._input = input_name
        self._inner: tuple[InnerEvent | None] | None = None

    # what came

    @property
    def data(self) -> bytes:
        """What came, as bytes: the body, an event's data, an inner event's own data."""
        found = self.get_inner_event()
        return self._outer if found is None else found.data

    @property
    def _outer(self) -> bytes:
        if self._binding is not None:
            return self._binding.data
        if self._topic is not None:
            return self._topic.data
        if self._event is not None:
            return raw_data(self._event)
        return b"" if self._http is None else self._http.body

    @property
    def event(self) -> CloudEvent | None:
        """The CloudEvent that came: over HTTP, or of a topic."""
        return self._topic.event if self._topic is not None else self._event

    def get_binding_request(self) -> BindingRequest | None:
        """The call of a binding; None for any other trigger."""
        return self._binding

    def get_topic_event(self) -> TopicEvent | None:
        """The event of a topic; None for any other trigger."""
        return self._topic

    def get_http_request(self) -> Request | None:
        """The request of a caller; None for what Dapr delivers."""
        return self._http

    def get_cloud_event(self) -> CloudEvent | None:
        """The CloudEvent that came, by HTTP or by a topic; None when what came is none."""
        return self.event

    def get_inner_event(self) -> InnerEvent | None:
        """The message inside a traced message of a queue; None when it is not wrapped."""
        if self._inner is None:
            self._inner = (self._unwrapped(),)
        return self._inner[0]

    def _unwrapped(self) -> InnerEvent | None:
        if self._topic is not None and self._topic.type.startswith(_INNER):
            return innerevent.opened(self._topic.event.data)
        return (
            innerevent.unwrap(self._outer) if self._binding is not None or self._topic is not None else None
        )

    @property
    def inner_metadata(self) -> Mapping[str, str]:
        """What travels with a wrapped message, such as its trace."""
        found = self.get_inner_event()
        return {} if found is None else found.metadata

    def get_input_name(self) -> str:
        """Which input of the context this came by; empty for a request of a caller."""
        return self._input

    # what to answer

    def return_on_success(self, data: Any = None) -> FunctionOut:
        """Say that all is well: 200; gives `out`."""
        return self._settle(OK, None, data)

    def return_on_internal_error(self, error: Any = "internal error", data: Any = None) -> FunctionOut:
        """Say that the function failed: 500; gives `out`."""
        return self._settle(FAILED, error, data)

    def _settle(self, code: int, error: Any, data: Any) -> FunctionOut:
        self.out.code, self.out.error = code, error
        if data is not None:
            self.out.data = data
        return self.out

    # where to send

    def send(self, output_name: str, data: Any) -> BindingReply | None:
        """Send to an output: bytes unchanged, text as UTF-8, anything else as JSON.

        Returns:
            What a binding answered; None for a topic.

        Raises:
            KeyError: there is no such output.
            OutputError: it was not sent; names the output, its component and the sidecar's answer.
        """
        output = self._output(output_name)
        with self._sending(output, data) as ask:
            try:
                return self.runtime_context.port.call(ask)
            except DaprError as error:
                raise OutputError(output_name, error) from error

    async def asend(self, output_name: str, data: Any) -> BindingReply | None:
        """The same for `async def` functions."""
        output = self._output(output_name)
        if invocation.current() is None:  # nobody looks at the call
            return await self._asked(output_name, _sent(output, data, {}))
        with self._sending(output, data) as ask:
            return await self._asked(output_name, ask)

    async def _asked(self, output_name: str, ask: _SENT) -> BindingReply | None:
        try:
            return await self.runtime_context.port.acall(ask)
        except DaprError as error:
            raise OutputError(output_name, error) from error

    def _output(self, name: str) -> Output:
        outputs = self.runtime_context.outputs
        if name not in outputs:
            known = ", ".join(map(repr, outputs)) or "none"
            raise KeyError(f"the context has no output {name!r}; it has {known}")
        return outputs[name]

    @contextmanager
    def _sending(self, output: Output, data: Any) -> Iterator[_SENT]:
        """The question that sends, inside its span where there is a trace."""
        call = invocation.current()
        if call is None:
            yield _sent(output, data, {})
            return
        with call.sending(output.topic or output.operation or "send", peer=output.component) as carried:
            wrapped = call.wraps and innerevent.is_queue(output.type)
            yield _sent(output, self._wrapped(data, carried) if wrapped else data, {} if wrapped else carried)

    def _wrapped(self, data: Any, carried: Mapping[str, str]) -> dict[str, Any]:
        """The inner event as a JSON value, so that a receiver finds it whole in the data."""
        whole = innerevent.wrap(
            InnerEvent(payload(data)[0], carried),
            name=self.runtime_context.name,
            namespace=self.runtime_context.namespace,
            identity=str(uuid4()),
            time=datetime.fromtimestamp(clock.wall_second(), UTC).isoformat(),
        )
        document: dict[str, Any] = jsons.loads(whole)
        return document

    # Dapr

    @property
    def dapr(self) -> Dapr:
        """State, secrets, configuration, locks, invocation, topics and bindings; `a...` for `async def`."""
        return self.runtime_context.dapr

    @property
    def dapr_client(self) -> Any:  # Any: of a package that need not be installed
        """Dapr's own client (its SDK), one per process."""
        return self.runtime_context.dapr_client

    @property
    def state(self) -> StateStore:
        """The first of the context's state stores."""
        return next(iter(self.states.values()), None) or self._no_state()

    @property
    def states(self) -> dict[str, StateStore]:
        """The context's state stores by name."""
        return {name: self.dapr.state(one.component) for name, one in self.runtime_context.states.items()}

    def _no_state(self) -> StateStore:
        raise KeyError("the context has no state store; add one to the function's `states`")


def _sent(output: Output, data: Any, carried: Mapping[str, str]) -> _SENT:
    if output.is_topic:
        return messages.publish(
            output.component, output.topic, data, metadata=output.metadata, headers=carried
        )
    operation = output.operation or "create"
    return messages.bind(
        output.component, operation, data, metadata={**output.metadata, **carried}, headers=carried
    )


Context = UserContext  # the name that reads best beside `Request`
