"""Rules of EventSource, EventBus, ClusterEventBus and Trigger (openfunction.md 1.8).

Whether a named bus, source or Function exists is a reconciler's business.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from openfunction_eventing import schedules
from openfunction_py.api import compiling, eventbuses, events, eventsources
from openfunction_py.api.fields import Field, FieldError
from openfunction_py.api.rules_values import at_least, between, delay, duration, one_of, quantity
from openfunction_py.lib import durations

_EVENT = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_]*[A-Za-z0-9])?")
_EVENT_LIMIT = 63
_TOPIC = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")
SINK_KINDS = {
    "Function": "core.openfunction.io",
    "Service": "serving.knative.dev",
}
_BROKER_SCHEMES = ("nats", "tls", "ws", "wss")


def source(document: Field) -> Iterator[FieldError]:
    """What is wrong with an EventSource."""
    spec = document["spec"]
    if not spec["eventBus"].text and not spec["sink"].present:
        yield spec["eventBus"].required("name an EventBus, give a sink, or both")
    yield from _sink(spec["sink"])
    given = [(kind, name, event) for kind in eventsources.KINDS for name, event in spec[kind].entries()]
    if not given:
        yield spec.required(f"give at least one event under {', '.join(eventsources.KINDS)}")
    for kind, name, event in given:
        yield from _event_name(name, event)
        yield from _EVENTS[kind](event)
    yield from _paths(spec)


def _event_name(name: str, event: Field) -> Iterator[FieldError]:
    if not _EVENT.fullmatch(name) or len(name) > _EVENT_LIMIT:
        yield event.invalid(
            f"{name!r} is no name of an event; use up to {_EVENT_LIMIT} letters, digits, '-' and '_'"
        )


def _text(field: Field, words: str) -> Iterator[FieldError]:
    if (not field.present or field.value == "") and isinstance(field.value, str | None):
        yield field.required(words)


def _kafka(event: Field) -> Iterator[FieldError]:
    yield from _brokers(event)
    yield from at_least(event["maxMessageBytes"], 1)
    yield from _scale(event["scaleOption"])


def _brokers(broker: Field) -> Iterator[FieldError]:
    yield from _text(broker["brokers"], "give host:port of the brokers, separated by commas")
    for part in broker["brokers"].text.split(","):
        if broker["brokers"].text and not _is_address(part.strip()):
            yield broker["brokers"].invalid(f"{part.strip()!r} is no broker; write it like kafka:9092")
    if broker["authRequired"].value is True:
        yield from _text(broker["saslUsername"], "authRequired needs a user")
        if not broker["saslPassword"].text and not broker["saslPasswordSecret"].present:
            yield broker["saslPasswordSecret"].required(
                "authRequired needs a password: a Secret's name and key"
            )
    yield from _secret(broker["saslPasswordSecret"])
    yield from one_of(broker["saslMechanism"], *eventbuses.MECHANISMS)


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(colon and host) and port.isdecimal() and 0 < int(port) < 65536


def _secret(secret: Field) -> Iterator[FieldError]:
    if isinstance(secret.value, dict):
        for part in ("name", "key"):
            yield from _text(secret[part], f"give the {part} of the Secret")


def _cron(event: Field) -> Iterator[FieldError]:
    schedule = event["schedule"]
    yield from _text(schedule, "say when, like '*/5 * * * *' or '@every 10s'")
    if schedule.text:
        try:
            schedules.parse(schedule.text)
        except ValueError as error:
            yield schedule.invalid(str(error))


def _mqtt(event: Field) -> Iterator[FieldError]:
    yield from _text(event["url"], "give the broker, like tcp://mosquitto:1883")
    yield from _text(event["topic"], "give the topic")
    yield from between(event["qos"], 0, 2)


def _redis(event: Field) -> Iterator[FieldError]:
    yield from _text(event["redisHost"], "give host:port")


def _nats(event: Field) -> Iterator[FieldError]:
    yield from _broker_url(event["url"])
    yield from _text(event["subject"], "give the subject")
    yield from _secret(event["tokenSecret"])
    if event["durable"].text and not event["stream"].text:
        yield event["stream"].required("a durable consumer is one of a stream; name it")


def _broker_url(url: Field) -> Iterator[FieldError]:
    yield from _text(url, "give the server, like nats://nats:4222")
    for part in url.text.split(","):
        parts = _split(part.strip())
        if part and (parts is None or parts.scheme not in _BROKER_SCHEMES or not parts.hostname):
            yield url.invalid(f"{part.strip()!r} is no server; write it like nats://nats:4222")


def _posted(event: Field) -> Iterator[FieldError]:
    path = event["path"].text
    if path and (not path.startswith("/") or " " in path or "?" in path):
        yield event["path"].invalid(f"{path!r} is no path; write it like /orders")


def _webhook(event: Field) -> Iterator[FieldError]:
    yield from _posted(event)
    signature = event["signature"]
    if isinstance(signature.value, dict):
        yield from _text(signature["header"], "name the header, like X-Hub-Signature-256")
        yield from one_of(signature["algorithm"], "sha256", "sha512", "sha1")
        if not signature["secret"].present:
            yield signature["secret"].required("give name and key of the Secret that both sides know")
        yield from _secret(signature["secret"])


_EVENTS = {
    "kafka": _kafka,
    "cron": _cron,
    "mqtt": _mqtt,
    "redis": _redis,
    "nats": _nats,
    "http": _posted,
    "webhook": _webhook,
}


def _paths(spec: Field) -> Iterator[FieldError]:
    """One path, one event."""
    seen: set[str] = set()
    for kind in ("http", "webhook"):
        for name, event in spec[kind].entries():
            path = eventsources.path_of(name, event["path"].text or None)
            if path in seen:
                yield event["path"].invalid(f"{path} is the path of another event of this source")
            seen.add(path)


def _scale(scale: Field) -> Iterator[FieldError]:
    for name in ("pollingInterval", "cooldownPeriod", "minReplicaCount"):
        yield from at_least(scale[name], 0)
    yield from at_least(scale["maxReplicaCount"], 1)
    lag = scale["lagThreshold"]
    if isinstance(lag.value, str | int) and not isinstance(lag.value, bool):
        text = str(lag.value)
        if not text.isdecimal() or int(text) < 1:
            yield lag.invalid(f"{text!r} is no number of messages; it must be 1 or more")


def _sink(sink: Field) -> Iterator[FieldError]:
    if not isinstance(sink.value, dict):
        return
    if not sink["uri"].text and not sink["ref"].present:
        yield sink.required("give uri or ref")
    if sink["uri"].text:
        yield from _uri(sink["uri"])
    ref = sink["ref"]
    if isinstance(ref.value, dict):
        yield from _text(ref["name"], "give the name")
        yield from _reference(ref)


def _uri(uri: Field) -> Iterator[FieldError]:
    parts = _split(uri.text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        yield uri.invalid(f"{uri.text!r} is no address; write it like http://sink.default.svc.cluster.local/")


def _split(text: str) -> SplitResult | None:
    """The parts of a URL; None for what is none, a port that nobody can have included."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _reference(ref: Field) -> Iterator[FieldError]:
    kind, group = ref["kind"].text, ref["apiVersion"].text.rpartition("/")[0]
    if kind == "Service" and ref["apiVersion"].text == "v1":
        return
    if kind not in SINK_KINDS:
        yield ref["kind"].unsupported([*SINK_KINDS])
    elif group != SINK_KINDS[kind]:
        other = " or v1" if kind == "Service" else ""
        yield ref["apiVersion"].invalid(
            f"{ref['apiVersion'].text!r} has no {kind}; give a version of {SINK_KINDS[kind]}{other}"
        )


