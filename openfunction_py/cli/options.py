"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

import re
from typing import Annotated

import typer

LONGEST = 1_000_000


def _namespace(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise typer.BadParameter(
            f"{value!r} is no name of a namespace; use lower case letters, digits and '-'"
        )
    return value


def _seconds(value: float) -> float:
    if not 0 <= value <= LONGEST:
        raise typer.BadParameter(f"{value} is no number of seconds from 0 to {LONGEST}")
    return value


Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig to talk to.")]
Namespace = Annotated[
    str | None,
    typer.Option("-n", "--namespace", help="Namespace; the context's when not given.", callback=_namespace),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait at most.", callback=_seconds)]
