"""The versioned messages between node, template and instance, and their framing: a length, then JSON.

It opens no socket and knows no event loop; whoever holds a stream feeds bytes in and gets messages out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions_framework import errors

VERSION = 1
MAX_FRAME = 1 << 20
_PREFIX = 4
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class FrameError(errors.FrameworkError):
    """The bytes are no frame: too long, no JSON, or no object; the connection cannot be trusted further."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Frame one message; raises FrameError when it is longer than MAX_FRAME."""
    body = _compact(message).encode()
    if len(body) > MAX_FRAME:
        raise FrameError(f"a message of {len(body)} bytes is above the limit of {MAX_FRAME}")
    return len(body).to_bytes(_PREFIX, "big") + body


class Decoder:
    """Cuts a byte stream into messages; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Add received bytes and return the messages that are complete; raises FrameError."""
        self._pending += data
        messages = []
        while len(self._pending) >= _PREFIX:
            length = int.from_bytes(self._pending[:_PREFIX], "big")
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} bytes is above the limit of {MAX_FRAME}")
            if len(self._pending) < _PREFIX + length:
                break
            messages.append(_parse(bytes(self._pending[_PREFIX : _PREFIX + length])))
            del self._pending[: _PREFIX + length]
        return messages


def _parse(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FrameError(f"a frame holds no JSON: {error}") from error
    if not isinstance(message, dict):
        raise FrameError(f"a frame holds a {type(message).__name__} where an object is due")
    return message


@dataclass(frozen=True, slots=True)
class ForkSpec:
    """What a fork of a template becomes: its address, environment, log and limits (`nofile`, `cpus`)."""

    instance: str
    host: str
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    log: str = ""
    control: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """The spec as it stands in a fork message."""
        return {
            "instance": self.instance,
            "host": self.host,
            "port": self.port,
            "env": dict(self.env),
            "log": self.log,
            "control": self.control,
            "limits": dict(self.limits),
        }

    @classmethod
    def from_wire(cls, spec: Mapping[str, Any]) -> ForkSpec:
        """Read a spec; raises FrameError with the field that is missing or of the wrong type."""
        try:
            return cls(
                instance=str(spec["instance"]),
                host=str(spec["host"]),
                port=int(spec["port"]),
                env={str(name): str(value) for name, value in dict(spec.get("env") or {}).items()},
                log=str(spec.get("log") or ""),
                control=str(spec.get("control") or ""),
                limits={str(name): int(value) for name, value in dict(spec.get("limits") or {}).items()},
            )
        except KeyError as error:
            raise FrameError(f"a fork spec lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise FrameError(f"a fork spec holds a value of the wrong type: {error}") from error


@dataclass(frozen=True, slots=True)
class RevisionSpec:
    """What a fork of a dependency template becomes: a revision's template, its socket, files and environment."""

    socket: str
    exits: str
    log: str
    cwd: str
    env: Mapping[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """The spec as it stands in a revise message."""
        return {
            "socket": self.socket, "exits": self.exits, "log": self.log, "cwd": self.cwd, "env": dict(self.env),
        }  # fmt: skip

    @classmethod
    def from_wire(cls, spec: Mapping[str, Any]) -> RevisionSpec:
        """Read a spec; raises FrameError with the field that is missing or of the wrong type."""
        try:
            return cls(
                socket=str(spec["socket"]),
                exits=str(spec["exits"]),
                log=str(spec["log"]),
                cwd=str(spec["cwd"]),
                env={str(name): str(value) for name, value in dict(spec.get("env") or {}).items()},
            )
        except KeyError as error:
            raise FrameError(f"a revision spec lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise FrameError(f"a revision spec holds a value of the wrong type: {error}") from error


def revise(request_id: str, spec: RevisionSpec) -> dict[str, Any]:
    """Node to dependency template: become the template of a revision."""
    return {"type": "revise", "version": VERSION, "id": request_id, "spec": spec.to_wire()}


def fork(request_id: str, spec: ForkSpec) -> dict[str, Any]:
    """Node to template: become an instance."""
    return {"type": "fork", "id": request_id, "spec": spec.to_wire()}


def forked(request_id: str, pid: int) -> dict[str, Any]:
    """Template to node: the instance of this request has this pid."""
    return {"type": "forked", "id": request_id, "pid": pid}


def refused(request_id: str, *, reason: str, message: str) -> dict[str, Any]:
    """Template to node: no instance was made, and why."""
    return {"type": "refused", "id": request_id, "reason": reason, "message": message}


def template_ready(pid: int, *, threads: Sequence[str], fork_safe: bool, reason: str) -> dict[str, Any]:
    """Template to node, first on every connection: what it holds and whether it may be forked."""
    return {"type": "ready", "pid": pid, "threads": list(threads), "fork_safe": fork_safe, "reason": reason}


def exited(pid: int, code: int) -> dict[str, Any]:
    """Template to node: a fork ended; a negative code is the signal that ended it."""
    return {"type": "exited", "pid": pid, "code": code}


def stop_template() -> dict[str, Any]:
    """Node to template: end; the instances stay."""
    return {"type": "quit"}


def hello(instance: str, *, pid: int, start: str) -> dict[str, Any]:
    """Instance to node, first on every connection: who speaks; pid and start ticks are its identity."""
    return {"type": "hello", "version": VERSION, "instance": instance, "pid": pid, "start": start}


def ready() -> dict[str, Any]:
    """Instance to node: the user's code is loaded and the address is bound."""
    return {"type": "ready"}


def not_ready(*, leaving: bool) -> dict[str, Any]:
    """Instance to node: send nothing new. With `leaving` it was told to end and waits for the node's `drain`."""
    return {"type": "not_ready", "leaving": leaving}


def load(*, concurrency: float, requests: int, in_flight: int) -> dict[str, Any]:
    """Instance to node, once a second: average concurrency, requests begun, those under way."""
    return {"type": "load", "concurrency": concurrency, "requests": requests, "in_flight": in_flight}


def drain(seconds: float) -> dict[str, Any]:
    """Node to instance: take nothing new, finish what is under way within this time, exit 0."""
    return {"type": "drain", "seconds": seconds}


def stop() -> dict[str, Any]:
    """Node to instance: end at once."""
    return {"type": "stop"}
