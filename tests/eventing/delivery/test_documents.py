"""Documents: what is written is read again, and each mistake names its key."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_eventing import documents
from openfunction_eventing.documents import (
    Delivery,
    Dispatcher,
    Hosts,
    Input,
    Source,
    Sources,
    Subscriber,
    Trigger,
)

TRIGGER = Trigger(
    "default",
    "t",
    "uid-1",
    30.0,
    (Input("a", "default-es-a"),),
    (Subscriber("a", ({"exact": {"type": "image"}},), "http://sink/", delivery=Delivery(retry=2)),),
)


@pytest.mark.parametrize(
    "document",
    [
        TRIGGER,
        Dispatcher("bus", "dispatcher-default-bus"),
        Sources("bus"),
        Source("default", "es", "tick", "cron", {"schedule": "@every 2s"}, topic="default-es-tick"),
        Hosts({"a.b.svc.cluster.local": ("127.0.0.1:80",)}),
    ],
)
def test_a_document_survives_json(document: Any) -> None:
    written = documents.to_json(document)
    assert written["kind"] == type(document).__name__
    assert type(document).from_json(written) == document


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "name: is missing"),
        ({"window": "soon"}, "window: 'soon' is no time span"),
        ({"inputs": [{"name": "a"}]}, "inputs[0].topic: is missing"),
        ({"inputs": {}}, "inputs: must be a list"),
        ({"subscribers": [{"sink": 1}]}, "subscribers[0].sink: must be a text"),
        ({"subscribers": [{}]}, "subscribers[0].sink: is missing; give a sink, a topic, or both"),
        ({"subscribers": [{"sinc": "x"}]}, "subscribers[0].sinc: there is no such key; did you mean sink?"),
        (
            {"subscribers": [{"sink": "x", "delivery": {"retry": -1}}]},
            "subscribers[0].delivery.retry: must be a whole number, 0 or more",
        ),
        (
            {"subscribers": [{"sink": "x", "delivery": {"backoffPolicy": "cubic"}}]},
            "subscribers[0].delivery.backoffPolicy: 'cubic' is not one of exponential, linear",
        ),
    ],
)
def test_a_mistake_names_its_key(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(documents.DocumentError) as told:
        Trigger.from_json({**documents.to_json(TRIGGER), **change})
    assert str(told.value).startswith(sentence)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(1.5, 1.5), ("1.5s", 1.5), ("1m30s", 90.0), ("PT1.5S", 1.5), ("P1DT1H", 90_000.0)],
)
def test_spans_are_seconds_in_three_spellings(written: object, seconds: float) -> None:
    assert Delivery.from_json({"timeout": written}).timeout == seconds
