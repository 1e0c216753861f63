# mypy: ignore-errors
"""Functions of OpenFunction's context: callers, bindings and topics in, outputs out."""

from functions_framework import FunctionOut
from functions_framework.context.user_context import UserContext


def answers_callers(context: UserContext):
    request = context.get_http_request()
    print(request.method, request.path)
    return f"hello {request.args.get('name', 'world')}"


def handles_a_binding(context: UserContext):
    request = context.get_binding_request()
    print(request.text(), flush=True)
    print(sorted(request.metadata.items()) != [], context.get_topic_event(), context.get_http_request())
    return "handled"


def handles_a_topic(context: UserContext):
    event = context.get_topic_event()
    print(event.id, event.type, event.data().decode() if callable(event.data) else event.data.decode())


def sends_on(context: UserContext):
    sent = context.get_binding_request() or context.get_http_request()
    context.send("queue", b"raw " + sent.data)
    context.send("topic", {"length": len(sent.data)})
    return context.return_on_success("sent")


def declines(context) -> FunctionOut:
    return context.return_on_internal_error("broken", "try again")


def takes_data(context: UserContext, data):
    return {"data": data.decode()}