def bus(document: Field) -> Iterator[FieldError]:
    """What is wrong with an EventBus or a ClusterEventBus."""
    spec = document["spec"]
    given = [name for name in eventbuses.BROKERS if spec[name].present]
    if len(given) > 1:
        yield spec[given[1]].forbidden(f"a bus has one broker; give one of {', '.join(given)}")
    if isinstance(spec["natsStreaming"].value, dict):
        yield from _streaming(spec["natsStreaming"])
    if isinstance(spec["jetStream"].value, dict):
        yield from _jetstream(spec["jetStream"])
    if isinstance(spec["kafka"].value, dict):
        yield from _brokers(spec["kafka"])
        for part in ("partitions", "replicationFactor"):
            yield from at_least(spec["kafka"][part], 1)


def _streaming(broker: Field) -> Iterator[FieldError]:
    yield from _broker_url(broker["natsURL"])
    yield from one_of(broker["subscriptionType"], "queue", "topic")
    yield from at_least(broker["maxInFlight"], 1)
    yield from duration(broker["ackWaitTime"])
    yield from duration(broker["startAtTimeDelta"])
    scale = broker["scaleOption"]
    yield from _scale(scale)
    if isinstance(scale.value, dict):
        yield from _text(scale["natsServerMonitoringEndpoint"], "give host:port of the monitoring port")


def _jetstream(broker: Field) -> Iterator[FieldError]:
    if broker["url"].present:
        yield from _broker_url(broker["url"])
        for part in ("syncInterval", "storage"):
            if broker[part].present:
                yield broker[part].forbidden("is decided by the server at url; remove one of them")
    yield from between(broker["replicas"], 1, 5)
    if broker["syncInterval"].text != eventbuses.SYNC:
        yield from duration(broker["syncInterval"])
    yield from duration(broker["maxAge"])
    for part in ("maxBytes", "storage"):
        yield from quantity(broker[part])
    yield from _secret(broker["tokenSecret"])


