"""What the end-to-end runs of events share: objects, a collector outside of the platform, and who is to be killed."""

from __future__ import annotations

import functools
import http.client
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.e2e import platform

VERSION = "events.openfunction.io/v1alpha1"
# Who is killed → the role, or words of the command line.
VICTIMS = {
    "dispatcher": "openfunction_eventing.dispatcher",
    "broker": "nats-server",
    "source": "openfunction_eventing.source",
    "gateway": "gateway",
}
ANSWER = """
import functions_framework
from cloudevents.http import CloudEvent


@functions_framework.cloud_event
def main(event):
    n = event.data["n"]
    return CloudEvent({"type": "answer", "source": "/answerer", "of": event["id"]}, {"n": n, "twice": 2 * n})
"""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A dispatcher that is killed leaves its connections; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Collector:
    """A sink of the test: what it got by path, and by id how often."""

    def __init__(self) -> None:
        self.got: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                event = {
                    key[3:].lower(): value for key, value in self.headers.items() if key[:3].lower() == "ce-"
                }
                collector.keep(self.path, {**event, "data": json.loads(body or b"null")})
                self.send_response(500 if self.path == "/failing" else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def keep(self, path: str, event: dict[str, Any]) -> None:
        """Note an event."""
        with self._lock:
            self.got.setdefault(path, []).append(event)

    def counted(self, path: str, attribute: str = "id") -> Counter[str]:
        """How often each event came."""
        with self._lock:
            return Counter(str(event[attribute]) for event in self.got.get(path, []))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def made(kind: str, name: str, **spec: Any) -> str:
    """A manifest of one object of the events' group."""
    return json.dumps({"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec})


def subscriber(condition: str, sink: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    """A subscriber; a sink is a URL, or the name of a Function."""
    where = {"uri": sink} if isinstance(sink, str) else {"ref": sink}
    return {"condition": condition, "sink": where, **more}


def function(name: str) -> dict[str, Any]:
    """A reference to a Function."""
    return {"apiVersion": "core.openfunction.io/v1beta2", "kind": "Function", "name": name}


def line(collector: Collector) -> list[str]:
    """Bus, source, and Triggers: a filter, a function whose answers are a topic, and a sink that always fails."""
    give_up = {"retry": 1, "backoffDelay": "PT0.1S"}
    images = {"image": {"eventSource": "door", "event": "images"}}
    answers = {"answer": {"eventSource": "answerer", "event": "answers"}}
    drawn, wrong = [{"exact": {"type": "drawn"}}], [{"exact": {"type": "poison"}}]
    first = subscriber("image", function("answerer"), filters=drawn, replyTopic="default-answerer-answers")
    failing = subscriber("image", f"{collector.url}/failing", filters=wrong, delivery=give_up,
                         deadLetterSink={"uri": f"{collector.url}/dead"})  # fmt: skip
    last = subscriber("answer", f"{collector.url}/answers")
    return [
        made("EventBus", "line", jetStream={}),
        made("EventSource", "door", eventBus="line", http={"images": {}}),
        made("Trigger", "ask", eventBus="line", inputs=images, subscribers=[first, failing]),
        made("Trigger", "collect", eventBus="line", inputs=answers, subscribers=[last]),
    ]


def set_up(there: platform.Platform, collector: Collector) -> None:
    """Make the line and wait until all of it is Ready."""
    there.apply(platform.inline("answerer", ANSWER))
    for manifest in line(collector):
        there.apply(manifest, wait=False)
    for kind, name in (
        ("eventbus", "line"),
        ("eventsource", "door"),
        ("trigger", "ask"),
        ("trigger", "collect"),
    ):
        is_ready = functools.partial(ready, there, kind, name)
        platform.until(is_ready, seconds=90, what=f"{kind} {name} is Ready")


def ready(there: platform.Platform, kind: str, name: str) -> bool:
    """Whether an object says that it does its work."""
    conditions = (there.json(kind, name).get("status") or {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def door(there: platform.Platform) -> str:
    """Where the source takes events now."""
    (pod,) = there.json("pods", "-l", "openfunction.io/eventsource=door")["items"]
    return f"http://{pod['status']['podIP']}:8080/images"


def post(address: str, event: str, kind: str, n: int) -> int:
    """The status with which the source answers an event; 0 when there is no answer."""
    headers = {"ce-id": event, "ce-source": "/test", "ce-type": kind, "ce-specversion": "1.0"}
    headers["Content-Type"] = "application/json"
    try:
        return platform.request(
            address, body=json.dumps({"n": n}).encode(), headers=headers, timeout=20
        ).status
    except (OSError, http.client.HTTPException):
        return 0


def kill(there: platform.Platform, words: str) -> None:
    """kill -9 of a process of this platform by its role, or by words of its command line."""
    if words in there.pids():
        os.kill(there.pids()[words], signal.SIGKILL)
        return
    found = [one for one in platform.processes_of(there.home) if words in one]
    assert found, f"nothing of this platform runs as {words}"
    for one in found:
        os.kill(int(one.partition(":")[0]), signal.SIGKILL)


def flow(
    there: platform.Platform,
    collector: Collector,
    name: str,
    victim: str | Callable[[], None],
    *,
    events: int,
) -> str:
    """Post events, kill somebody half-way, post until each is acknowledged; all are answered. A line of figures."""
    address, sent = door(there), 0
    acknowledged: set[str] = set()
    for n in range(events):
        if n == events // 2:
            kill(there, victim) if isinstance(victim, str) else victim()
        event, pause = f"{name}-{n}", threading.Event()
        for _ in range(300):
            sent += 1
            if post(address, event, "drawn", n) == 202:
                acknowledged.add(event)
                break
            pause.wait(0.1)
    assert len(acknowledged) == events

    def missing() -> set[str]:
        return acknowledged - set(collector.counted("/answers", "of"))

    platform.until(
        lambda: not missing(),
        seconds=90,
        what=f"every acknowledged event is answered after kill -9 of {name}",
    )
    times = collector.counted("/answers", "of")
    repeated = sum(times[event] - 1 for event in acknowledged)
    return (
        f"kill -9 {name}: sent {sent}, acknowledged {events}, handled {events}, lost 0, repeated {repeated}"
    )
