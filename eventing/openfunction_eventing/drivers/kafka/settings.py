"""What a component says of its Kafka brokers, and a first connection that tells why there is none.

The keys are those of Dapr's Kafka components; what is not driven here is refused by name, not ignored.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn, errors

from openfunction_eventing import trust
from openfunction_eventing.component import Component, ComponentError

_log = logging.getLogger(__name__)
_LEAVE = 5.0
_AUTH = ("none", "password", "mtls", "certificate", "oidc", "awsiam")
_ELSEWHERE = ("oidc", "awsiam")
_MECHANISMS = {"plaintext": "PLAIN", "sha-256": "SCRAM-SHA-256", "sha-512": "SCRAM-SHA-512"}
_REFUSALS = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.SaslAuthenticationFailed,
)
_PAUSE = 0.2
_CONNECT_TIMEOUT_MS = 3000
DEFAULT_MESSAGE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach and to use the brokers.

    Attributes:
        component: whose they are.
        brokers: host and port of each.
        client: keyword arguments that every client of the library takes.
        message_bytes: the largest message that is sent.
        group: the consumer group that the component names; may be empty.
        newest: whether a group that is made now begins with what comes next.
        session: seconds after which a member that is not heard of is dead.
        heartbeat: seconds between its signs of life.
        retry: seconds until a message is tried again.
        retry_on: whether a message is tried again at all.
    """

    component: Component
    brokers: tuple[str, ...]
    client: dict[str, Any] = field(repr=False)  # Any: keyword arguments; a password is among them
    message_bytes: int
    group: str
    newest: bool
    session: float
    heartbeat: float
    retry: float
    retry_on: bool

    @property
    def address(self) -> str:
        """The brokers, as people write them."""
        return ", ".join(self.brokers)


def read(component: Component, *, retries: bool) -> Settings:
    """The settings of a component; raises ComponentError.

    Args:
        component: a pub/sub or a binding.
        retries: whether a message is tried again where the component does not say.
    """
    brokers = tuple(part.strip() for part in component.required("brokers").split(",") if part.strip())
    offset = component.choice("initialOffset", ("newest", "oldest"), "newest")
    session = component.seconds("sessionTimeout", 10.0)
    return Settings(
        component,
        brokers,
        {
            "bootstrap_servers": list(brokers),
            "client_id": component.text("clientID", component.name),
            **_security(component),
        },
        component.integer("maxMessageBytes", DEFAULT_MESSAGE_BYTES, least=1),
        component.text("consumerGroup") or component.text("consumerID"),
        newest=offset == "newest",
        session=session,
        heartbeat=component.seconds("heartbeatInterval", min(3.0, session / 3)),
        retry=component.seconds("consumeRetryInterval", 0.1, unit=0.001),
        retry_on=component.flag("consumeRetryEnabled", default=retries),
    )


def _security(component: Component) -> dict[str, Any]:
    kind = _auth_type(component)
    if kind in _ELSEWHERE:
        raise component.error(f"authType {kind} is not there yet; there are {', '.join(_AUTH[:4])}")
    if kind == "none":
        return {"security_protocol": "PLAINTEXT"}
    encrypted = not component.flag("disableTls")
    chosen: dict[str, Any] = {"ssl_context": _tls(component, kind)} if encrypted else {}
    if kind != "password":
        return {"security_protocol": "SSL", **chosen}
    mechanism = component.choice("saslMechanism", tuple(_MECHANISMS), "plaintext")
    return {
        "security_protocol": "SASL_SSL" if encrypted else "SASL_PLAINTEXT",
        "sasl_mechanism": _MECHANISMS[mechanism],
        "sasl_plain_username": component.required("saslUsername"),
        "sasl_plain_password": component.required("saslPassword"),
        **chosen,
    }


def _auth_type(component: Component) -> str:
    """`authType`, or what the older `authRequired` meant."""
    if component.text("authType"):
        return component.choice("authType", _AUTH, "none")
    if not component.text("authRequired"):
        raise component.error(f"metadata 'authType' is missing; it must be one of {', '.join(_AUTH)}")
    if not component.flag("authRequired"):
        return "none"
    return "password" if component.text("saslPassword") else "mtls"


def _tls(component: Component, kind: str) -> ssl.SSLContext:
    root = component.text("caCert")
    if kind == "certificate" and not root:
        raise component.error("metadata 'caCert' is missing; authType certificate needs it")
    try:
        context = trust.context(root)
        if kind == "mtls":
            _own_certificate(component, context)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise component.error(f"its certificates cannot be read: {error}") from error
    if component.flag("skipVerify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _own_certificate(component: Component, context: ssl.SSLContext) -> None:
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 - the ssl module takes files only

    cert, key = component.text("clientCert"), component.text("clientKey")
    if bool(cert) != bool(key):
        raise component.error("metadata 'clientCert' and 'clientKey' go together")
    if cert:
        with NamedTemporaryFile("w", suffix=".pem") as both:
            both.write(f"{cert}\n{key}\n")
            both.flush()
            context.load_cert_chain(both.name)


async def leave(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Leave in order, or without a word where the brokers do not answer: they notice by themselves."""
    # A task of its own: when a fetch is under way the library lets its cancellation out as if it were ours.
    leaving = asyncio.get_running_loop().create_task(client.stop())
    await asyncio.wait({leaving}, timeout=_LEAVE)
    if leaving.done() and not leaving.cancelled() and leaving.exception() is None:
        return
    leaving.cancel()
    await asyncio.wait({leaving}, timeout=_LEAVE)
    _log.warning("Kafka was left without a word")
    connections = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001 - left open
    await connections.close()


async def reach(settings: Settings) -> None:
    """Connect once, trying again until the component's time is nearly over; raises ComponentError.

    The library itself only logs why it cannot connect.
    """
    deadline = asyncio.get_running_loop().time() + settings.component.init_timeout * 0.8
    while True:
        failure = await _try_each(settings)
        if failure is None:
            return
        if asyncio.get_running_loop().time() + _PAUSE > deadline:
            raise failure
        await asyncio.sleep(_PAUSE)


async def _try_each(settings: Settings) -> ComponentError | None:
    failure: ComponentError | None = None
    for broker in settings.brokers:
        try:
            await _connect(settings, broker)
        except _REFUSALS as error:
            raise settings.component.error(f"Kafka at {broker} refuses the credentials: {error}") from error
        except (OSError, errors.KafkaError, TimeoutError, ValueError) as error:
            said = str(error) or type(error).__name__
            failure = settings.component.error(f"Kafka at {broker} cannot be reached: {said}")
        else:
            return None
    return failure


async def _connect(settings: Settings, broker: str) -> None:
    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise settings.component.error(f"metadata 'brokers' has {broker!r}; write host:port")
    options = {key: value for key, value in settings.client.items() if key != "bootstrap_servers"}
    made = await conn.create_conn(host, int(port), request_timeout_ms=_CONNECT_TIMEOUT_MS, **options)
    made.close()
