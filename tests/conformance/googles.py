"""Google's contract as data: the published events, how each is sent, and how an output is compared."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import require

_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "functions-framework-events"
JSON = {"content-type": "application/json"}


@dataclass
class Published:
    """What is published for one event, by kind: `cloudevent-input`, `legacy-output`, `legacy-output-converted`, ..."""

    forms: dict[str, Any] = field(default_factory=dict)

    def expected(self, given: str, wanted: str) -> Any:
        """The output of a function of kind `wanted` that is given the event as `given`; None when none is published."""
        if given == wanted == "cloudevent":
            return self.forms.get("cloudevent-input")  # nothing is converted: what comes out is what went in
        converted = self.forms.get(f"{wanted}-output-converted") if given != wanted else None
        return converted or self.forms.get(f"{wanted}-output")


def published() -> dict[str, Published]:
    """Every published event by name."""
    found: dict[str, Published] = {}
    for path in sorted(_DATA.glob("*.json")):
        kind = next(each for each in ("-cloudevent-", "-legacy-") if each in path.name)
        name, _, form = path.stem.partition(kind)
        found.setdefault(name, Published()).forms[f"{kind.strip('-')}-{form}"] = json.loads(path.read_text())
    return found


def cases(given: str, wanted: str) -> list[Any]:
    """Name, input and expected output of each published pair, as parameters of a test."""
    events = published()
    if not events:
        return [pytest.param("", None, None, id="none-published")]
    made = []
    for name, event in events.items():
        sent, expected = event.forms.get(f"{given}-input"), event.expected(given, wanted)
        if sent is not None and expected is not None:
            made.append(pytest.param(name, sent, expected, id=name))
    return made


def need(sent: object) -> None:
    """End the test where the published events are not beside this checkout."""
    if sent is None:
        require.missing(
            "the published events are not there: put them at ../shared/data/functions-framework-events"
        )


def binary(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event in binary mode."""
    headers = {
        f"ce-{name}": quote(str(value), safe="/:(),@") for name, value in event.items() if name not in _BODY
    }
    return {**headers, "content-type": event["datacontenttype"]}, json.dumps(event["data"]).encode()


def structured(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event in structured mode."""
    return {"content-type": "application/cloudevents+json"}, json.dumps(event).encode()


_BODY = ("data", "datacontenttype")


def check_cloudevent(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Assert what the contract compares of two CloudEvents."""
    for name in ("id", "source", "subject", "type", "datacontenttype", "data"):
        assert got.get(name) == wanted.get(name), name
    assert moment(got["time"]) == moment(wanted["time"])


def check_legacy(got: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Assert what the contract compares of two legacy events."""
    for name in ("eventId", "eventType", "resource"):
        assert got["context"].get(name) == wanted["context"].get(name), name
    assert moment(got["context"]["timestamp"]) == moment(wanted["context"]["timestamp"])
    assert got["data"] == wanted["data"]


def moment(text: str) -> datetime.datetime:
    """An RFC 3339 time, however it is spelt."""
    return datetime.datetime.fromisoformat(text)
