"""The kinds of events.openfunction.io: what is filled in, refused (each at its path), and told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.api import admission, crds, events, scheme
from tests.api import samples
from tests.api.test_admission import untyped

Document = dict[str, Any]
SINK = {"uri": "http://sink.default.svc.cluster.local/"}
SPECS: dict[str, Document] = {
    "EventSource": {"eventBus": "default", "cron": {"tick": {"schedule": "@every 2s"}}},
    "EventBus": {"jetStream": {}},
    "ClusterEventBus": {"kafka": {"brokers": "kafka:9092"}},
    "Trigger": {
        "eventBus": "default",
        "inputs": {"a": {"eventSource": "es", "event": "tick"}, "b": {"eventSource": "es", "event": "tock"}},
        "subscribers": [{"condition": "a && b", "sink": SINK}],
    },
}


def document(kind: str, **spec: Any) -> Document:
    """A right document of a kind, with parts of its spec replaced; None removes one."""
    whole = {**copy.deepcopy(SPECS[kind]), **spec}
    metadata = {"name": "one"} if kind.startswith("Cluster") else {"name": "one", "namespace": "default"}
    return {
        "apiVersion": events.VERSION,
        "kind": kind,
        "metadata": metadata,
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


def source(kind: str, **event: Any) -> Document:
    """An EventSource with one event of a kind."""
    return document("EventSource", **{"cron": None, kind: {"e": event}})


def subscriber(**parts: Any) -> Document:
    """A Trigger with one subscriber."""
    whole = {"condition": "a", "sink": SINK, **parts}
    return document(
        "Trigger", subscribers=[{key: value for key, value in whole.items() if value is not None}]
    )


E = "spec.subscribers[0]"
REFUSED: list[tuple[Document, str, str]] = [
    (document("EventSource", eventBus=None), "spec.eventBus", "name an EventBus"),
    (document("EventSource", cron=None), "spec", "at least one event"),
    (document("EventSource", cron={"a b": {"schedule": "@daily"}}), "spec.cron[a b]", "no name of an event"),
    (source("cron"), "spec.cron.e.schedule", "say when"),
    (source("cron", schedule="* * *"), "spec.cron.e.schedule", "has 3 fields"),
    (source("cron", schedule="61 * * * *"), "spec.cron.e.schedule", "out of range"),
    (source("kafka"), "spec.kafka.e.brokers", "give host:port"),
    (source("kafka", brokers="kafka"), "spec.kafka.e.brokers", "no broker"),
    (source("kafka", brokers="a:1,b"), "spec.kafka.e.brokers", "'b' is no broker"),
    (source("kafka", brokers="a:1", authRequired="yes"), "spec.kafka.e.authRequired", "true or false"),
    (
        source("kafka", brokers="a:1", authRequired=True, saslUsername="u"),
        "spec.kafka.e.saslPasswordSecret",
        "needs a password",
    ),
    (
        source("kafka", brokers="a:1", scaleOption={"lagThreshold": "0"}),
        "spec.kafka.e.scaleOption.lagThreshold",
        "1 or more",
    ),
    (source("mqtt", url="tcp://m:1883"), "spec.mqtt.e.topic", "give the topic"),
    (source("mqtt", url="tcp://m:1883", topic="t", qos=3), "spec.mqtt.e.qos", "from 0 to 2"),
    (source("redis"), "spec.redis.e.redisHost", "give host:port"),
    (source("nats", subject="s", url="http://x"), "spec.nats.e.url", "no server"),
    (source("nats", subject="s", url="nats://x", durable="d"), "spec.nats.e.stream", "name it"),
    (source("http", path="orders"), "spec.http.e.path", "no path"),
    (source("webhook", signature={"header": "X"}), "spec.webhook.e.signature.secret", "both sides know"),
    (
        source("webhook", signature={"header": "X", "algorithm": "md5", "secret": {"name": "n", "key": "k"}}),
        "spec.webhook.e.signature.algorithm",
        "not supported",
    ),
    (
        document("EventSource", cron=None, http={"e": {}}, webhook={"f": {"path": "/e"}}),
        "spec.webhook.f.path",
        "another event",
    ),
    (document("EventSource", sink={}), "spec.sink", "give uri or ref"),
    (document("EventSource", sink={"uri": "sink"}), "spec.sink.uri", "no address"),
    (document("EventSource", sink={"uri": "http://["}), "spec.sink.uri", "no address"),
    (document("EventSource", sink={"uri": "http://:80/"}), "spec.sink.uri", "no address"),
    (document("EventSource", sink={"uri": "http://x:99999/"}), "spec.sink.uri", "no address"),
    (source("nats", subject="s", url="nats://["), "spec.nats.e.url", "no server"),
    (source("kafka", brokers="a:\u00b2"), "spec.kafka.e.brokers", "no broker"),
    (document("EventSource", sink={"ref": {"kind": "Pod", "name": "x"}}), "spec.sink.ref.kind", "Function"),
    (
        document("EventSource", sink={"ref": {"kind": "Function", "apiVersion": "apps/v1", "name": "x"}}),
        "spec.sink.ref.apiVersion",
        "core.openfunction.io",
    ),
    (
        document("EventBus", kafka={"brokers": "k:1"}),
        "spec.kafka",
        "a bus has one broker; give one of jetStream, kafka",
    ),
    (document("EventBus", jetStream={"url": "x"}), "spec.jetStream.url", "no server"),
    (
        document("EventBus", jetStream={"url": "nats://n", "syncInterval": "1s"}),
        "spec.jetStream.syncInterval",
        "decided by the server",
    ),
    (document("EventBus", jetStream={"syncInterval": "often"}), "spec.jetStream.syncInterval", "no duration"),
    (document("EventBus", jetStream={"replicas": 0}), "spec.jetStream.replicas", "from 1 to 5"),
    (document("EventBus", jetStream={"maxAge": "-1h"}), "spec.jetStream.maxAge", "negative"),
    (document("EventBus", jetStream={"maxAge": "9" * 20 + "h"}), "spec.jetStream.maxAge", "longer than"),
    (document("EventBus", jetStream={"maxBytes": "many"}), "spec.jetStream.maxBytes", "no quantity"),
    (document("EventBus", jetStream={"storage": "0"}), "spec.jetStream.storage", "above 0"),
    (document("EventBus", jetStream=None, natsStreaming={}), "spec.natsStreaming.natsURL", "give the server"),
    (document("ClusterEventBus", kafka={}), "spec.kafka.brokers", "give host:port"),
    (document("Trigger", eventBus=None), "spec.eventBus", "name the EventBus"),
    (document("Trigger", inputs=None, subscribers=[]), "spec.inputs", "at least one input"),
    (
        document("Trigger", inputs={"a-b": {"eventSource": "x", "event": "y"}}, subscribers=[]),
        "spec.inputs.a-b",
        "no name of an input",
    ),
    (
        document("Trigger", inputs={"a": {"event": "y"}}, subscribers=[]),
        "spec.inputs.a.eventSource",
        "name the EventSource",
    ),
    (document("Trigger", window="0s"), "spec.window", "above 0s"),
    (document("Trigger", window="0h0.0m"), "spec.window", "above 0s"),
    (subscriber(sink=None), E, "give a sink, a topic, or both"),
    (subscriber(condition="a && x"), f"{E}.condition", "no input 'x'; there are a, b (at character 6)"),
    (subscriber(condition="a &"), f"{E}.condition", "(at character 3)"),
    (subscriber(filters=[{"exact": {"type": 1}}]), f"{E}.filters[0].exact.type", "must be a text"),
    (subscriber(filters=[{"any": [{"cel": "data.x >"}]}]), f"{E}.filters[0].any[0].cel", "(at character 9)"),
    (subscriber(topic="a b"), f"{E}.topic", "no topic"),
    (subscriber(sink=None, topic="a", replyTopic="b"), f"{E}.replyTopic", "only a sink answers"),
    (subscriber(deadLetterSink={"uri": "x"}), f"{E}.deadLetterSink.uri", "no address"),
    (subscriber(delivery={"retry": -1}), f"{E}.delivery.retry", "from 0 to 1000"),
    (subscriber(delivery={"backoffPolicy": "none"}), f"{E}.delivery.backoffPolicy", "not supported"),
    (subscriber(delivery={"backoffDelay": "soon"}), f"{E}.delivery.backoffDelay", "PT2S or 2s"),
]


@pytest.mark.parametrize(("given_", "path", "words"), REFUSED)
def test_what_is_wrong_is_refused_at_its_path(given_: Document, path: str, words: str) -> None:
    refused = samples.refused(given_)
    assert list(refused) == [path]
    assert words in refused[path]


@pytest.mark.parametrize(
    "right",
    [
        *(document(kind) for kind in SPECS),
        document("EventSource", eventBus=None, sink=SINK),
        document("EventSource", sink={"ref": {"kind": "Service", "apiVersion": "v1", "name": "x"}}),
        document(
            "EventSource",
            sink={"ref": {"kind": "Function", "apiVersion": "core.openfunction.io/v1beta1", "name": "x"}},
        ),
        document("EventBus", jetStream=None),
        subscriber(filters=[{"not": {"suffix": {"type": "x"}}}, {"cel": "data.total > 1"}]),
        subscriber(
            delivery={"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.5S", "timeout": "2s"}
        ),
        subscriber(sink=None, topic="results", deadLetterTopic="dead"),
    ],
)
def test_what_is_right_is_admitted_without_a_warning(right: Document) -> None:
    assert samples.admit(right).warnings == ()


def test_all_mistakes_of_a_trigger_are_told_at_once() -> None:
    wrong = document(
        "Trigger",
        eventBus="",
        window="x",
        subscribers=[{"condition": "("}, {"sink": {"uri": "x"}, "filters": [{"exact": {}}, {"cel": "("}]}],
    )
    assert sorted(samples.refused(wrong)) == [
        "spec.eventBus",
        "spec.subscribers[0]",
        "spec.subscribers[0].condition",
        "spec.subscribers[1].filters[0].exact",
        "spec.subscribers[1].filters[1].cel",
        "spec.subscribers[1].sink.uri",
        "spec.window",
    ]


def stored(given_: Document) -> Document:
    """The spec that admission stores."""
    spec: Document = samples.admit(given_).object["spec"]
    return spec


def test_defaults_are_written_out() -> None:
    assert stored(document("Trigger"))["window"] == "60s"
    assert stored(document("EventSource"))["logLevel"] == "1"
    assert stored(document("EventBus", jetStream=None)) == {
        "jetStream": {"syncInterval": "always", "replicas": 1}
    }
    at_url = {"jetStream": {"url": "nats://n:4222"}}
    assert stored(document("EventBus", **at_url)) == at_url
    assert stored(source("kafka", brokers="k:1"))["kafka"]["e"]["authRequired"] is False


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (document("EventSource", build={}), "spec.build: is ignored"),
        (document("EventSource", http={"tick": {}}), "the event tick is given under several kinds"),
        (document("EventBus", topic="x"), "spec.topic: is ignored"),
        (document("EventBus", jetStream={"syncInterval": "1m"}), "may lose the last 1m"),
        (
            document("EventBus", jetStream=None, natsStreaming={"natsURL": "nats://n:4222"}),
            "JetStream at the same address",
        ),
        (document("Trigger", subscribers=[]), "there is none"),
        (subscriber(topic="default-es-tick"), "may go in circles"),
        (subscriber(replyTopic="default-es-tick"), "may go in circles"),
    ],
)
def test_what_is_accepted_and_worth_telling(given_: Document, words: str) -> None:
    assert any(words in one for one in samples.admit(given_).warnings)


PUBLISHED = """
apiVersion: events.openfunction.io/v1alpha1
kind: EventBus
metadata: {name: default}
spec:
  natsStreaming:
    natsURL: nats://nats.default:4222
    natsStreamingClusterID: stan
    subscriptionType: queue
    durableSubscriptionName: ImDurable
    ackWaitTime: 10s
    maxInFlight: 1
    deliverNew: true
    scaleOption: {natsServerMonitoringEndpoint: 'stan.default.svc.cluster.local:8222', lagThreshold: '10'}
