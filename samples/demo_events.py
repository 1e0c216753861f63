"""The demo's part on events: digits posted to an EventSource, read by a function at zero, its answers collected."""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Get = Callable[..., Any]
Digits = list[tuple[bytes, int]]
READY = (("eventbus", "digits"), ("eventsource", "desk"), ("trigger", "read"), ("trigger", "demo"))


class Collector:
    """Takes the answers: when each came, and what it says, by the event that it is about."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.answers: dict[str, tuple[float, dict[str, Any]]] = {}
        self.came = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.came:
                    collector.answers[self.headers["ce-of"]] = (time.perf_counter(), json.loads(body))
                    collector.came.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def trigger(self) -> str:
        """The Trigger that gives the function's answers to this collector."""
        sink = {"uri": f"http://127.0.0.1:{self._server.server_address[1]}/"}
        spec = {
            "eventBus": "digits",
            "inputs": {"answer": {"eventSource": "digits", "event": "read"}},
            "subscribers": [{"condition": "answer", "sink": sink}],
        }
        kind = {"apiVersion": "events.openfunction.io/v1alpha1", "kind": "Trigger"}
        return json.dumps({**kind, "metadata": {"name": "demo"}, "spec": spec})

    def wait(self, events: set[str], *, seconds: float = 60) -> None:
        """Return when every event has its answer."""
        with self.came:
            if not self.came.wait_for(lambda: events <= set(self.answers), seconds):
                missing = len(events - set(self.answers))
                raise SystemExit(
                    f"demo: {missing} of {len(events)} events have no answer after {seconds:.0f} s"
                )

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class Desk:
    """The EventSource's door, and the answers that come back."""

    def __init__(self, address: str, collector: Collector) -> None:
        """Post to an address."""
        self._host, self._port = urlsplit(address).hostname or "", urlsplit(address).port
        self._collector = collector

    def post(self, event: str, image: bytes, kind: str = "image.drawn") -> None:
        """Post an event; returns when the bus has stored it."""
        headers = {"ce-id": event, "ce-source": "/demo", "ce-type": kind, "ce-specversion": "1.0"}
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        try:
            connection.request(
                "POST", "/images", body=image, headers={**headers, "Content-Type": "image/png"}
            )
            status = connection.getresponse().status
        finally:
            connection.close()
        if status != 202:
            raise SystemExit(f"demo: the EventSource answered {status} to event {event}")

    def timed(self, event: str, image: bytes) -> float:
        """Milliseconds from the post until the answer is there."""
        begun = time.perf_counter()
        self.post(event, image)
        self._collector.wait({event})
        return (self._collector.answers[event][0] - begun) * 1000

    def accuracy(self, digits: Digits) -> float:
        """The share of digits whose class the answers name."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: self.post(f"digit-{one[0]}", one[1][0]), enumerate(digits)))
        self._collector.wait({f"digit-{number}" for number in range(len(digits))})
        read = [self._collector.answers[f"digit-{number}"][1]["class"] for number in range(len(digits))]
        return sum(one == expected for one, (_, expected) in zip(read, digits, strict=True)) / len(digits)


def until_ready(get: Get, *, seconds: float = 90) -> None:
    """Wait until the objects of the line say that they do their work."""
    end, pause = time.monotonic() + seconds, threading.Event()
    for kind, name in READY:
        while True:
            status = get("get", kind, name).get("status") or {}
            conditions = [one for one in status.get("conditions", []) if one["type"] == "Ready"]
            if any(one["status"] == "True" for one in conditions):
                break
            if time.monotonic() > end:
                raise SystemExit(f"demo: {kind} {name} is not ready: {conditions}")
            pause.wait(0.2)


def desk(get: Get, collector: Collector) -> Desk:
    """The door of the EventSource."""
    (pod,) = get("get", "pods", "-l", "openfunction.io/eventsource=desk")["items"]
    return Desk(f"http://{pod['status']['podIP']}:8080", collector)


def latencies(there: Desk, image: bytes, until_zero: Callable[[], object]) -> str:
    """Publish to answer, from zero and warm."""
    cold = []
    for number in range(3):
        until_zero()
        cold.append(there.timed(f"cold-{number}", image))
    warm = [there.timed(f"warm-{number}", image) for number in range(20)]
    return (
        f"from zero {statistics.median(cold):.1f} ms (of {len(cold)}), warm {statistics.median(warm):.1f} ms"
    )
