"""Shapes of events: CloudEvents, events of the first generation, and OpenFunction's context."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.conformance.shapes.http_shapes import DOCS, FRAMEWORK
from tests.conformance.shapes.shape import Ask, Shape, done, event, failed, get, legacy, post, text, value

OPENFUNCTION = "OpenFunction/functions-framework-python: "
SAMPLES = "OpenFunction/samples: functions/"
_OBJECT = {"bucket": "b", "name": "a.txt", "metageneration": "1", "timeCreated": "2024-01-01T00:00:00Z"}
_ADA = base64.b64encode(b"Ada").decode()
_MESSAGE = {"message": {"data": _ADA, "messageId": "7"}, "subscription": "s"}
_FINAL = "google.cloud.storage.object.v1.finalized"
_AUDIT = {
    "protoPayload": {"methodName": "storage.objects.list", "authenticationInfo": {"principalEmail": "a@b.c"}}
}
_GCS = {
    "service": "storage.googleapis.com",
    "name": "projects/_/buckets/b/objects/a.txt",
    "type": "storage#object",
}
_DOCUMENT = {"value": {"fields": {"colour": {"stringValue": "red"}}}, "oldValue": {}}

EVENTS = (
    Shape("storage", DOCS + "v2/storage/main.py", (
        (event(_OBJECT, _FINAL), done(f"1 {_FINAL}: b/a.txt 2024-01-01T00:00:00Z")),
        (event(_OBJECT, _FINAL, structured=True), done(f"1 {_FINAL}: b/a.txt 2024-01-01T00:00:00Z")),
    ), "cloudevent"),
    Shape("message", DOCS + "v2/pubsub/main.py", ((event(_MESSAGE), done("Ada")),)),
    Shape("document", DOCS + "v2/firebase/hello-firestore/main.py", (
        (event(b"\x0a\x03abc", subject="documents/a"), done("10 abc documents/a True")),
    )),
    Shape("audit", DOCS + "v2/audit_log/main.py", (
        (event(_AUDIT, "google.cloud.audit.log.v1.written", subject="storage/b"), done(
            "type google.cloud.audit.log.v1.written", "subject storage/b", "storage.objects.list a@b.c")),
        (event({}, "written"), done("type written")),
    )),
    Shape("received", FRAMEWORK + "examples/cloud_run_decorator/main.py", (
        (event({"n": 1}), text("Received 1 with {'n': 1}")),
    )),
    Shape("attributes", DOCS + "v2/firebase/hello-remote-config/main.py", (
        (event({}, subject="s", structured=True), done(
            json.dumps({"id": "1", "source": "//shapes", "specversion": "1.0", "subject": "s", "type": "shape.made"}),
            "absent //shapes")),
    )),
    Shape("greet_by_helper", "vinperdom/cloud-build: main.py", ((event({"name": "Ada"}), done("hello, Ada")),)),
    Shape("forwards", FRAMEWORK + "examples/cloud_run_cloud_events/send_cloud_event.py", (
        (event({"n": [1, "é"]}), done("application/cloudevents+json {'n': [1, 'é']}")),
    )),
    Shape("structured_log", DOCS + "v2/cloudevent-logging/main.py", (
        (event({}), done('{"severity": "NOTICE", "component": "shape.made", "message": "seen"}')),
    )),
    Shape("refuses", DOCS + "v2/tips-retry/main.py", (
        (event({}), failed()),
    )),
)  # fmt: skip

BACKGROUND = (
    Shape("hello_background", DOCS + "helloworld/main.py", (
        (legacy({"name": "Ada"}, "t", "r"), done("Hello, Ada!")),
        (legacy({}, "t", "r"), done("Hello, World!")),
    ), "event"),
    Shape("topic", DOCS + "pubsub/main.py", (
        (legacy({"data": _ADA, "attributes": {"k": "v"}}, "google.pubsub.topic.publish", {
            "service": "pubsub.googleapis.com", "name": "projects/p/topics/t"}), done("Ada {'k': 'v'}")),
        (event(_MESSAGE, "google.cloud.pubsub.topic.v1.messagePublished",
               source="//pubsub.googleapis.com/projects/p/topics/t"), done("Ada None")),
    ), "event"),
    Shape("bucket", DOCS + "gcs/main.py", (
        (legacy(_OBJECT, "google.storage.object.finalize", _GCS), done(
            "google.storage.object.finalize: b/a.txt",
            "1147091835525187 projects/_/buckets/b/objects/a.txt 2020-09-29T11:32:00.000Z")),
    ), "event"),
    Shape("documents", DOCS + "firebase/main.py", (
        (legacy(_DOCUMENT, "providers/cloud.firestore/eventTypes/document.write",
                "projects/p/databases/(default)/documents/a"), done(
            "projects/p/databases/(default)/documents/a", "red {}")),
    ), "event"),
    Shape("drops_what_is_old", DOCS + "tips-avoid-infinite-retries/main.py", (
        (legacy({}, "t", "r"), done("dropped 1147091835525187")),
        (legacy({}, "t", "r", "2999-01-01T00:00:00Z"), done("handled 1147091835525187")),
    ), "event"),
    Shape("asks_to_retry", DOCS + "tips-retry/main.py", (
        (legacy({"retry": True}, "t", "r"), failed()),
        (legacy({}, "t", "r"), done("no retry")),
    ), "event"),
)  # fmt: skip

_TOPIC = {"id": "5", "source": "s", "type": "com.dapr.event.sent", "specversion": "1.0", "topic": "new",
          "pubsubname": "bus", "datacontenttype": "application/json", "data": {"n": 1}}  # fmt: skip
_SUCCESS: dict[str, Any] = {"x_openfunction_status": "success"}
CONTEXT: dict[str, Any] = {
    "name": "shape",
    "runtime": "Knative",
    "inputs": {
        "orders": {"uri": "new", "componentName": "bus", "componentType": "pubsub.redis"},
        "ticks": {"uri": "cron", "componentName": "cron", "componentType": "bindings.cron"},
    },
    "outputs": {
        "topic": {"uri": "done", "componentName": "bus", "componentType": "pubsub.redis"},
        "queue": {"componentName": "store", "componentType": "bindings.kafka", "operation": "create"},
    },
}


def tick(data: bytes = b"tick") -> Ask:
    """A call of the binding."""
    return post(data, "/cron", content_type="text/plain", x_when="now")


CONTEXTS = (
    Shape("answers_callers", OPENFUNCTION + "examples/openfunction_http_trigger/user_function.py", (
        (get("/p?name=Ada"), text("hello Ada", 200, "GET /p", **_SUCCESS)),
    ), "openfunction"),
    Shape("handles_a_binding", OPENFUNCTION + "examples/openfunction_dapr_trigger/user_function.py", (
        (tick(), text("handled", 200, "tick", "True None None", **_SUCCESS)),
    ), "openfunction"),
    Shape("handles_a_topic", SAMPLES + "Async/pubsub/subscriber/subscriber.go", (
        (post(_TOPIC, "/dapr/topics/0/orders", content_type="application/cloudevents+json"), value(
            {"status": "SUCCESS"}, 200, '5 com.dapr.event.sent {"n":1}', **_SUCCESS)),
    ), "openfunction"),
    Shape("sends_on", SAMPLES + "async/bindings/cron-input-kafka-output/cron-input-kafka-output.go", (
        (tick(b"once"), text("sent", **_SUCCESS)),
    ), "openfunction"),
    Shape("declines", SAMPLES + "knative/with-output-binding/sender.go", (
        (get(), text("try again", 500, x_openfunction_status="error")),
    ), "openfunction"),
    Shape("takes_data", SAMPLES + "knative/path-parameters-function-go/http.go", (
        (post(b"abc"), value({"data": "abc"}, **_SUCCESS)),
    ), "openfunction"),
)  # fmt: skip
