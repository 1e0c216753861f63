"""ofn logs: what the instances of a Function wrote, or what its build said."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from openfunction_py.cli import failures, kinds, options, output, target
from openfunction_py.lib import home as homes

BUILD = "buildrun.shipwright.io/name"


def logs(
    name: Annotated[str, typer.Argument(help="Name of the Function.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing.")] = False,
    build: Annotated[bool, typer.Option("--build", help="The output of its latest build.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", min=0, help="Only the last lines.")] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """Print the log of a Function, also of instances that were stopped.

    Example: ofn logs hello-python -f
    """
    there = target.resolve(context)
    scope = namespace or there.namespace
    item = there.get(kinds.FUNCTION, name, scope)
    builder = _builder(item)
    if build and not builder:
        raise failures.NotFoundFailure(f"{name} has no build: {_no_build(item)}")
    labels = (
        f"openfunction.io/builder={builder},{BUILD}" if build else f"openfunction.io/function={name},!{BUILD}"
    )
    pods = there.items(kinds.POD, scope, labels=labels)
    silent = not pods and not (
        there.home and _of_stopped(there.home, scope, name, builder if build else "", tail)
    )
    if follow:
        if not pods:
            output.talk(f"{name} has no {'build' if build else 'instance'} now; waiting for one, Ctrl-C ends")
        asyncio.run(_follow(there, scope, labels, tail))
        return
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"])):
        if len(pods) > 1:
            output.talk(f"==> {pod['metadata']['name']}")
        _of_pod(there, pod, scope, tail)
    if silent:
        output.talk(
            f"nothing is kept: {name} has no {'build' if build else 'instance'} now that wrote anything"
        )


def _no_build(item: dict[str, Any]) -> str:
    return "it was not looked at yet" if (item.get("spec") or {}).get("build") else "its image is given"


async def _follow(there: target.Target, scope: str, labels: str, tail: int | None) -> None:
    from openfunction_py.cli import following  # noqa: PLC0415 - the only command that needs the large client

    await following.follow(there.endpoint, scope, labels=labels, tail=tail, write=output.raw)


def _builder(item: dict[str, Any]) -> str:
    return str(((item.get("status") or {}).get("build") or {}).get("resourceRef", ""))


def _of_pod(there: target.Target, pod: dict[str, Any], scope: str, tail: int | None) -> None:
    params = {"container": pod["spec"]["containers"][0]["name"]}
    if tail is not None:
        params["tailLines"] = str(tail)
    place = kinds.POD.place(scope, pod["metadata"]["name"])
    for line in there.door.stream("GET", f"{place}/log", params=params):
        output.raw(line + b"\n")


def _of_stopped(home: homes.Home, scope: str, name: str, builder: str, tail: int | None) -> bool:
    """Logs of Pods that are gone lie in the home, as <namespace>/<pod>_<uid>/<container>.<run>.log."""
    pod = f"{builder}-run-pod" if builder else f"{name}-ksvc-*"
    files = [file for file in (home.pod_logs / scope).glob(f"{pod}_*/*.log") if file.stat().st_size]
    if not files:
        return False
    newest = max(files, key=lambda file: file.stat().st_mtime)
    text = newest.read_bytes()
    output.raw(text if tail is None else b"\n".join(text.splitlines()[-tail:]) + b"\n")
    output.talk(f"(a stopped instance; the file is {_short(newest, home)})")
    return True


def _short(file: Path, home: homes.Home) -> str:
    return f"$OFN_HOME/{file.relative_to(home.root)}"
