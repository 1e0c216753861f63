"""The client of a test: HTTP requests, CloudEvents, and what a sidecar delivers, to a function without a server.

It decides nothing about answers; what a caller of the served function would get, a test gets.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from functions_framework.dapr.fake.sidecar import Dapr
from functions_framework.dapr.signals import Verdict
from functions_framework.fields import Headers
from functions_framework.program import Program
from functions_framework.settings import InstanceSettings
from functions_framework.testing import answers, asking, conversation, deliveries
from functions_framework.testing.answers import Answer
from functions_framework.testing.conversation import Conversation
from functions_framework.testing.programs import Inputs
from functions_framework.testing.stage import Stage
from functions_framework.testing.wire import BrokenAnswerError, Wire


class How(TypedDict, total=False):
    """What a request carries beside method and path.

    `json` is sent as JSON; `data` is bytes, text, or a mapping that is sent as a form; `files` makes the form
    multipart; `query` is added to the path.
    """

    json: Any
    data: bytes | str | Mapping[str, Any]
    files: Mapping[str, asking.File]
    headers: asking.Headers
    query: asking.Query


class Client:
    """Calls one program: starts it at the first call, ends it in `close`, at the end of `with`, or when forgotten.

    Attributes:
        program: what is called.
        dapr: the fake sidecar that the program's functions talk to.
    """

    def __init__(self, program: Program, settings: InstanceSettings, *, dapr: Dapr, inputs: Inputs) -> None:
        self.program = program
        self.dapr = dapr
        self._inputs = inputs
        self._stage = Stage(program, settings)
        self._forgotten = weakref.finalize(self, self._stage.end)

    def __enter__(self) -> Self:
        self._stage.ensure_started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Run the stop hooks and end; calls afterwards raise."""
        self._forgotten.detach()
        self._stage.end()

    # requests of callers

    def request(self, method: str, path: str = "/", **how: Unpack[How]) -> Answer:
        """Send a request and wait for the whole answer."""
        return self._ask(_request(method, path, how))

    async def arequest(self, method: str, path: str = "/", **how: Unpack[How]) -> Answer:
        """The same from a test that is `async def`; the function runs on a loop of its own all the same."""
        work = self._stage.submit(_whole(self._stage, _request(method, path, how)))
        return await asyncio.wrap_future(work)

    def get(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """GET."""
        return self.request("GET", path, **how)

    def post(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """POST."""
        return self.request("POST", path, **how)

    def put(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """PUT."""
        return self.request("PUT", path, **how)

    def patch(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, **how)

    def delete(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, **how)

    def head(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """HEAD."""
        return self.request("HEAD", path, **how)

    def options(self, path: str = "/", **how: Unpack[How]) -> Answer:
        """OPTIONS."""
        return self.request("OPTIONS", path, **how)

    def raw(self, request: bytes) -> Answer:
        """Send these bytes as they are, to see what the server makes of them."""
        return self._ask(request)

    def wire(self, request: bytes) -> bytes:
        """The same, and the bytes of the answer as they are; say `connection: close`, so that it ends."""
        return self._stage.run(_written(self._stage, request))

    @contextmanager
    def stream(self, method: str, path: str = "/", **how: Unpack[How]) -> Iterator[Streamed]:
        """Send a request and read the answer while it comes; leaving the block early is a client that goes."""
        context = self._stage.connect(_request(method, path, how))
        wire = self._stage.run(context.__aenter__())
        try:
            self._stage.run(wire.head())
            yield Streamed(self._stage, wire)
        finally:
            self._stage.run(context.__aexit__(None, None, None))

    @contextmanager
    def websocket(
        self,
        path: str = "/",
        *,
        subprotocols: Sequence[str] = (),
        headers: asking.Headers = (),
        query: asking.Query = (),
    ) -> Iterator[Conversation]:
        """Talk over a WebSocket; leaving the block closes it. It needs the extra `websocket`.

        Raises:
            RefusedError: the function did not accept it; `answer` says how.
        """
        handshake = conversation.Handshake(asking.target(path, query), list(subprotocols), _listed(headers))
        context = self._stage.connect(handshake.request, raw=True)
        wire = self._stage.run(context.__aenter__())
        try:
            opened = Conversation(self._stage, wire, handshake)
            opened.open()
            yield opened
            opened.close()
        finally:
            self._stage.run(context.__aexit__(None, None, None))

    # events

    def event(
        self,
        event: deliveries.Given | Sequence[deliveries.Given],
        *,
        mode: deliveries.Mode = "binary",
        path: str = "/",
        headers: asking.Headers = (),
    ) -> Answer:
        """Send a CloudEvent, or several as one batch.

        Args:
            event: an event; or its attributes with its `data`, where type, source and id may be left out.
            mode: binary, structured or batch.
            path: where to.
            headers: more header fields.
        """
        return self._ask(deliveries.event(event, mode=mode, path=path, headers=headers))

    # what the sidecar delivers

    def binding(self, name: str, data: Any = None, *, metadata: Mapping[str, str] | None = None) -> Answer:
        """Call the function as an input binding does.

        Args:
            name: the input's name in FUNC_CONTEXT, or the component's.
            data: bytes and text as they are, anything else as JSON.
            metadata: what the binding says of the call.

        Raises:
            NoSuchInputError: the function has no such binding.
        """
        component = self._inputs.known.get(name, (name, ""))[0]
        known = self.options(f"/{component}")
        if known.status == 404:
            has = ", ".join(one for one, (_, topic) in self._inputs.known.items() if not topic) or "none"
            raise deliveries.NoSuchInputError(f"the function has no input binding {name!r}; it has {has}")
        headers = self._inputs.headers
        return self._ask(deliveries.binding(component, data, metadata or {}, headers=headers))

    def topic(self, name: str, data: Any = None, **attributes: Any) -> Delivered:
        """Deliver an event of a topic as the sidecar does, in its envelope, to where the function subscribed.

        Args:
            name: the input's name in FUNC_CONTEXT, the topic's, or `component/topic`.
            data: bytes, text, a value for JSON, or a CloudEvent.
            attributes: more attributes of the event, such as `id` or `traceparent`.

        Raises:
            NoSuchInputError: the function does not subscribe to it.
        """
        headers = self._inputs.headers
        known = self.get("/dapr/subscribe", headers=headers)
        subscriptions = known.json() if known.status == 200 else []
        one = deliveries.subscription(name, subscriptions, self._inputs.known)
        answer = self._ask(deliveries.topic(one, data, attributes, headers=headers))
        return Delivered(answer, deliveries.verdict(answer))

    def _ask(self, request: bytes) -> Answer:
        return self._stage.run(_whole(self._stage, request))


class Delivered:
    """What came of an event: the answer, and what the sidecar does then.

    Attributes:
        answer: as the sidecar sees it.
        verdict: SUCCESS: it is done; RETRY: it comes again; DROP: it is dropped or dead-lettered.
    """

    def __init__(self, answer: Answer, verdict: Verdict) -> None:
        self.answer: Answer = answer
        self.verdict: Verdict = verdict

    @property
    def status(self) -> int:
        """The answer's status."""
        return self.answer.status

    def __repr__(self) -> str:
        return f"<Delivered {self.verdict} {self.answer!r}>"


class Streamed:
    """An answer that is still coming: iterate it for its pieces."""

    def __init__(self, stage: Stage, wire: Wire) -> None:
        self._stage = stage
        self._wire = wire
        self._head = answers.made(wire.status, wire.headers, (), broken=False)

    @property
    def status(self) -> int:
        """The status."""
        return self._head.status

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self._head.headers

    def __iter__(self) -> Iterator[bytes]:
        """The pieces; raises BrokenAnswerError where the body breaks off."""
        while piece := self._stage.run(self._wire.piece()):
            yield piece


def _request(method: str, path: str, how: How) -> bytes:
    body, kind = asking.content(json=how.get("json"), data=how.get("data"), files=how.get("files"))
    headers = _listed(how.get("headers", ()))
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", kind))
    return asking.request(method, path, body=body, headers=headers, query=how.get("query", ()))


def _listed(headers: asking.Headers) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


async def _whole(stage: Stage, request: bytes) -> Answer:
    async with stage.connect(request) as wire:
        await wire.head()
        chunks, broken = [], False
        try:
            while piece := await wire.piece():
                chunks.append(piece)
        except BrokenAnswerError:
            broken = True
        return answers.made(wire.status, wire.headers, chunks, broken=broken)


async def _written(stage: Stage, request: bytes) -> bytes:
    async with stage.connect(request, raw=True) as wire:
        pieces = []
        while piece := await wire.piece():
            pieces.append(piece)
        return b"".join(pieces)
