"""What an instance is told by flags and environment: function, address, limits, identity.

It reads an environment it is given and refuses what it cannot read, naming the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from functions_framework import exits
from functions_framework.record import dataclass
from functions_framework.registry import SIGNATURES, Signature

MIB = 1 << 20
MAX_TYPED = 1 * MIB  # a second of checking, at the worst, for which nothing else of the instance goes on


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """Which function: file, name, and the signature that applies when no decorator says one."""

    source: str | PathLike[str] = "main.py"
    target: str = "function"
    signature: Signature = "http"
    named: bool = False  # False when `target` is only the default
    import_seconds: float = 300.0  # importing the file takes at most so long


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may send and how long it may take; times in seconds."""

    max_body: int = 64 * MIB
    max_head: int = 64 << 10
    max_fields: int = 256
    head_seconds: float = 30.0  # from a request's first byte to the end of its head
    body_rate: float = 240.0  # bytes a second that a body must come at, on average; 0: any
    stall_seconds: float = 60.0  # without a byte of a request that has begun
    send_seconds: float = 120.0  # without a byte of an answer read
    idle_seconds: float = 900.0  # an unused connection; longer than gateways keep theirs
    kept_requests: int = 0  # on one connection; 0: any number
    max_streams: int = 128  # at the same time on one connection of HTTP/2
    max_message: int = 1 * MIB  # of a WebSocket


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """Where an instance listens, what it limits, and whom it reports to; times in seconds."""

    unix_socket: str = ""  # a path to listen at, in the place of host and port
    app_socket: str = ""  # a path to listen at as well, for a sidecar of ours
    fd: int = -1  # a listening socket that was inherited
    workers: int = 1
    guard: bool = True  # a parent process replaces a process whose calls hang
    host: str = "0.0.0.0"  # noqa: S104  # a container is reached from outside; the node passes an address
    port: int = 8080
    timeout: float = 300.0
    grace: float = 30.0
    settle: float = 0.1  # between the start of a drain and the closing of idle connections
    threads: int = 64
    limits: Limits = Limits()
    revision: str = ""
    control: str = ""
    instance: str = ""


# Google's runtime names before those of Google's buildpacks, and those before OpenFunction's.
_TARGET = ("FUNCTION_TARGET", "GOOGLE_FUNCTION_TARGET", "FUNC_NAME")
_SOURCE = ("FUNCTION_SOURCE", "GOOGLE_FUNCTION_SOURCE", "FUNC_SRC")
_SIGNATURE = ("FUNCTION_SIGNATURE_TYPE", "GOOGLE_FUNCTION_SIGNATURE_TYPE", "FUNC_TYPE")
_OFF = frozenset({"", "0", "f", "false", "n", "no", "off"})
_SPELLINGS = {"cloud_event": "cloudevent", "legacyevent": "event", "background": "event"}


def function_settings(environ: Mapping[str, str]) -> FunctionSettings:
    """Read FUNCTION_* and GOOGLE_FUNCTION_* (Google's names) or FUNC_* (OpenFunction's)."""
    target = _first(environ, _TARGET)
    return FunctionSettings(
        source=_first(environ, _SOURCE) or "main.py",
        target=target or "function",
        signature=signature(_first(environ, _SIGNATURE) or "http"),
        named=bool(target),
        import_seconds=_number(environ, "OFN_IMPORT_SECONDS", default=300.0, low=0.001),
    )


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")