def trigger(document: Field) -> Iterator[FieldError]:
    """What is wrong with a Trigger; conditions and filters are compiled."""
    spec = document["spec"]
    yield from _text(spec["eventBus"], "name the EventBus or ClusterEventBus")
    if not list(spec["inputs"].entries()):
        yield spec["inputs"].required("give at least one input: name → {eventSource, event}")
    for name, given in spec["inputs"].entries():
        yield from _input(name, given)
    yield from duration(spec["window"])
    if _is_nothing(spec["window"].text):
        yield spec["window"].invalid("an input would never be true; it must be above 0s")
    names = [name for name, _ in spec["inputs"].entries()]
    for subscriber in spec["subscribers"].items():
        yield from _subscriber(subscriber, names)


def _is_nothing(text: str) -> bool:
    """Whether a span is one of no length, however it is written."""
    try:
        return bool(text) and not durations.parse(text)
    except ValueError:
        return False


def _input(name: str, given: Field) -> Iterator[FieldError]:
    if not compiling.is_input(name):
        yield given.invalid(
            f"{name!r} is no name of an input; a condition must be able to say it: letters, digits and '_'"
        )
    yield from _text(given["eventSource"], "name the EventSource")
    yield from _text(given["event"], "name the event of the source")


def _subscriber(subscriber: Field, inputs: list[str]) -> Iterator[FieldError]:
    if not isinstance(subscriber.value, dict):
        return
    if not subscriber["sink"].present and not subscriber["topic"].text:
        yield subscriber.required("give a sink, a topic, or both")
    yield from compiling.condition(subscriber["condition"], inputs)
    yield from compiling.filters(subscriber["filters"])
    yield from _sink(subscriber["sink"])
    yield from _sink(subscriber["deadLetterSink"])
    for part in ("topic", "replyTopic", "deadLetterTopic"):
        if subscriber[part].text and not _TOPIC.fullmatch(subscriber[part].text):
            yield subscriber[part].invalid(
                f"{subscriber[part].text!r} is no topic; use letters, digits, '-', '_' and '.'"
            )
    if subscriber["replyTopic"].text and not subscriber["sink"].present:
        yield subscriber["replyTopic"].forbidden("only a sink answers; give a sink, or remove it")
    yield from _delivery(subscriber["delivery"])


def _delivery(delivery: Field) -> Iterator[FieldError]:
    yield from between(delivery["retry"], 0, 1000)
    yield from one_of(delivery["backoffPolicy"], "linear", "exponential")
    for part in ("backoffDelay", "timeout", "retryAfterMax"):
        yield from delay(delivery[part])


def source_warnings(spec: Field) -> Iterator[str]:
    """What of an EventSource is accepted and still worth telling."""
    if spec["build"].present:
        yield f"{spec['build'].path}: is ignored; the platform's own program reads the events"
    names = Counter(name for kind in eventsources.KINDS for name, _ in spec[kind].entries())
    for name in sorted(name for name, count in names.items() if count > 1):
        yield f"{spec.path}: the event {name} is given under several kinds; they share one topic"
    for kind in ("mqtt", "redis"):
        if spec[kind].value:
            yield f"{spec[kind].path}: events of this kind are not read yet"


def bus_warnings(spec: Field) -> Iterator[str]:
    """What of a bus is accepted and still worth telling."""
    if spec["topic"].present:
        yield f"{spec['topic'].path}: is ignored; topics are named <namespace>-<source>-<event>"
    if spec["natsStreaming"].present:
        yield f"{spec['natsStreaming'].path}: NATS Streaming is no more; JetStream at the same address is used"
    sync = spec["jetStream.syncInterval"]
    if sync.text and sync.text != eventbuses.SYNC:
        yield f"{sync.path}: a power cut may lose the last {sync.text} of acknowledged events"


def trigger_warnings(document: Field) -> Iterator[str]:
    """What of a Trigger is accepted and still worth telling."""
    spec = document["spec"]
    if not list(spec["subscribers"].items()):
        yield f"{spec['subscribers'].path}: there is none, so no event goes anywhere"
    own = {
        events.topic(
            given["namespace"].text or document["metadata.namespace"].text,
            given["eventSource"].text,
            given["event"].text,
        )
        for _, given in spec["inputs"].entries()
    }
    for subscriber in spec["subscribers"].items():
        for part in ("topic", "replyTopic"):
            if subscriber[part].text in own:
                yield f"{subscriber[part].path}: is a topic this Trigger reads, so its events may go in circles"
