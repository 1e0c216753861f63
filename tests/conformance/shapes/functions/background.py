# mypy: ignore-errors
"""Background functions of the first generation: `(data, context)`."""

import base64
import datetime


def hello_background(data, context):
    name = data["name"] if data and "name" in data else "World"
    print(f"Hello, {name}!")


def topic(event, context):
    print(base64.b64decode(event["data"]).decode(), event.get("attributes"))


def bucket(data, context):
    print(f"{context.event_type}: {data['bucket']}/{data['name']}")
    print(context.event_id, context.resource["name"], context.timestamp)


def documents(data, context):
    trigger = context.resource
    print(trigger if isinstance(trigger, str) else trigger["name"])
    print(data["value"]["fields"]["colour"]["stringValue"], data["oldValue"])


def drops_what_is_old(data, context):
    made = datetime.datetime.fromisoformat(context.timestamp.replace("Z", "+00:00"))
    age = datetime.datetime.now(datetime.UTC) - made
    print("dropped" if age > datetime.timedelta(seconds=10) else "handled", context.event_id)


def asks_to_retry(event, context):
    if event.get("retry"):
        raise RuntimeError("once more")
    print("no retry")