def switch(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable switches something on: any text but those that say no, as click reads Google's flags."""
    return environ.get(name, "").strip().lower() not in _OFF


def typed_bytes(environ: Mapping[str, str]) -> int:
    """The largest body, in bytes, that is checked against types; raises StartError InvalidSetting."""
    return _whole(environ, "OFN_MAX_TYPED_BYTES", default=MAX_TYPED)


def signature(text: str) -> Signature:
    """Read a signature type; "cloud_event" is cloudevent, "legacyevent" and "background" are event."""
    value = _SPELLINGS.get(text.lower(), text.lower())
    if value not in SIGNATURES:
        raise exits.StartError(
            "InvalidSetting", f"the signature type {text!r} is not known; use one of {', '.join(SIGNATURES)}"
        )
    return value


def instance_settings(environ: Mapping[str, str]) -> InstanceSettings:
    """Read HOST, PORT, OFN_* and K_REVISION; raises StartError InvalidSetting that names the variable.

    Without PORT the port is what FUNC_CONTEXT announces to callers and to the sidecar.
    """
    default = InstanceSettings()
    return InstanceSettings(
        host=environ.get("HOST") or default.host,
        port=_whole(environ, "PORT", default=_announced(environ, default.port), high=65535),
        timeout=_number(environ, "OFN_TIMEOUT_SECONDS", default=default.timeout, low=0.001),
        grace=_number(environ, "OFN_GRACE_SECONDS", default=default.grace),
        settle=_number(environ, "OFN_SETTLE_SECONDS", default=default.settle),
        unix_socket=environ.get("OFN_UNIX_SOCKET", ""),
        app_socket=environ.get("OFN_APP_SOCKET", ""),
        fd=_whole(environ, "OFN_FD", default=default.fd, low=-1),
        guard=not environ.get("OFN_GUARD") or switch(environ, "OFN_GUARD"),
        workers=_whole(environ, "OFN_WORKERS", default=default.workers, low=1, high=1024),
        threads=_whole(environ, "OFN_THREADS", default=default.threads, low=1),
        revision=environ.get("K_REVISION", ""),
        control=environ.get("OFN_CONTROL", ""),
        instance=environ.get("OFN_INSTANCE", ""),
        limits=_limits(environ),
    )


def _limits(environ: Mapping[str, str]) -> Limits:
    """Read OFN_MAX_*, OFN_*_SECONDS and the like; a limit has its field's name."""
    default = Limits()

    def number(name: str, value: float, low: float = 0) -> float:
        return _number(environ, name, default=value, low=low)

    return Limits(
        max_body=int(number("OFN_MAX_BODY_BYTES", default.max_body)),
        max_head=int(number("OFN_MAX_HEAD_BYTES", default.max_head, 256)),
        max_fields=int(number("OFN_MAX_FIELDS", default.max_fields, 1)),
        head_seconds=number("OFN_HEAD_SECONDS", default.head_seconds, 0.001),
        body_rate=number("OFN_BODY_RATE", default.body_rate),
        stall_seconds=number("OFN_STALL_SECONDS", default.stall_seconds, 0.001),
        send_seconds=number("OFN_SEND_SECONDS", default.send_seconds, 0.001),
        idle_seconds=number("OFN_IDLE_SECONDS", default.idle_seconds, 0.001),
        kept_requests=int(number("OFN_KEPT_REQUESTS", default.kept_requests)),
        max_streams=int(number("OFN_MAX_STREAMS", default.max_streams, 1)),
        max_message=int(number("OFN_MAX_MESSAGE_BYTES", default.max_message, 1)),
    )


def _number(
    environ: Mapping[str, str], name: str, *, default: float, low: float = 0, high: float = float(1 << 40)
) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise exits.StartError(
            "InvalidSetting", f"the variable {name} is {text!r}; set a number from {low:g} to {high:g}"
        )
    return value


def _whole(environ: Mapping[str, str], name: str, *, default: int, low: int = 0, high: int = 1 << 40) -> int:
    value = _number(environ, name, default=default, low=low, high=high)
    if value != int(value):
        raise exits.StartError(
            "InvalidSetting", f"the variable {name} is {environ[name]!r}; set a whole number"
        )
    return int(value)


def _announced(environ: Mapping[str, str], default: int) -> int:
    if environ.get("PORT") or not (environ.get("FUNC_CONTEXT") or environ.get("FUNC_CONTEXT_V1BETA2")):
        return default
    from functions_framework.context import document  # noqa: PLC0415  # few functions have a context

    context = document.from_environ(environ)
    return default if context is None else context.port
