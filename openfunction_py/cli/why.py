"""ofn why: what became of an event, step by step, from the journals of sources and dispatchers."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from openfunction_py.cli import failures, options, output, target
from openfunction_py.cli import invoke as calling


def why(
    event: Annotated[str, typer.Argument(help="Id of the event.")],
    form: Annotated[
        str | None, typer.Option("-o", "--output", help="json for the records as they are kept.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("-n", "--namespace", help="Only programs of this namespace; all else.")
    ] = None,
    context: options.Context = None,
) -> None:
    """Print the story of an event: who received it, which clause kept it out, each attempt and its answer.

    Example: ofn why 4b6f2c1e-0d7a-4f38-9c55-2f1f3f6f9a10
    """
    if form not in (None, "json"):
        raise failures.UsageFailure(f"-o {form} is not known; use json")
    there = target.resolve(context)
    records, silent = story(there, event, namespace or "")
    if not records:
        away = f"; no answer from {', '.join(silent)}" if silent else ""
        raise failures.NotFoundFailure(f"no program remembers an event with the id {event}{away}")
    for name in silent:
        output.talk(f"no answer from {name}; its part of the story is missing")
    if form == "json":
        output.document(records, form)
        return
    output.talk(f"{event} of {records[0]['source']}, type {records[0]['type']}")
    rows = [(one["time"][11:23], one["program"], one["step"], told(one["detail"])) for one in records]
    output.table(("time", "program", "step", "detail"), rows)


def story(there: target.Target, event: str, namespace: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Every record of an event by time, and the programs that did not answer."""
    from openfunction_py.cli import events  # noqa: PLC0415 - the models of the kinds take a while to load
    from openfunction_py.resources import dispatchers, event_sources  # noqa: PLC0415 - as above

    found: list[dict[str, Any]] = []
    silent: list[str] = []
    for label in (event_sources.SOURCE, dispatchers.DISPATCHER):
        for name, door in events.doors(there, label, namespace):
            try:
                status, _, said = calling.call(
                    door, f"/journal/{quote(event, safe='')}", method="GET", body=None, headers={}, timeout=10
                )
            except (failures.NoPlatformFailure, failures.TimeoutFailure):
                silent.append(name)
                continue
            kept = json.loads(said)["records"] if status == 200 else []
            found += [{**record, "program": name} for record in kept]
    return sorted(found, key=lambda record: float(record["at"])), silent


def told(detail: dict[str, Any]) -> str:
    """A record's detail in one line."""
    return ", ".join(_said(key, value) for key, value in detail.items())


def _said(key: str, value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {text}" for name, text in value.items())
    return f"{key} {value}"
