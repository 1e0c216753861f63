"""What the API refuses and fails to do, with the status, the code and the sentence that Dapr's clients know.

The codes are Dapr's (pkg/messages, pkg/api/errors of dapr/dapr); it sends nothing.
"""

from __future__ import annotations

from openfunction_eventing.errors import EventingError


class Refusal(EventingError):  # noqa: N818 - what it is: an answer
    """An answer that is an error, for both transports.

    Attributes:
        status: of the HTTP answer.
        grpc: the name of the gRPC status.
        code: Dapr's errorCode.
        message: the sentence.
    """

    def __init__(self, status: int, grpc: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.grpc = grpc
        self.code = code
        self.message = message


def malformed(reason: object) -> Refusal:
    """The body or a parameter cannot be read."""
    return Refusal(
        400, "INVALID_ARGUMENT", "ERR_MALFORMED_REQUEST", f"failed deserializing HTTP body: {reason}"
    )


def too_large(limit: int) -> Refusal:
    """More bytes than the sidecar takes."""
    return Refusal(
        413, "RESOURCE_EXHAUSTED", "ERR_BODY_READ",
        f"the request is larger than {limit} bytes; raise --max-body-size or send less",
    )  # fmt: skip


def unsupported(call: str) -> Refusal:
    """A call of Dapr that is not answered here."""
    return Refusal(
        501, "UNIMPLEMENTED", "ERR_API_UNIMPLEMENTED",
        f"{call} is not implemented by this sidecar; run the real daprd for it (docs/dapr.md lists what is)",
    )  # fmt: skip


def not_ready(reasons: str) -> Refusal:
    """The sidecar or its app is not up yet."""
    return Refusal(500, "INTERNAL", "ERR_HEALTH_NOT_READY", f"dapr is not ready: {reasons}")


def outbound_not_ready() -> Refusal:
    """The components are not open yet, or no more."""
    return Refusal(500, "INTERNAL", "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready")


def other_app() -> Refusal:
    """The health of another app was asked for."""
    return Refusal(500, "INTERNAL", "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")


# topics


def no_pubsub(name: str) -> Refusal:
    """There is no such pub/sub component."""
    return Refusal(404, "INVALID_ARGUMENT", "ERR_PUBSUB_NOT_FOUND", f"pubsub {name} is not found")


def no_topic(name: str) -> Refusal:
    """The topic's name is empty."""
    return Refusal(404, "INVALID_ARGUMENT", "ERR_TOPIC_NAME_EMPTY", f"topic is empty in pubsub {name}")


def topic_forbidden(topic: str, app: str) -> Refusal:
    """The component's scopes keep the topic from this app."""
    return Refusal(
        403, "PERMISSION_DENIED", "ERR_PUBSUB_FORBIDDEN", f"topic {topic} is not allowed for app id {app}"
    )


def not_published(pubsub: str, topic: str, reason: object) -> Refusal:
    """The broker did not take it."""
    return Refusal(
        500, "INTERNAL", "ERR_PUBSUB_PUBLISH_MESSAGE",
        f"error when publishing to topic {topic} in pubsub {pubsub}: {reason}",
    )  # fmt: skip


def no_event(reason: object) -> Refusal:
    """What says that it is a CloudEvent is none."""
    return Refusal(
        500, "INVALID_ARGUMENT", "ERR_PUBSUB_CLOUD_EVENTS_SER", f"cannot create cloudevent: {reason}"
    )


def bad_metadata(reason: object) -> Refusal:
    """A value of the metadata has the wrong form."""
    return Refusal(
        400,
        "INVALID_ARGUMENT",
        "ERR_PUBSUB_REQUEST_METADATA",
        f"failed deserializing metadata. Error: {reason}",
    )


def bad_entries(topic: str, pubsub: str, reason: object) -> Refusal:
    """A bulk whose entries cannot be read or told apart."""
    return Refusal(
        400, "INVALID_ARGUMENT", "ERR_PUBSUB_EVENTS_SER",
        f"error when unmarshaling the request for topic {topic} pubsub {pubsub}: {reason}",
    )  # fmt: skip


# bindings


def not_bound(name: str, reason: object) -> Refusal:
    """An output binding did not do it."""
    return Refusal(
        500, "INTERNAL", "ERR_INVOKE_OUTPUT_BINDING", f"error invoking output binding {name}: {reason}"
    )


# state


def no_stores(name: str) -> Refusal:
    """The app has no state store at all."""
    return Refusal(
        500, "FAILED_PRECONDITION", "ERR_STATE_STORE_NOT_CONFIGURED", f"state store {name} is not configured"
    )


def no_store(name: str) -> Refusal:
    """There is no such state store."""
    return Refusal(400, "INVALID_ARGUMENT", "ERR_STATE_STORE_NOT_FOUND", f"state store {name} is not found")


def bad_key(key: str) -> Refusal:
    """A key with Dapr's separator in it."""
    return Refusal(
        400, "INVALID_ARGUMENT", "ERR_MALFORMED_REQUEST",
        f"input key/keyPrefix '{key}' can't contain '||'",
    )  # fmt: skip


def state_failed(code: str, sentence: str) -> Refusal:
    """The store did not do it."""
    return Refusal(500, "INTERNAL", code, sentence)


def state_conflict(code: str, sentence: str) -> Refusal:
    """The ETag is not the present one."""
    return Refusal(409, "ABORTED", code, sentence)


def no_query() -> Refusal:
    """No store here can be queried."""
    return Refusal(500, "INTERNAL", "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying")


def no_key() -> Refusal:
    """A state to save without a key; over HTTP the body is malformed."""
    return Refusal(400, "INVALID_ARGUMENT", "ERR_MALFORMED_REQUEST", "state key cannot be empty")


def bad_operation(name: str) -> Refusal:
    """A transaction with an operation that is none."""
    return Refusal(
        400, "UNIMPLEMENTED", "ERR_NOT_SUPPORTED_STATE_OPERATION", f"operation type {name} not supported"
    )


# secrets


def no_secret_stores() -> Refusal:
    """The app has no secret store at all."""
    return Refusal(
        500, "FAILED_PRECONDITION", "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured"
    )


def no_secret_store(name: str) -> Refusal:
    """There is no such secret store."""
    return Refusal(
        401, "INVALID_ARGUMENT", "ERR_SECRET_STORE_NOT_FOUND", f"failed finding secret store with key {name}"
    )


def no_secret(store: str, key: str, reason: object) -> Refusal:
    """The store has no such secret, or cannot say."""
    return Refusal(
        500, "INTERNAL", "ERR_SECRET_GET",
        f"failed getting secret with key {key} from secret store {store}: {reason}",
    )  # fmt: skip


def no_secrets(store: str, reason: object) -> Refusal:
    """The store cannot list its secrets."""
    return Refusal(
        500, "INTERNAL", "ERR_SECRET_GET", f"failed getting secrets from secret store {store}: {reason}"
    )


# invocation


def no_app() -> Refusal:
    """The call names no app."""
    return Refusal(
        404, "NOT_FOUND", "ERR_DIRECT_INVOKE",
        "failed getting app id either from the URL path or the header dapr-app-id",
    )  # fmt: skip


def not_invoked(app: str, reason: object) -> Refusal:
    """The app was not reached."""
    return Refusal(500, "INTERNAL", "ERR_DIRECT_INVOKE", f"failed to invoke, id: {app}, err: {reason}")
