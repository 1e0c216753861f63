"""ofn up, down and status: the platform of this machine."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from openfunction_py.cli import failures, kubeconfig, output
from openfunction_py.embedded import platform, settings
from openfunction_py.lib import home as homes


def up(
    detach: Annotated[
        bool, typer.Option("-d", "--detach", help="Return when it is ready; it runs on.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the gateway; 0 picks a free one.")
    ] = None,
    api_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the API server; 0 picks a free one.")
    ] = None,
    dapr: Annotated[
        settings.Sidecar | None,
        typer.Option(help="Whose Dapr sidecar stands beside functions: ours, or Dapr's own daprd."),
    ] = None,
) -> None:
    """Start the platform of OFN_HOME and wait until it is ready.

    Example: ofn up -d
    """
    home = homes.Home.default(os.environ)
    started = time.monotonic()
    try:
        chosen = platform.prepare(home, port=port, api_port=api_port, dapr=dapr)
        process = platform.start(home, chosen)
        try:
            platform.wait_ready(home, process)
        except platform.PlatformError:
            platform.stop(home)
            raise
    except platform.PlatformError as error:
        raise failures.Failure(str(error)) from error
    _add_context(home)
    output.talk(
        f"the platform is ready after {time.monotonic() - started:.1f} s: "
        f"functions at http://{chosen.host}:{chosen.gateway_port}, API at https://{chosen.host}:{chosen.api_port}"
    )
    if detach:
        output.talk("next: ofn apply -f samples/inline --wait; end it with `ofn down`")
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: process.terminate())
    output.talk("press Ctrl-C to end it")
    raise typer.Exit(process.wait())


def _add_context(home: homes.Home) -> None:
    """A platform that runs is not ended because a file of the user's is in the way."""
    try:
        kubeconfig.add_context(home)
    except failures.Failure as failure:
        output.talk(f"warning: {failure}; kubectl needs --kubeconfig {home.kubeconfig}")


def down(
    purge: Annotated[
        bool, typer.Option(help="Also remove the data folder with every object and image.")
    ] = False,
) -> None:
    """End the platform of OFN_HOME, also when parts of it are dead.

    Example: ofn down
    """
    home = homes.Home.default(os.environ)
    if not home.root.exists():
        raise failures.NoPlatformFailure(f"there is no platform at {home.root}")
    try:
        ended = platform.stop(home)
        output.talk("the platform ended" if ended else f"no platform was running from {home.root}")
        if purge:
            _purge(home)
    except platform.PlatformError as error:
        raise failures.Failure(str(error)) from error


def _purge(home: homes.Home) -> None:
    platform.check_ours(home)
    try:
        kubeconfig.remove_context(home)
    except failures.Failure as failure:
        output.talk(f"warning: {failure}; its context {kubeconfig.NAME} stays")
    platform.purge(home)
    output.talk(f"removed {home.root}")


def status() -> None:
    """Show the processes of the platform of OFN_HOME.

    Example: ofn status
    """
    home = homes.Home.default(os.environ)
    try:
        found = platform.status(home)
    except settings.SettingsError as error:
        raise failures.Failure(str(error)) from error
    if not found.running:
        raise failures.NoPlatformFailure(f"no platform runs from {home.root}: start one with `ofn up -d`")
    rows: list[tuple[object, ...]] = []
    if not found.pid:
        output.talk("the supervisor is dead, so nothing is started again: `ofn up -d` starts all of it anew")
    else:
        rows.append(("supervisor", found.pid, 1, memory(found.pid), ""))
    for row in found.processes:
        rows.append((row["role"], row["pid"] or "-", row["starts"], memory(row["pid"]), row["lastExit"]))
    output.table(("process", "pid", "starts", "pss", "last exit"), rows)
    output.talk(
        f"data: {home.root}; gateway: http://{found.chosen.host}:{found.chosen.gateway_port}; "
        f"sidecar: {found.chosen.dapr}"
    )


def memory(pid: int) -> str:
    """Proportional set size of a process, as people write it; empty when it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return ""
    kib = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return f"{kib / 1024:.0f}Mi"
