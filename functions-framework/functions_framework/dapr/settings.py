"""Where the sidecar is and how to talk to it, from an environment (Dapr's and OpenFunction's names).

It connects to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from functions_framework import exits


@dataclass(frozen=True, slots=True)
class Sidecar:
    """How a function reaches its sidecar and is reached by it; times in seconds.

    Attributes:
        host: name or address, for both ports.
        http_port: of Dapr's HTTP API.
        grpc_port: of Dapr's gRPC API.
        token: sent with every call; empty for none.
        app_token: what the sidecar must send with every callback; empty when it need send none.
        app_protocol: how the sidecar calls the function: `http` or `grpc`.
        health_timeout: how long the sidecar may take to come up before its absence is an error.
        timeout: of one call.
        patience: how long a sidecar that refuses connections is asked again.
        socket: the Unix socket where our own sidecar takes what is published in batches; empty for none.
    """

    host: str = "127.0.0.1"
    http_port: int = 3500
    grpc_port: int = 50001
    token: str = ""
    app_token: str = ""
    app_protocol: str = "http"
    health_timeout: float = 60.0
    timeout: float = 60.0
    patience: float = 5.0
    socket: str = ""

    @property
    def address(self) -> str:
        """Of the HTTP API, for a person."""
        return f"http://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port of the HTTP API."""
        return f"[{self.host}]:{self.http_port}" if ":" in self.host else f"{self.host}:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Host and port of the gRPC API."""
        return f"[{self.host}]:{self.grpc_port}" if ":" in self.host else f"{self.host}:{self.grpc_port}"


def from_environ(environ: Mapping[str, str]) -> Sidecar:
    """Read DAPR_HOST, DAPR_HTTP_PORT, DAPR_GRPC_PORT, DAPR_API_TOKEN, APP_API_TOKEN, APP_PROTOCOL and what is ours.

    Raises:
        StartError: InvalidSetting that names the variable.
    """
    default = Sidecar()
    host, port = _endpoint(environ.get("DAPR_HTTP_ENDPOINT", ""))
    return Sidecar(
        host=host or environ.get("DAPR_HOST") or environ.get("DAPR_RUNTIME_HOST") or default.host,
        http_port=port or _port(environ, "DAPR_HTTP_PORT", default.http_port),
        grpc_port=_port(environ, "DAPR_GRPC_PORT", default.grpc_port),
        token=environ.get("DAPR_API_TOKEN", ""),
        app_token=environ.get("APP_API_TOKEN", ""),
        app_protocol=_protocol(environ),
        health_timeout=_seconds(environ, "DAPR_HEALTH_TIMEOUT", default.health_timeout),
        timeout=_seconds(environ, "DAPR_API_TIMEOUT_SECONDS", default.timeout),
        patience=_seconds(environ, "OFN_DAPR_PATIENCE_SECONDS", default.patience),
        socket=environ.get("OFN_DAPR_SOCKET", ""),
    )


def _endpoint(text: str) -> tuple[str, int]:
    """Host and port that an address names; empty and 0 where it names none."""
    try:
        told = urlsplit(text)
        host, port = told.hostname or "", told.port or 0
    except ValueError:  # of a port that is no number, and of half a bracket
        host, port, told = "", 0, None
    if text and (told is None or told.scheme != "http" or not host):
        raise _invalid("DAPR_HTTP_ENDPOINT", text, "an address such as http://127.0.0.1:3500")
    return host, port


def _protocol(environ: Mapping[str, str]) -> str:
    text = environ.get("APP_PROTOCOL") or "http"
    if text.lower() not in {"http", "grpc"}:
        raise _invalid("APP_PROTOCOL", text, "http or grpc")
    return text.lower()


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise _invalid(name, text, "a port from 1 to 65535")
    return int(text)


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e9:
        raise _invalid(name, text, "a number of seconds")
    return value


def _invalid(name: str, text: str, wanted: str) -> exits.StartError:
    return exits.StartError("InvalidSetting", f"the variable {name} is {text!r}; set {wanted}")
