"""ofn publish: an event to an EventSource, or to a topic of a bus."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from typing import Annotated, Any

import typer

from openfunction_py.cli import failures, options, output, target
from openfunction_py.cli import invoke as calling


def publish(
    name: Annotated[
        str, typer.Argument(help="EventSource, or EventSource/EVENT; with --bus the name of a topic.")
    ],
    data: Annotated[
        str | None, typer.Option("-d", "--data", help="Data; @FILE reads a file, - standard input.")
    ] = None,
    *,
    kind: Annotated[str, typer.Option("--type", help="Type of the event.")] = "openfunction.published",
    event_id: Annotated[str | None, typer.Option("--id", help="Id of the event; a new one else.")] = None,
    origin: Annotated[str, typer.Option("--source", help="Source of the event.")] = "ofn/publish",
    attribute: Annotated[
        list[str] | None, typer.Option("--attribute", help="Another attribute, as name=value.")
    ] = None,
    content: Annotated[
        str | None, typer.Option("--content-type", help="What the data is; found out when not given.")
    ] = None,
    bus: Annotated[
        str | None, typer.Option("--bus", help="EventBus or ClusterEventBus with the topic.")
    ] = None,
    timeout: options.Timeout = 30.0,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """Publish one event, and print its id once it is stored.

    Example: ofn publish door --type image.drawn -d @seven.png
    """
    from openfunction_py.cli import events  # noqa: PLC0415 - the models of the kinds take a while to load

    body = calling.body_of(data) or b""
    attributes = {
        "specversion": "1.0",
        "id": event_id or str(uuid.uuid4()),
        "source": origin,
        "type": kind,
        "datacontenttype": content or kind_of(body),
        **dict(events.attribute(one) for one in attribute or []),
    }
    there = target.resolve(context)
    place = namespace or there.namespace
    if bus is None:
        _post(there, name, place, attributes, body, timeout)
    else:
        _store(events.component(there, events.bus(there, bus, place)), name, attributes, body, timeout)
    output.data(attributes["id"])


def kind_of(body: bytes) -> str:
    """The content type of data that nobody named."""
    try:
        json.loads(body)
    except ValueError:
        return "image/png" if body[:4] == b"\x89PNG" else "application/octet-stream"
    return "application/json"


def _post(
    there: target.Target, name: str, place: str, attributes: dict[str, str], body: bytes, timeout: float
) -> None:
    from openfunction_py.api import eventsources  # noqa: PLC0415 - as above
    from openfunction_py.cli import events  # noqa: PLC0415 - as above
    from openfunction_py.resources import event_sources  # noqa: PLC0415 - as above

    word, _, wanted = name.partition("/")
    spec = there.get(events.SOURCE, word, place)["spec"]
    posted = {**(spec.get("http") or {})}
    if not wanted and len(posted) == 1:
        (wanted,) = posted
    if wanted not in posted:
        known = ", ".join(f"{word}/{one}" for one in posted) or "none; give --bus to publish to a topic"
        raise failures.UsageFailure(f"{name} is no event of kind http; there are: {known}")
    door = next(
        events.doors(there, f"{event_sources.SOURCE}={word},{event_sources.SOURCE}-way=http", place), None
    )
    if door is None:
        raise failures.NoPlatformFailure(
            f"the program of {word} does not run; see `ofn get eventsource {word}`"
        )
    headers = {f"ce-{key}": value for key, value in attributes.items() if key != "datacontenttype"}
    headers["Content-Type"] = attributes["datacontenttype"]
    path = eventsources.path_of(wanted, (posted[wanted] or {}).get("path"))
    status, _, said = calling.call(door[1], path, method="POST", body=body, headers=headers, timeout=timeout)
    if status >= 300:
        raise failures.Failure(f"the event was not taken ({status}): {said.decode(errors='replace').strip()}")


def _store(
    component: dict[str, Any], topic: str, attributes: dict[str, str], body: bytes, timeout: float
) -> None:
    """In a process of its own: clients of brokers are no part of a command line."""
    document = {"component": component, "topic": topic, "event": structured(attributes, body)}
    words = [sys.executable, "-m", "openfunction_eventing.publish"]
    try:
        done = subprocess.run(
            words, input=json.dumps(document).encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise failures.TimeoutFailure(f"the bus did not store the event within {timeout:.0f} s") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise failures.Failure(f"the event was not stored: {said}")


def structured(attributes: dict[str, str], body: bytes) -> dict[str, Any]:
    """The event as one JSON document."""
    import base64  # noqa: PLC0415 - only needed here

    if attributes["datacontenttype"] == "application/json" and body:
        return {**attributes, "data": json.loads(body)}
    return {**attributes, "data_base64": base64.b64encode(body).decode()}
