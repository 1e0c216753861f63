"""A sidecar for tests: a real HTTP server that records what it is asked and answers as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from functions_framework.dapr.settings import Sidecar


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class FakeSidecar:
    """What was asked, in order, and what is answered: the first whose path the target begins with."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer | Callable[[Asked], Answer]] = field(default_factory=dict)
    connections: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    def answer(self, path: str, status: int = 200, body: bytes = b"", **headers: str) -> None:
        self.answers[path] = (status, headers, body)

    def settings(self, **more: Any) -> Sidecar:
        return Sidecar(http_port=self.port, **{"patience": 0.5, "health_timeout": 0.2, **more})

    def find(self, asked: Asked) -> Answer:
        for path, answer in self.answers.items():
            if asked.target.startswith(path):
                return answer(asked) if callable(answer) else answer
        return 204, {}, b""


def _handler(sidecar: FakeSidecar) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            sidecar.connections += 1
            sidecar.sockets.append(self.request)
            super().setup()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            sidecar.asked.append(asked)
            status, more, answer = sidecar.find(asked)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(answer)))
            self.end_headers()
            if status != 204:
                self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no error of the sidecar's."""


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[FakeSidecar]:
    """A sidecar that runs until the block ends."""
    sidecar = FakeSidecar()
    server = _Server(("127.0.0.1", port), _handler(sidecar))
    sidecar.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield sidecar
    finally:
        server.shutdown()
        server.server_close()
        for kept in sidecar.sockets:
            with contextlib.suppress(OSError):  # it is closed already
                kept.shutdown(socket.SHUT_RDWR)
        thread.join(10)
