"""A sidecar in memory: it records what is sent, keeps state, and answers as a test has said.

It answers by Dapr's HTTP API (v1.0), so that the client's own reading of answers is part of what is tested.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl, unquote

from functions_framework import jsons
from functions_framework.dapr import port
from functions_framework.dapr.errors import SidecarUnavailable
from functions_framework.dapr.fake import replies
from functions_framework.dapr.fake.states import States
from functions_framework.dapr.port import Ask, Reply

T = TypeVar("T")
Answering = Any | Callable[["Sent"], Any]
"""What is answered: a value, or a function of what was sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that the function sent.

    Attributes:
        kind: to a topic, a binding, or another app.
        component: the pub/sub component, the binding, or the app's id.
        topic: the topic; of an invocation the method's path; empty for a binding.
        operation: what the binding was asked to do; of an invocation the HTTP method.
        data: JSON decoded, anything else as the text or bytes it is.
        metadata: what was sent along.
        content_type: of the data.
    """

    kind: Literal["topic", "binding", "invocation"]
    component: str
    topic: str = ""
    operation: str = ""
    data: Any = None  # Any: whatever the function sent
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""


_Area = Callable[[Ask[Any], list[str], Mapping[str, str]], Reply]


@dataclass(slots=True)
class _Failure:
    operation: str
    reply: Reply | None  # None: no answer at all
    times: int


class Dapr:
    """A fake sidecar; implements dapr.port.Port, for threads and for loops.

    Attributes:
        sent: what was sent to topics, bindings and other apps, in order.
        asked: every question, as `publish orders` or `get state`, in order.
        state: what the state stores hold: `state["store"]["key"]` is a value; a store exists once it is named.
        secrets: `secrets["store"]["key"]` is the secret's values by name.
        configuration: `configuration["store"]["key"]` is the item's value.
        locks: who holds which resource: `locks["store", "resource"]` is the owner.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.asked: list[str] = []
        self.state: States = States()
        self.secrets: dict[str, dict[str, dict[str, str]]] = {}
        self.configuration: dict[str, dict[str, str]] = {}
        self.locks: dict[tuple[str, str], str] = {}
        self._bindings: dict[str, Answering] = {}
        self._apps: dict[tuple[str, str], Answering] = {}
        self._failures: deque[_Failure] = deque()
        self._areas: Mapping[str, _Area] = {
            "publish": self._publish,
            "bindings": self._bind,
            "invoke": self._invoke,
            "state": lambda ask, parts, _: self.state.answer(ask, parts),
            "secrets": self._secrets,
            "configuration": self._configuration,
            "lock": self._lock,
            "unlock": self._unlock,
            "metadata": lambda *_: replies.of_json({"id": "test", "components": [], "subscriptions": []}),
            "healthz": lambda *_: Reply(204),
        }

    # what a test says

    def binding(self, name: str, answer: Answering) -> None:
        """What an output binding answers: a value, or a function that takes what was Sent."""
        self._bindings[name] = answer

    def app(self, app: str, method: str, answer: Answering) -> None:
        """What a method of another app answers."""
        self._apps[app, method.strip("/")] = answer

    def fail(
        self, operation: str = "", *, status: int = 500, times: int = 1, message: str = "ordered to fail"
    ) -> None:
        """Refuse the next questions.

        Args:
            operation: those that begin so, such as `publish`, `get state`, `invoke binding`; every one when empty.
            status: of the refusal; 0 for a sidecar that is not there.
            times: how many; -1 for all that come.
            message: what the refusal says.
        """
        body = jsons.dumps({"errorCode": "ERR_TEST", "message": message})
        reply = Reply(status, {}, body) if status else None
        self._failures.append(_Failure(operation, reply, times))

    def heal(self) -> None:
        """Refuse nothing any more."""
        self._failures.clear()

    def sent_to(self, name: str) -> list[Any]:
        """The data of what was sent to a topic, binding or app of this name, in order."""
        return [one.data for one in self.sent if name in (one.component, one.topic)]

    # dapr.port.Port

    def call(self, ask: Ask[T]) -> T:
        """Answer a question."""
        self.asked.append(f"{ask.operation} {ask.component}".strip())
        return port.result(ask, self._reply(ask))

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""
        return self.call(ask)

    def _reply(self, ask: Ask[Any]) -> Reply:
        failure = self._failing(ask.operation)
        if failure is not None:
            if failure.reply is None:
                raise SidecarUnavailable(ask.operation, ask.component, answer="the sidecar does not answer")
            return failure.reply
        path, _, query = ask.target.partition("?")
        parts = [unquote(part) for part in path.split("/")[2:]]
        area = self._areas.get(parts[0])
        if area is None:
            return replies.refusal(404, "ERR_DIRECT_INVOKE", f"the fake sidecar has no {path}")
        return area(ask, parts[1:], dict(parse_qsl(query, keep_blank_values=True)))

    def _failing(self, operation: str) -> _Failure | None:
        for one in self._failures:
            if operation.startswith(one.operation) and one.times:
                one.times -= 1
                return one
        return None

    # by part of the API

    def _publish(self, ask: Ask[Any], parts: list[str], query: Mapping[str, str]) -> Reply:
        metadata = replies.metadata(query)
        if parts[0] == "bulk":
            for entry in jsons.loads(replies.body(ask)):
                data, kind = entry["event"], entry.get("contentType", "")
                self.sent.append(Sent("topic", parts[1], parts[2], "", data, metadata, kind))
            return Reply(204)
        kind = ask.headers.get("content-type", "")
        sent = Sent(
            "topic",
            parts[0],
            "/".join(parts[1:]),
            "",
            replies.decoded(replies.body(ask), kind),
            metadata,
            kind,
        )
        self.sent.append(sent)
        return Reply(204)

    def _bind(self, ask: Ask[Any], parts: list[str], _: Mapping[str, str]) -> Reply:
        facts = ask.facts  # not the body, which over HTTP could not carry every bytes
        sent = Sent("binding", parts[0], "", facts["operation"], facts["data"], facts["metadata"])
        self.sent.append(sent)
        return _said(self._bindings.get(parts[0]), sent)

    def _invoke(self, ask: Ask[Any], parts: list[str], query: Mapping[str, str]) -> Reply:
        app, method, kind = parts[0], "/".join(parts[2:]), ask.headers.get("content-type", "")
        data = replies.decoded(replies.body(ask), kind)
        sent = Sent("invocation", app, method, ask.method, data, {**query, **ask.headers}, kind)
        self.sent.append(sent)
        if (app, method) not in self._apps:
            return replies.refusal(
                404, "ERR_DIRECT_INVOKE", f"the fake sidecar knows no method {method!r} of {app!r}"
            )
        return _said(self._apps[app, method], sent)

    def _secrets(self, _: Ask[Any], parts: list[str], __: Mapping[str, str]) -> Reply:
        store, key = parts[0], parts[1]
        if store not in self.secrets:
            return replies.refusal(
                401, "ERR_SECRET_STORE_NOT_FOUND", f"no secret store {store!r}; set secrets[{store!r}]"
            )
        if key == "bulk":
            return replies.of_json(self.secrets[store])
        found = self.secrets[store].get(key)
        return (
            replies.refusal(500, "ERR_SECRET_GET", f"no secret {key!r}")
            if found is None
            else replies.of_json(found)
        )

    def _configuration(self, ask: Ask[Any], parts: list[str], _: Mapping[str, str]) -> Reply:
        items = self.configuration.get(parts[0])
        if items is None:
            return replies.refusal(
                400, "ERR_CONFIGURATION_STORE_NOT_FOUND", f"no configuration store {parts[0]!r}"
            )
        wanted = [value for name, value in parse_qsl(ask.target.partition("?")[2]) if name == "key"]
        found = {key: {"value": value} for key, value in items.items() if not wanted or key in wanted}
        return replies.of_json(found)

    def _lock(self, ask: Ask[Any], parts: list[str], _: Mapping[str, str]) -> Reply:
        document = jsons.loads(replies.body(ask))
        key = (parts[0], document["resourceId"])
        free = key not in self.locks
        self.locks.setdefault(key, document["lockOwner"])
        return replies.of_json({"success": free})

    def _unlock(self, ask: Ask[Any], parts: list[str], _: Mapping[str, str]) -> Reply:
        document = jsons.loads(replies.body(ask))
        key = (parts[0], document["resourceId"])
        if key not in self.locks:
            return replies.of_json({"status": 1})
        if self.locks[key] != document["lockOwner"]:
            return replies.of_json({"status": 2})
        del self.locks[key]
        return replies.of_json({"status": 0})


def _said(answer: Answering, sent: Sent) -> Reply:
    return replies.of(answer(sent) if callable(answer) else answer)
