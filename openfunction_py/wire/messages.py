"""The messages of the node's socket as values, and their form on the wire.

It opens no socket; it refuses a message that lacks a field, naming the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

VERSION = 1

Role = Literal["gateway", "control", "logs", "status"]
Source = Literal["gateway", "instance"]


class MessageError(Exception):
    """A message on the node's socket is not what its type promises; the connection is given up."""


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a client: its protocol version and what it comes for."""

    role: Role
    version: int = VERSION

    def to_wire(self) -> dict[str, Any]:
        """The hello as it stands on the wire."""
        return {"type": "hello", "version": self.version, "role": self.role}

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> Hello:
        """Read a hello; raises MessageError for another type, role or version."""
        if message.get("type") != "hello":
            raise MessageError(f"the first message is {message.get('type')!r}; send hello first")
        if message.get("version") != VERSION:
            raise MessageError(
                f"protocol version {message.get('version')!r} is not {VERSION}; use one release everywhere"
            )
        role = message.get("role")
        if role not in {"gateway", "control", "logs", "status"}:
            raise MessageError(f"the role {role!r} is not known; use gateway, control, logs or status")
        return cls(role=cast("Role", role))


@dataclass(frozen=True, slots=True)
class Load:
    """What one source measured over the last second for one revision.

    `concurrency` is the average number of requests under way; `requests` those that arrived; `pod` is empty when the
    gateway reports, which counts only what it has not yet forwarded.
    """

    source: Source
    namespace: str
    revision: str
    concurrency: float
    requests: int
    pod: str = ""
    proxied: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The measurement as it stands on the wire."""
        return {"type": "load", **asdict(self)}

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> Load:
        """Read a measurement; a gateway's own message may leave `source` out. Raises MessageError."""
        try:
            return cls(
                source="instance" if message.get("source") == "instance" else "gateway",
                namespace=str(message["namespace"]),
                revision=str(message["revision"]),
                concurrency=float(message["concurrency"]),
                requests=int(message["requests"]),
                pod=str(message.get("pod") or ""),
                proxied=bool(message.get("proxied", False)),
            )
        except KeyError as error:
            raise MessageError(f"a load message lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise MessageError(f"a load message holds a value of the wrong type: {error}") from error


@dataclass(frozen=True, slots=True)
class Routes:
    """What a gateway's route table holds: the uid of each Route with its traffic, as `traffic.key` writes it.

    Entries replace those told before, or with `whole` all of them, and an empty one takes a Route away; `gone` ends a
    gateway, and without a name every one.
    """

    gateway: str = ""
    routes: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    gone: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The table as it stands on the wire."""
        return {"type": "routes", **asdict(self)}

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> Routes:
        """Read what a gateway holds; raises MessageError."""
        routes = message.get("routes") or {}
        if not isinstance(routes, dict):
            raise MessageError(f"routes are told as an object, not as {type(routes).__name__}")
        return cls(
            gateway=str(message.get("gateway") or ""),
            routes={str(uid): str(key) for uid, key in routes.items()},
            whole=bool(message.get("whole", False)),
            gone=bool(message.get("gone", False)),
        )


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """Which log to read: the current or the previous run of a container, its last `tail` lines, and on from there."""

    namespace: str
    pod: str
    container: str = ""
    follow: bool = False
    tail: int | None = None
    previous: bool = False

    def to_wire(self) -> dict[str, Any]:
        """The request as it stands on the wire."""
        return {"type": "logs", **asdict(self)}

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> LogsRequest:
        """Read a request; raises MessageError."""
        tail = message.get("tail")
        try:
            return cls(
                namespace=str(message["namespace"]),
                pod=str(message["pod"]),
                container=str(message.get("container") or ""),
                follow=bool(message.get("follow", False)),
                tail=None if tail is None else int(tail),
                previous=bool(message.get("previous", False)),
            )
        except KeyError as error:
            raise MessageError(f"a request for logs lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise MessageError(f"a request for logs holds a value of the wrong type: {error}") from error


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One template or instance of the node: what it serves, its process, its memory in bytes, its CPU in seconds.

    `pss` counts shared pages by their share, `uss` only what is private; all are 0 where the system does not tell.
    """

    kind: Literal["template", "instance"]
    namespace: str
    revision: str
    pid: int
    pss: int = 0
    uss: int = 0
    pod: str = ""
    runtime: str = ""
    started: str = ""
    note: str = ""
    container: str = ""
    cpu: float = 0.0

    def to_wire(self) -> dict[str, Any]:
        """The entry as it stands in a list."""
        return asdict(self)

    @classmethod
    def from_wire(cls, entry: Mapping[str, Any]) -> ProcessInfo:
        """Read an entry of a list; fields this release does not know are left out."""
        known = {name: entry[name] for name in cls.__dataclass_fields__ if name in entry}
        try:
            return cls(**known)
        except TypeError as error:
            raise MessageError(f"an entry of the process list is incomplete: {error}") from error


@dataclass(frozen=True, slots=True)
class Processes:
    """The node's answer to `templates` and `instances`."""

    items: tuple[ProcessInfo, ...] = field(default=())

    def to_wire(self, kind: str) -> dict[str, Any]:
        """The list as it stands on the wire; its type is the question's."""
        return {"type": kind, "items": [one.to_wire() for one in self.items]}

    @classmethod
    def from_wire(cls, message: Mapping[str, Any]) -> Processes:
        """Read a list."""
        return cls(tuple(ProcessInfo.from_wire(entry) for entry in message.get("items") or ()))


def subscribe() -> dict[str, Any]:
    """Control to node: send every load measurement from now on."""
    return {"type": "subscribe"}


def follow_routes() -> dict[str, Any]:
    """Control to node: tell what the gateways hold, now and whenever it changes."""
    return {"type": "follow-routes"}


def chunk(data: str) -> dict[str, Any]:
    """Node to a reader of logs: the next piece of text."""
    return {"type": "chunk", "data": data}


def end(error: str | None = None, *, reason: str = "") -> dict[str, Any]:
    """Node to a reader of logs: the log is over, or why it cannot be read."""
    return {"type": "end", "error": error, "reason": reason}


def question(kind: Literal["templates", "instances"]) -> dict[str, Any]:
    """A client of role `status` to node: list these processes."""
    return {"type": kind}
