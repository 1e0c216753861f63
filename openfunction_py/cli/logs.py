"""ofn logs: what the instances of a Function wrote, or what its build said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from openfunction_py.cli import failures, kinds, options, output, target
from openfunction_py.lib import home as homes


def logs(
    name: Annotated[str, typer.Argument(help="Name of the Function.")],
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on printing.")] = False,
    build: Annotated[bool, typer.Option("--build", help="The output of its latest build.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", help="Only the last lines.")] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """Print the log of a Function, also of instances that were stopped.

    Example: ofn logs hello-python -f
    """
    there = target.resolve(context)
    scope = namespace or there.namespace
    item = there.get(kinds.FUNCTION, name, scope)
    labels = f"openfunction.io/builder={_builder(item)}" if build else f"openfunction.io/function={name}"
    pods = [pod for pod in there.items(kinds.POD, scope, labels=labels) if _is_build(pod) == build]
    if pods:
        newest = max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])
        _of_pod(there, newest, scope, follow=follow, tail=tail)
        return
    if there.home is not None and _of_stopped(there.home, scope, name, _builder(item) if build else "", tail):
        return
    what = "build" if build else "instance"
    raise failures.NotFoundFailure(f"{name} has no {what} whose log is kept; see `ofn describe {name}`")


def _is_build(pod: dict[str, Any]) -> bool:
    return "buildrun.shipwright.io/name" in (pod["metadata"].get("labels") or {})


def _builder(item: dict[str, Any]) -> str:
    return str(((item.get("status") or {}).get("build") or {}).get("resourceRef", ""))


def _of_pod(there: target.Target, pod: dict[str, Any], scope: str, *, follow: bool, tail: int | None) -> None:
    params = {"container": pod["spec"]["containers"][0]["name"]}
    if follow:
        params["follow"] = "true"
    if tail is not None:
        params["tailLines"] = str(tail)
    for line in there.door.stream(
        "GET", f"{kinds.POD.path(scope)}/{pod['metadata']['name']}/log", params=params
    ):
        output.raw(line if line.endswith(b"\n") else line + b"\n")


def _of_stopped(home: homes.Home, scope: str, name: str, builder: str, tail: int | None) -> bool:
    """Logs of pods that are gone lie in the home, in a folder named <namespace>_<pod>_<uid>."""
    prefix = f"{scope}_{builder or f'{name}-ksvc-'}"
    files = [file for file in home.pod_logs.glob(f"{prefix}*/*/*.log") if file.stat().st_size]
    if not files:
        return False
    newest = max(files, key=lambda file: file.stat().st_mtime)
    text = newest.read_bytes()
    output.raw(text if tail is None else b"\n".join(text.splitlines()[-tail:]) + b"\n")
    output.talk(f"(a stopped instance; the file is {_short(newest, home)})")
    return True


def _short(file: Path, home: homes.Home) -> str:
    return f"$OFN_HOME/{file.relative_to(home.root)}"