---
apiVersion: events.openfunction.io/v1alpha1
kind: EventSource
metadata: {name: my-eventsource}
spec:
  logLevel: '2'
  eventBus: default
  kafka:
    sample-one:
      brokers: kafka-server-kafka-brokers.default.svc.cluster.local:9092
      topic: events-sample
      authRequired: false
      scaleOption: {lagThreshold: '5', consumerGroup: g, pollingInterval: 15, advanced: {}}
  mqtt: {two: {url: 'tcp://mosquitto:1883', topic: t, qos: 1, cleanSession: true, consumerID: '{uuid}'}}
  redis: {three: {redisHost: 'redis:6379', redisPassword: '', enableTLS: false, redisDB: 0}}
---
apiVersion: events.openfunction.io/v1alpha1
kind: Trigger
metadata: {name: trigger-a}
spec:
  logLevel: '2'
  eventBus: default
  inputs: {inputDemo: {eventSource: my-eventsource, event: sample-one}}
  subscribers:
    - {condition: inputDemo, topic: metrics}
    - {condition: inputDemo, topic: metrics, deadLetterTopic: dead, deadLetterSink: {uri: 'http://d.default/'}}
"""


@pytest.mark.parametrize("one", [*yaml.safe_load_all(PUBLISHED)], ids=lambda one: one["kind"])
def test_published_shapes_keep_every_field(one: Document) -> None:
    admitted = samples.admit(one)
    assert [warning for warning in admitted.warnings if "unknown field" in warning] == []
    for name, value in one["spec"].items():
        assert admitted.object["spec"][name] == value


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_definitions_are_structural_with_status_and_short_names(kind: str) -> None:
    resource = samples.resource(kind, events.VERSION)
    assert resource.schema is not None
    assert untyped(resource.schema) == []
    spec = crds.crd(resource)["spec"]
    short = {"EventSource": ["es"], "EventBus": ["eb"], "ClusterEventBus": ["ceb"]}
    assert spec["names"].get("shortNames", []) == short.get(kind, [])
    assert spec["scope"] == ("Cluster" if kind == "ClusterEventBus" else "Namespaced")
    version = spec["versions"][0]
    assert version["subresources"] == {"status": {}}
    conditions = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_a_status_has_one_condition_per_type_and_its_time_moves_with_the_status_alone() -> None:
    def ready(status: str, reason: events.Reason) -> events.EventCondition:
        return events.EventCondition(type="Ready", status=status, reason=reason)

    found = events.mark([], ready("False", events.Reason.PENDING), now="t1")
    found = events.mark(found, ready("False", events.Reason.NO_BUS), now="t2")
    assert [(one.reason, one.timestamp, one.last_transition_time) for one in found] == [
        ("ErrorToFindExistEventBus", "t1", "t1")
    ]
    found = events.mark(found, ready("True", events.Reason.TRIGGER_READY), now="t3")
    assert [(one.status, one.timestamp) for one in found] == [("True", "t3")]


def test_plurals_and_paths() -> None:
    bus, cluster = (samples.resource(kind, events.VERSION) for kind in ("EventBus", "ClusterEventBus"))
    assert bus.path("x").endswith("/v1alpha1/namespaces/x/eventbuses")
    assert cluster.path("x").endswith("/v1alpha1/clustereventbuses")


@pytest.mark.parametrize(
    ("api_version", "kind", "short", "subresources"),
    [
        ("dapr.io/v1alpha1", "Component", (), set()),
        ("dapr.io/v2alpha1", "Subscription", (), set()),
        ("keda.sh/v1alpha1", "ScaledObject", ("so",), {"status"}),
        ("keda.sh/v1alpha1", "ScaledJob", ("sj",), {"status"}),
        ("keda.sh/v1alpha1", "TriggerAuthentication", ("ta", "triggerauth"), {"status"}),
        ("batch/v1", "Job", (), {"status"}),
        ("apps/v1", "StatefulSet", ("sts",), {"status", "scale"}),
        ("v1", "PersistentVolumeClaim", ("pvc",), {"status"}),
    ],
)
def test_upstream_kinds_are_served(
    api_version: str, kind: str, short: tuple[str, ...], subresources: set[str]
) -> None:
    resource = scheme.by_kind(api_version, kind)
    assert resource is not None
    assert resource.short_names == short
    assert resource.subresources == subresources


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, inner in below for one in places(inner, (*path, key)))]


WHOLE = [
    document(
        "EventSource",
        sink={"ref": {"kind": "Service", "apiVersion": "v1", "name": "x"}},
        kafka={"k": {"brokers": "a:1", "authRequired": True, "saslPasswordSecret": {"name": "n", "key": "k"},
                     "saslUsername": "u", "scaleOption": {"lagThreshold": 1}}},
        webhook={"w": {"path": "/w", "signature": {"header": "X", "secret": {"name": "n", "key": "k"}}}},
    ),
    document("EventBus", jetStream={"syncInterval": "1s", "maxBytes": "1Gi", "maxAge": "1h"}),
    document("EventBus", jetStream=None, natsStreaming={"natsURL": "nats://n", "scaleOption": {}}),
    subscriber(filters=[{"all": [{"exact": {"type": "x"}}]}], delivery={"retry": 1, "timeout": "PT1S"}),
]  # fmt: skip


@given(st.sampled_from(WHOLE), st.data(), ANYTHING)
def test_any_value_anywhere_is_admitted_or_refused(whole: Document, data: st.DataObject, value: Any) -> None:
    broken = copy.deepcopy(whole)
    path = data.draw(st.sampled_from([one for one in places(whole["spec"]) if one]))
    inside: Any = broken["spec"]
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    try:
        assert admission.admit(
            samples.resource(broken["kind"], events.VERSION), operation="CREATE", new=broken, old=None
        ).object
    except admission.Invalid as error:
        assert all(one.path.startswith("spec") for one in error.errors)  # noqa: PT017 - both are right answers
