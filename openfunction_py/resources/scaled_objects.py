"""Scale options → ScaledObject, ScaledJob and TriggerAuthentication as KEDA takes them.

KEDA is stricter than OpenFunction and knows nothing of Dapr: what a trigger leaves out is taken from the component
that it scales on, or the two would look at different readers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.keda import PERCENTAGE, RESOURCES, Keda, ScaleTrigger, ScalingStrategy
from openfunction_py.api.servings import ComponentSpec, DaprTrigger, Serving, ServingSpec
from openfunction_py.api.upstream.keda import ScaledJob, ScaledObject, TriggerAuthentication
from openfunction_py.resources import async_workloads, contexts, dapr_components, jetstream, labels, pods

NATS, STAN, KAFKA = "nats-jetstream", "stan", "kafka"
LAG_THRESHOLD = "10"
_KAFKA_TYPES = ("pubsub.kafka", "bindings.kafka")

Document = dict[str, Any]


def name_of(function: str) -> str:
    """Name of a Function's scaler."""
    return f"{function}-scaler"


def make(
    serving: Serving,
    *,
    function: str,
    owner: meta.OwnerReference,
    known: Mapping[str, str] = contexts.NOTHING,
) -> ScaledObject | ScaledJob | None:
    """The scaler of this version; None where nothing says what to scale on."""
    keda = serving.spec.scale_options.keda if serving.spec.scale_options else None
    if keda is None or not keda.triggers:
        return None
    metadata = _metadata(serving, function, owner, name_of(function))
    if async_workloads.kind_of(serving.spec) == async_workloads.JOB:
        body = _job_body(serving, keda, function, known)
        return ScaledJob.model_validate({"metadata": metadata, "spec": body})
    return ScaledObject.model_validate({"metadata": metadata, "spec": _object_body(serving, keda, function)})


def authentications(
    serving: Serving, *, function: str, owner: meta.OwnerReference
) -> list[TriggerAuthentication]:
    """Credentials of Kafka components for the triggers that have none of their own; secrets stay where they are."""
    made = {}
    for trigger in _given(serving.spec):
        found = _kafka_component(serving.spec, trigger)
        references = _references(found[1]) if found and trigger.authentication_ref is None else []
        if found and references:
            name = _authentication_name(function, found[0])
            made[name] = TriggerAuthentication.model_validate(
                {
                    "metadata": _metadata(serving, function, owner, name),
                    "spec": {"secretTargetRef": references},
                }
            )
    return list(made.values())


def _metadata(serving: Serving, function: str, owner: meta.OwnerReference, name: str) -> Document:
    return {
        "name": name,
        "namespace": serving.metadata.namespace,
        "labels": {**labels.of_function(function), labels.SERVING: serving.metadata.name},
        "ownerReferences": [owner.to_wire()],
    }


def _given(spec: ServingSpec) -> list[ScaleTrigger]:
    keda = spec.scale_options.keda if spec.scale_options else None
    return keda.triggers if keda else []


def _object_body(serving: Serving, keda: Keda, function: str) -> Document:
    kind = async_workloads.kind_of(serving.spec)
    target = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": async_workloads.name_of(function),
        "envSourceContainerName": pods.CONTAINER,
    }
    body: Document = {
        "scaleTargetRef": target,
        **_bounds(serving.spec),
        "triggers": triggers(serving, function),
    }
    if all(one.type in RESOURCES for one in keda.triggers):
        # KEDA refuses zero where only what runs could be measured.
        body["minReplicaCount"] = max(1, body["minReplicaCount"])
    scaled = keda.scaled_object
    if scaled is not None:
        body |= _intervals(scaled.polling_interval, scaled.cooldown_period)
        for key, part in (("advanced", scaled.advanced), ("fallback", scaled.fallback)):
            if part is not None and part.to_wire():
                body[key] = part.to_wire()
    return body


def _job_body(serving: Serving, keda: Keda, function: str, known: Mapping[str, str]) -> Document:
    spec = async_workloads.job_spec(serving, function=function, known=known)
    body: Document = {
        "jobTargetRef": spec,
        "envSourceContainerName": pods.CONTAINER,
        # What runs has an event in its hands: without this KEDA ends it with every new version.
        "rollout": {"strategy": "gradual"},
        **_bounds(serving.spec),
        "triggers": triggers(serving, function),
    }
    scaled = keda.scaled_job
    if scaled is None:
        return body
    body |= _intervals(scaled.polling_interval, None)
    if scaled.successful_jobs_history_limit is not None:
        body["successfulJobsHistoryLimit"] = scaled.successful_jobs_history_limit
    if scaled.failed_jobs_history_limit is not None:
        body["failedJobsHistoryLimit"] = scaled.failed_jobs_history_limit
    if scaled.scaling_strategy is not None:
        body["scalingStrategy"] = _strategy(scaled.scaling_strategy)
    return body


def _bounds(spec: ServingSpec) -> Document:
    """KEDA's maximum is 1 or more; without one, its own default holds."""
    scale = spec.scale_options
    low = (scale.min_replicas if scale else None) or 0
    high = scale.max_replicas if scale else None
    return {"minReplicaCount": low, **({} if high is None else {"maxReplicaCount": max(1, high, low)})}


def _intervals(polling: int | None, cooldown: int | None) -> Document:
    """KEDA takes no polling without a pause: 0 means as often as it goes."""
    found: Document = {} if polling is None else {"pollingInterval": max(1, polling)}
    return found if cooldown is None else {**found, "cooldownPeriod": cooldown}


