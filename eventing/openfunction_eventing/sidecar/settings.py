"""How the program is told what to do: the flags of daprd that it has, and Dapr's variables. It starts nothing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openfunction_eventing.errors import EventingError

PROTOCOLS = ("http", "grpc", "batch")
_MEBI = 1 << 20


class SettingError(EventingError):
    """A flag or a variable has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One sidecar.

    Attributes:
        app_port: where the app listens; 0 when there is none.
        app_socket: the Unix socket of an app that speaks `batch`; one that does not listen there is asked at its port.
        http_port: of the API; 0 takes a free one. So with `grpc_port`.
        max_body: bytes of a request.
        grace: seconds for what is under way at the end.
        max_concurrency: deliveries at once; 0 for as many as there are.
        token: what a caller must show; empty for nothing.
        app_token: what the app is shown.
        peers: host and port of other apps by id.
        port_file: where the ports are written once the API answers.
        batch_socket: the Unix socket where our own framework publishes in batches; empty for none.
    """

    app_id: str
    app_port: int = 0
    app_protocol: str = "http"
    app_host: str = "127.0.0.1"
    app_socket: str = ""
    http_port: int = 3500
    grpc_port: int = 50001
    addresses: tuple[str, ...] = ("127.0.0.1",)
    resources: tuple[Path, ...] = ()
    max_body: int = 4 * _MEBI
    grace: float = 5.0
    max_concurrency: int = 0
    token: str = ""
    app_token: str = ""
    namespace: str = ""
    peers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    port_file: Path | None = None
    batch_socket: str = ""

    @property
    def has_app(self) -> bool:
        """Whether there is an app to call."""
        return bool(self.app_port or self.app_socket)


def read(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """The settings, and those arguments that nothing is known of: daprd has more flags.

    Raises:
        SettingError: a value cannot be used.
    """
    given = os.environ if environ is None else environ
    told, rest = _parser().parse_known_args(arguments)
    if told.app_protocol == "batch" and not told.app_socket:
        raise SettingError("--app-protocol batch needs --app-socket, the path of the app's Unix socket")
    paths = [path for text in told.resources_path for path in text.split(",") if path]
    settings = Settings(
        app_id=told.app_id or given.get("APP_ID", ""),
        app_port=told.app_port,
        app_protocol=told.app_protocol,
        app_host=told.app_channel_address,
        app_socket=told.app_socket,
        http_port=told.dapr_http_port,
        grpc_port=told.dapr_grpc_port,
        addresses=tuple(
            one.strip("[] ") for one in told.dapr_listen_addresses.split(",") if one.strip("[] ")
        ),
        resources=tuple(Path(path) for path in paths),
        max_body=_quantity(told.max_body_size),
        grace=told.dapr_graceful_shutdown_seconds,
        max_concurrency=max(told.app_max_concurrency, 0),
        token=given.get("DAPR_API_TOKEN", ""),
        app_token=given.get("APP_API_TOKEN", ""),
        namespace=given.get("NAMESPACE", ""),
        peers=dict(_peer(text) for text in told.peer),
        port_file=told.port_file,
        batch_socket=told.batch_socket,
    )
    if not settings.app_id:
        raise SettingError("--app-id is missing; it names the app, its consumer groups and its keys")
    return settings, rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m openfunction_eventing.sidecar",
        description="The Dapr API beside one app.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--app-id", default="", help="the app's id")
    add("--app-port", type=_port, default=0, help="where the app listens; without it there is no app to call")
    add("--app-protocol", choices=PROTOCOLS, default="http", help="what the app speaks")
    add("--app-channel-address", default="127.0.0.1", help="the host of the app")
    add("--app-socket", default="", help="the Unix socket of an app that speaks batch")
    add("--app-max-concurrency", type=int, default=-1, help="deliveries at once; -1 for no limit")
    add(
        "--dapr-http-port",
        "--http-port",
        type=_port,
        default=3500,
        help="port of the HTTP API; 0 takes a free one",
    )
    add(
        "--dapr-grpc-port",
        "--grpc-port",
        type=_port,
        default=50001,
        help="port of the gRPC API; 0 takes a free one",
    )
    add("--dapr-listen-addresses", default="127.0.0.1", help="addresses of the API, with commas between them")
    add(
        "--resources-path",
        "--components-path",
        action="append",
        default=[],
        help="a folder of documents; repeatable",
    )
    add("--max-body-size", default="4Mi", help="largest request, as in 16Mi")
    add(
        "--dapr-graceful-shutdown-seconds",
        type=float,
        default=5.0,
        help="time for what is under way at the end",
    )
    add("--batch-socket", default="", help="a Unix socket where our own framework publishes in batches")
    add("--peer", action="append", default=[], help="another app, id=host:port; repeatable")
    add(
        "--port-file", type=Path, default=None, help="a file that gets the ports as JSON once the API answers"
    )
    return parser


def _port(text: str) -> int:
    if not text:  # daprd's default for no app
        return 0
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _quantity(text: str) -> int:
    units = {"Ki": 1 << 10, "Mi": _MEBI, "Gi": 1 << 30, "k": 1000, "M": 1000**2, "G": 1000**3, "": 1}
    number = text.rstrip("KMGki")
    unit = text[len(number) :]
    if not number.isdecimal() or unit not in units:
        raise SettingError(f"--max-body-size is {text!r}; write bytes, or a quantity such as 16Mi")
    return int(number) * units[unit]


def _peer(text: str) -> tuple[str, tuple[str, int]]:
    name, sign, address = text.partition("=")
    host, _, port = address.rpartition(":")
    if not (name and sign and host and port.isdecimal()):
        raise SettingError(f"--peer is {text!r}; write id=host:port")
    return name, (host.strip("[]"), int(port))
