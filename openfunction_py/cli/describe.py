"""ofn describe: one object, what it is made of, its conditions and its events."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from openfunction_py.cli import kinds, options, output, target


def describe(
    kind: Annotated[str, typer.Argument(help="Kind, or the name of a Function.")],
    name: Annotated[str | None, typer.Argument(help="Name of the object.")] = None,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """Show one object with its conditions and events; with one word, the Function of that name.

    Example: ofn describe hello-python
    """
    there = target.resolve(context)
    scope = namespace or there.namespace
    found, called = kinds.split(kind if name is None else f"{kind}/{name}", there.door)
    item = there.get(found, called, scope)
    _identity(found, item)
    _conditions(item)
    if found is kinds.FUNCTION:
        _function(there, item, scope)
    _events(there, item, scope)


def _identity(kind: kinds.Kind, item: dict[str, Any]) -> None:
    meta = item["metadata"]
    rows = [("Name", meta["name"]), ("Namespace", meta.get("namespace", "")), ("Kind", kind.kind)]
    rows += [
        ("Labels", ", ".join(f"{k}={v}" for k, v in sorted((meta.get("labels") or {}).items())) or "none")
    ]
    rows += [("Created", meta.get("creationTimestamp", "")), ("Generation", str(meta.get("generation", "")))]
    spec = item.get("spec") or {}
    if "image" in spec:
        rows.append(("Image", spec["image"]))
    for label, value in rows:
        output.data(f"{label + ':':<13}{value}")


def _conditions(item: dict[str, Any]) -> None:
    conditions = (item.get("status") or {}).get("conditions") or []
    if not conditions:
        return
    output.data("Conditions:")
    for condition in conditions:
        text = " ".join(part for part in (condition.get("reason"), condition.get("message")) if part)
        output.data(f"  {condition['type']}={condition['status']}  {text}".rstrip())


def _function(there: target.Target, item: dict[str, Any], scope: str) -> None:
    status = item.get("status") or {}
    for stage in ("build", "serving"):
        found = status.get(stage) or {}
        if found:
            output.data(
                f"{stage.capitalize() + ':':<13}{found.get('state', '')} {found.get('resourceRef', '')}".rstrip()
            )
    for address in status.get("addresses") or []:
        output.data(f"Address:     {address['value']} ({address['type']})")
    pods = there.items(kinds.POD, scope, labels=f"openfunction.io/function={item['metadata']['name']}")
    for pod in pods:
        runtime = (pod["metadata"].get("annotations") or {}).get("openfunction.io/runtime", "")
        output.data(
            f"Pod:         {pod['metadata']['name']} {pod.get('status', {}).get('phase', '')} {runtime}".rstrip()
        )


def _events(there: target.Target, item: dict[str, Any], scope: str) -> None:
    events = kinds.find("events", there.door)
    selector = f"involvedObject.uid={item['metadata']['uid']}"
    listed = there.call("GET", events.path(scope), params={"fieldSelector": selector})["items"]
    if not listed:
        return
    output.data("Events:")
    for event in sorted(listed, key=lambda e: e.get("lastTimestamp") or e.get("eventTime") or ""):
        output.data(f"  {event.get('type', '')} {event.get('reason', '')}: {event.get('message', '')}")