def _strategy(strategy: ScalingStrategy) -> Document:
    """The percentage as the fraction that KEDA parses; "50%" would fall back to the default without a word."""
    body: Document = strategy.to_wire()
    match = PERCENTAGE.fullmatch(body.get("customScalingRunningJobPercentage") or "")
    if match is not None:
        body["customScalingRunningJobPercentage"] = f"{float(match[1]) / 100:g}"
    return body


def triggers(serving: Serving, function: str) -> list[Document]:
    """KEDA's triggers of this version, each with what it left to its component."""
    return [_trigger(serving, function, one) for one in _given(serving.spec)]


def _trigger(serving: Serving, function: str, trigger: ScaleTrigger) -> Document:
    body: Document = trigger.to_wire()
    app = dapr_components.app_id(function, serving.metadata.namespace)
    if trigger.type in (STAN, NATS):
        body["type"] = NATS
        body["metadata"] = _nats(serving.spec, trigger.metadata, app)
    elif trigger.type == KAFKA:
        found = _kafka_component(serving.spec, trigger)
        if found is not None:
            body["metadata"] = _kafka(found, trigger.metadata, app)
            if trigger.authentication_ref is None and _references(found[1]):
                body["authenticationRef"] = {"name": _authentication_name(function, found[0])}
    return body


def _nats(spec: ServingSpec, given: Mapping[str, str], app: str) -> dict[str, str]:
    """A stan trigger's words are those of JetStream with other names; STAN's scaler is gone from KEDA."""
    wanted = given.get("subject") or given.get("topic") or ""
    found = _jetstream_component(spec, wanted)
    topic = wanted or (found[1] if found else "")
    items = dapr_components.metadata_of(found[0], app, found[2]) if found else []
    own = {
        "account": jetstream.ACCOUNT,
        "stream": jetstream.value_of(items, "streamName") or jetstream.stream_of(topic),
        "consumer": jetstream.value_of(items, "durableName")
        or given.get("durableName")
        or jetstream.durable_of(dapr_components.group_of(items, app), topic),
        "natsServerMonitoringEndpoint": jetstream.monitoring_of(jetstream.value_of(items, "natsURL")),
        "lagThreshold": LAG_THRESHOLD,
    }
    gone = {"subject", "topic", "queueGroup", "durableName", *({"account"} if given.get("accountID") else ())}
    said = {key: value for key, value in given.items() if key not in gone and value}
    if given.get("accountID"):
        del own["account"]
    endpoint = {**own, **said}["natsServerMonitoringEndpoint"]
    return {**own, **said, "natsServerMonitoringEndpoint": endpoint.rpartition("://")[2]}


def _jetstream_component(spec: ServingSpec, topic: str) -> tuple[ComponentSpec, str, list[str]] | None:
    """The component behind a topic, or the first there is; with its topic, and all its topics."""
    found = [
        (component, one.topic, dapr_components.topics_of(spec, one.name))
        for one, component in _readers(spec)
        if one.topic and dapr_components.written_type(component.type) == jetstream.TYPE
    ]
    return next((one for one in found if one[1] == topic), found[0] if found and not topic else None)


def _readers(spec: ServingSpec) -> Iterator[tuple[DaprTrigger, ComponentSpec]]:
    for one in spec.triggers.dapr if spec.triggers else []:
        component = spec.pubsub.get(one.name) or spec.bindings.get(one.name)
        if component is not None:
            yield one, component


def _kafka_component(spec: ServingSpec, trigger: ScaleTrigger) -> tuple[str, ComponentSpec, str] | None:
    """Name, component and topic that a kafka trigger scales on: that of its topic, or the first there is."""
    if trigger.type != KAFKA:
        return None
    wanted = trigger.metadata.get("topic", "")
    found = []
    for one, component in _readers(spec):
        if component.type in _KAFKA_TYPES:
            items = [item.to_wire() for item in component.metadata]
            topics = [one.topic] if one.topic else jetstream.value_of(items, "topics").split(",")
            found += [(one.name, component, topic.strip()) for topic in topics]
    return next((one for one in found if one[2] == wanted), found[0] if found and not wanted else None)


def _kafka(found: tuple[str, ComponentSpec, str], given: Mapping[str, str], app: str) -> dict[str, str]:
    """The group is the component's, whatever the trigger says: another group's lag would scale for nobody."""
    items = [one.to_wire() for one in found[1].metadata]
    group = jetstream.value_of(items, "consumerGroup") or jetstream.value_of(items, "consumerID")
    own = {
        "bootstrapServers": jetstream.value_of(items, "brokers"),
        "topic": found[2],
        "lagThreshold": LAG_THRESHOLD,
        **({"sasl": "plaintext"} if _references(found[1]) else {}),
    }
    made = {**own, **{key: value for key, value in given.items() if value}}
    templated = "{" in group
    made["consumerGroup"] = given.get("consumerGroup", app) if templated else group or app
    return made


_PARAMETERS = {"saslusername": "username", "saslpassword": "password"}


def _references(component: ComponentSpec) -> list[Document]:
    """Secrets of a Kafka component as parameters of KEDA."""
    return [
        {
            "parameter": _PARAMETERS[item.name.lower()],
            "name": item.secret_key_ref.name,
            "key": item.secret_key_ref.key or item.secret_key_ref.name,
        }
        for item in component.metadata
        if item.name.lower() in _PARAMETERS and item.secret_key_ref is not None and item.secret_key_ref.name
    ]


def _authentication_name(function: str, component: str) -> str:
    return dapr_components.name_of(function, "auth", component)
