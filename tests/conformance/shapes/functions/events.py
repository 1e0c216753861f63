# mypy: ignore-errors
"""Functions of CloudEvents, for what storage, topics, documents and audit logs send."""

import base64
import json

import functions_framework
from cloudevents.conversion import to_structured
from cloudevents.http import CloudEvent


def storage(cloudevent):
    data = cloudevent.data
    print(f"{cloudevent['id']} {cloudevent['type']}: {data['bucket']}/{data['name']} {data['timeCreated']}")


@functions_framework.cloud_event
def message(cloud_event):
    print(base64.b64decode(cloud_event.data["message"]["data"]).decode())


@functions_framework.cloud_event
def document(cloud_event: CloudEvent) -> None:
    kind, length = cloud_event.data[0], cloud_event.data[1]
    print(
        kind,
        cloud_event.data[2 : 2 + length].decode(),
        cloud_event["subject"],
        isinstance(cloud_event.data, bytes),
    )


@functions_framework.cloud_event
def audit(cloud_event):
    print(f"type {cloud_event['type']}")
    if "subject" in cloud_event:
        print(f"subject {cloud_event['subject']}")
    payload = cloud_event.data.get("protoPayload")
    if payload:
        print(payload.get("methodName"), payload.get("authenticationInfo", {}).get("principalEmail"))


@functions_framework.cloud_event
def received(cloud_event):
    return f"Received {cloud_event['id']} with {cloud_event.data}"


@functions_framework.cloud_event
def attributes(cloud_event):
    found = cloud_event.get_attributes()
    print(json.dumps({name: found[name] for name in sorted(found) if name != "time"}))
    print(cloud_event.get("missing", "absent"), cloud_event["source"])


@functions_framework.cloud_event
def greet_by_helper(cloud_event):
    greet(cloud_event.data["name"])


def greet(name):
    print("hello,", name)


@functions_framework.cloud_event
def forwards(cloud_event: CloudEvent):
    made = CloudEvent(
        {"type": "shape.forwarded", "source": "shape", "id": "9", "time": "2024-01-01T00:00:00Z"},
        cloud_event.data,
    )
    headers, body = to_structured(made)
    print(headers["content-type"], json.loads(body)["data"])


@functions_framework.cloud_event
def structured_log(cloud_event):
    print(json.dumps({"severity": "NOTICE", "component": cloud_event["type"], "message": "seen"}))


@functions_framework.cloud_event
def refuses(cloud_event):
    raise ValueError("not this one")
