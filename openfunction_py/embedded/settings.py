"""Settings of one platform: its ports and its sidecar, kept in the home so that they survive a restart.

It holds what `ofn up` was told; it starts nothing.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

from openfunction_py.lib import tools

SCHEMA = 1
GATEWAY_PORT = 8088
HOST = "127.0.0.1"
Sidecar = Literal["ofn", "daprd"]
SIDECARS: tuple[Sidecar, ...] = get_args(Sidecar)


class SettingsError(Exception):
    """A setting cannot be used; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Ports of a platform; 0 means: not chosen yet.

    Attributes:
        dapr: whose sidecar stands beside functions, one of SIDECARS.
        daprd: the file that was named for Dapr's own; empty to look for it.
    """

    schema: int = SCHEMA
    host: str = HOST
    api_port: int = 0
    gateway_port: int = GATEWAY_PORT
    dapr: Sidecar = "ofn"
    daprd: str = ""


_REMOVED = "remove it: the ports are chosen anew, and the sidecar is ours until --dapr says otherwise"


def load(path: Path) -> Settings:
    """Settings of a home, or the defaults of a new one.

    Raises:
        SettingsError: the file is of a newer version, or no settings file.
    """
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return Settings()
    except ValueError as error:
        raise SettingsError(f"{path} is damaged ({error}); {_REMOVED}") from error
    if not isinstance(values, dict) or "schema" not in values:
        raise SettingsError(f"{path} holds no settings of a platform; set OFN_HOME to a folder of its own")
    if values["schema"] != SCHEMA:
        raise SettingsError(
            f"{path} has schema {values['schema']}, this version knows {SCHEMA}; use the version that wrote it"
        )
    known = {field.name: values[field.name] for field in fields(Settings) if field.name in values}
    sound = all(type(value) is type(getattr(Settings(), name)) for name, value in known.items())
    if not sound or known.get("dapr", "ofn") not in SIDECARS:
        raise SettingsError(f"{path} is damaged; {_REMOVED}")
    return Settings(**known)


def save(path: Path, settings: Settings) -> None:
    """Write the settings, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(settings), indent=2))
    part.replace(path)


def with_free_ports(settings: Settings) -> Settings:
    """Choose the API server's port when it has none, and check that both can be bound.

    Raises:
        SettingsError: a port is taken.
    """
    chosen = settings
    if not chosen.api_port:
        chosen = replace(chosen, api_port=_free_port(chosen.host))
    if not chosen.gateway_port:
        chosen = replace(chosen, gateway_port=_free_port(chosen.host))
    for name, port in (("API server", chosen.api_port), ("gateway", chosen.gateway_port)):
        if not _can_bind(chosen.host, port):
            flag = "--port" if name == "gateway" else "--api-port"
            raise SettingsError(
                f"port {port} of the {name} is taken; stop what uses it, or choose another with {flag}"
            )
    return chosen


def with_sidecar(settings: Settings, chosen: Sidecar | None, environ: Mapping[str, str]) -> Settings:
    """The sidecar that is asked for, else the one of before; Dapr's own has to be on this machine.

    Raises:
        SettingsError: daprd is asked for and not there.
    """
    dapr = chosen or settings.dapr
    named = environ.get(tools.DAPRD_VARIABLE, settings.daprd)
    if named:  # the next `ofn up` may come from another folder
        named = str(Path(named).absolute())
    if dapr == "daprd" and tools.daprd({**environ, tools.DAPRD_VARIABLE: named}) is None:
        where = f"{tools.DAPRD_VARIABLE} names {named}, which is no program" if named else "it is not on PATH"
        raise SettingsError(
            f"daprd is not to be found ({where}); build it with tools/dapr/build.sh, put it on PATH or name its file "
            f"in {tools.DAPRD_VARIABLE}; `ofn up --dapr ofn` takes the platform's own sidecar"
        )
    return replace(settings, dapr=dapr, daprd=named)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
