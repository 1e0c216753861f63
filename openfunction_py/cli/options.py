"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

from typing import Annotated

import typer

Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig to talk to.")]
Namespace = Annotated[
    str | None, typer.Option("-n", "--namespace", help="Namespace; the context's when not given.")
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds to wait at most.")]
