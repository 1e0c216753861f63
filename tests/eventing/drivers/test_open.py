"""Opening a component by its type: aliases, near matches, what each module says it is; Components from documents."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError, from_document, read_span


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pubsub.jetstrem", "did you mean pubsub.jetstream?"),
        ("pubsub.mqtt", "there are pubsub.jetstream, pubsub.kafka, pubsub.in-memory"),
        ("bindings.redis", "there are bindings.cron, bindings.http"),
        ("nonsense", "there are pubsub.jetstream, pubsub.kafka"),
    ],
)
async def test_an_unknown_type_names_what_there_is(kind: str, said: str) -> None:
    with pytest.raises(ComponentError) as told:
        await drivers.open(Component("c", kind))
    assert said in str(told.value)
    assert (told.value.component, told.value.type) == ("c", kind)


def test_nats_streaming_is_jetstream() -> None:
    assert drivers.known("pubsub.natsstreaming") == drivers.known("pubsub.stan") == "pubsub.jetstream"
    assert drivers.known("PubSub.Kafka") == "pubsub.kafka"
    assert drivers.known("pubsub.mqtt3") is None


@pytest.mark.parametrize("module", sorted(set(drivers.TYPES.values())))
def test_each_type_has_its_module(module: str) -> None:
    found = importlib.import_module(f"openfunction_eventing.drivers.{module}")
    assert inspect.iscoroutinefunction(found.open)


def document(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "c"}, "spec": {"type": "pubsub.kafka", "version": "v1", **spec}}


def test_a_document_becomes_a_component() -> None:
    metadata = [
        {"name": "brokers", "value": "b:1"},
        {"name": "authRequired", "value": False},
        {"name": "n", "value": 3},
        {"name": "password", "secretKeyRef": {"name": "db", "key": "pw"}},
    ]
    made = from_document(
        {
            **document(metadata=metadata, initTimeout="1m", ignoreErrors=True),
            "scopes": ["app"],
            "auth": {"secretStore": "vault"},
        },
        lambda store, name, key: f"{store}/{name}/{key}",
    )
    assert (made.name, made.type, made.scopes) == ("c", "pubsub.kafka", ("app",))
    assert (made.init_timeout, made.ignore_errors) == (60.0, True)
    assert made.metadata == {"brokers": "b:1", "authRequired": "false", "n": "3", "password": "vault/db/pw"}
    assert made.text("BROKERS") == "b:1"
    assert made.integer("N", 0) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "it needs metadata.name and spec.type"),
        (document(metadata=[{"value": "x"}]), "has no name"),
        (document(metadata=[{"name": "p", "secretKeyRef": {"name": "s"}}]), "names key 's' of secret 's'"),
        (document(initTimeout="later"), "spec.initTimeout is 'later'"),
    ],
)
def test_a_wrong_document_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ComponentError) as told:
        from_document(given)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("1m30s", 90.0),
        ("1.5s", 1.5),
        ("50ms", 0.05),
        ("2h", 7200.0),
        ("", None),
        ("soon", None),
        ("1x", None),
    ],
)
def test_spans(text: str, seconds: float | None) -> None:
    found = read_span(text)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_the_page_names_every_type() -> None:
    page = (Path(__file__).parents[3] / "docs" / "components.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([a-z0-9.-]+)` \|", page, re.MULTILINE)
    assert told == list(drivers.TYPES)
    assert all(f"`{old}`" in page for old in ("pubsub.natsstreaming", "pubsub.stan"))
