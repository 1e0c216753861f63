"""Documents of the resources folder: what they give, and which sentence a mistake gets."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.port import Driver
from openfunction_eventing.sidecar import policies, resources, scoping
from openfunction_eventing.sidecar.catalog import Catalog
from openfunction_eventing.sidecar.resources import ResourceError
from tests.eventing.sidecar.memory import Secrets, Topics

COMPONENTS = """
kind: Component
metadata: {name: bus}
spec: {type: pubsub.in-memory, metadata: [{name: a, value: 1}]}
scopes: [app]
---
{"kind": "Component", "metadata": {"name": "other"}, "spec": {"type": "state.sqlite"}, "scopes": ["b"]}
---
kind: Subscription
metadata: {name: s}
spec:
  pubsubname: bus
  topic: t
  routes: {default: /on, rules: [{match: 'event.type == "a"', path: /a}]}
  deadLetterTopic: dead
  bulkSubscribe: {enabled: true, maxMessagesCount: 7}
---
kind: Resiliency
metadata: {name: r}
spec:
  policies:
    retries: {again: {policy: exponential, duration: 100ms, maxInterval: 1s, maxRetries: 4}}
    timeouts: {soon: 2s}
  targets: {components: {bus: {inbound: {retry: again, timeout: soon}}}}
---
kind: Configuration
"""


def folder(tmp_path: Path, text: str, name: str = "a.yaml") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path


def test_a_folder_gives_what_is_for_the_app(tmp_path: Path) -> None:
    found = resources.load([folder(tmp_path, COMPONENTS)], app="app")
    assert [one["metadata"]["name"] for one in found.components] == ["bus"]
    (one,) = found.subscriptions
    assert (one.topic, one.dead_letter, one.bulk and one.bulk.most) == ("t", "dead", 7)
    assert (one.path({"type": "a"}), one.path({"type": "b"})) == ("/a", "/on")
    policy = found.policies["bus"]
    assert list(policy.pauses()) == pytest.approx([0.1, 0.15, 0.225, 0.3375])
    assert policy.timeout == 2


def test_a_constant_policy_without_an_end() -> None:
    spec = {"policies": {"retries": {"r": {"policy": "constant", "duration": "5s"}}},
            "targets": {"components": {"c": {"inbound": {"retry": "r"}}}}}  # fmt: skip
    assert list(islice(policies.of_document({"spec": spec})["c"].pauses(), 3)) == [5, 5, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read"),
        ("- a", "a document is a mapping"),
        ("kind: Subscription\nmetadata: {name: s}\nspec: {topic: t}", "'s' needs spec.pubsubname"),
        (
            "kind: Subscription\n"
            "spec: {pubsubname: b, topic: t, routes: {rules: [{match: 'event.type ==', path: /}]}}",
            "cannot be read",
        ),
        ("kind: Resiliency\nspec: {targets: {components: {b: {inbound: {retry: some}}}}}", "there is no 'some'"),
        ("kind: Component\nmetadata: {name: b}\n---\nkind: Component\nmetadata: {name: b}", "two components"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ResourceError, match=words):
        resources.load([folder(tmp_path, text)], app="app")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="--resources-path"):
        resources.load([tmp_path / "none"], app="app")


def document(name: str, kind: str, **more: object) -> dict[str, object]:
    return {"kind": "Component", "metadata": {"name": name}, "spec": {"type": kind, **more}}


async def test_an_unknown_type_stops_the_start_unless_errors_are_ignored() -> None:
    odd = document("odd", "pubsub.jetstraem")
    with pytest.raises(ComponentError, match=r"'odd'.*pubsub\.jetstream"):
        await Catalog.open([odd])
    catalog = await Catalog.open([document("odd", "pubsub.jetstraem", ignoreErrors=True)])
    assert catalog.components == {}


async def test_secrets_are_read_before_the_components_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Component] = []

    async def open_(component: Component) -> Driver:
        opened.append(component)
        return Secrets(db={"password": "hidden"}) if component.type.startswith("secret") else Topics()

    monkeypatch.setattr(drivers, "open", open_)
    reference = {"name": "password", "secretKeyRef": {"name": "db", "key": "password"}}
    bus = {**document("bus", "pubsub.in-memory", metadata=[reference]), "auth": {"secretStore": "vault"}}
    await Catalog.open([bus, document("vault", "secretstores.local.file")])
    assert [one.name for one in opened] == ["vault", "bus"]
    assert opened[1].text("password") == "hidden"
    with pytest.raises(ComponentError, match="nowhere"):
        await Catalog.open([{**bus, "auth": {"secretStore": "nowhere"}}])


@pytest.mark.parametrize(
    ("metadata", "topic", "expected"),
    [
        ({}, "a", True),
        ({"allowedTopics": "a,b"}, "a", True),
        ({"allowedTopics": "a,b"}, "c", False),
        ({"publishingScopes": "app=a,b;other=c"}, "a", True),
        ({"publishingScopes": "app=a,b;other=c"}, "c", False),
        ({"publishingScopes": "other=c"}, "a", True),
        ({"publishingScopes": "app="}, "a", False),
        ({"protectedTopics": "a"}, "a", False),
        ({"protectedTopics": "a", "publishingScopes": "app=a"}, "a", True),
        ({"protectedTopics": "a"}, "b", True),
        ({"subscriptionScopes": "app=b"}, "a", True),
    ],
)
def test_topics_have_scopes(metadata: dict[str, str], topic: str, expected: bool) -> None:
    component = Component("bus", "pubsub.in-memory", metadata=metadata)
    assert scoping.allowed(component, "app", topic, to="publishing") is expected
