"""The connection of a component to NATS: who we are, where the servers are, what became of it.

It publishes and reads nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

from openfunction_eventing import trust
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.jetstream.outbox import Outbox
from openfunction_eventing.drivers.jetstream.scanning import Handler, Scanner

_NAME = "openfunction"
_PAUSE = 0.1
_RECONNECT_PAUSE = 0.25
_API_TIMEOUT = 5.0
_REFUSALS = ("authorization violation", "authentication", "user authentication", "account")


class Link:
    """A connection that comes back by itself."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.servers = [part.strip() for part in component.required("natsURL").split(",") if part.strip()]
        self._renew()
        self.trouble = ""
        # Told when the connection is lost, and when it is back.
        self.on_lost: list[Callable[[], None]] = []
        self.on_back: list[Callable[[], None]] = []
        self._closing = False

    def _renew(self) -> None:
        self.client = Client()
        self.outbox = Outbox(self.client)
        self._scanner = Scanner(self.client)
        vars(self.client)["_ps"] = self._scanner  # the library offers no other way to put a parser in

    @property
    def address(self) -> str:
        """Where the servers are, without anybody's password."""
        return ", ".join(server.rpartition("@")[2].removeprefix("nats://") for server in self.servers)

    def jetstream(self) -> JetStreamContext:
        """The management of streams and consumers."""
        component = self.component
        chosen: dict[str, Any] = {}  # Any: keyword arguments
        if component.text("domain"):
            chosen["domain"] = component.text("domain")
        elif component.text("apiPrefix"):
            chosen["prefix"] = component.text("apiPrefix")
        made: JetStreamContext = self.client.jetstream(timeout=_API_TIMEOUT, **chosen)
        return made

    def api(self) -> str:
        """The subject below which JetStream's calls are."""
        domain = self.component.text("domain")
        return f"$JS.{domain}.API" if domain else self.component.text("apiPrefix", "$JS.API")

    async def open(self) -> None:
        """Connect, trying again until the component's time is nearly over; a refusal is final at once."""
        options = _identity(self.component)
        if any(one.startswith("tls:") for one in self.servers):
            options.setdefault("tls", trust.context())
        deadline = asyncio.get_running_loop().time() + self.component.init_timeout * 0.9
        while True:
            try:
                return await self._connect(options)
            except (OSError, nats.errors.Error, TimeoutError) as error:
                await self._forget()
                if _refused(error):
                    raise self._refusal(error) from error
                if asyncio.get_running_loop().time() + _PAUSE > deadline:
                    raise self._unreachable(error) from error
            await asyncio.sleep(_PAUSE)

    async def _connect(self, options: dict[str, Any]) -> None:
        # Without reconnecting a first failure is an exception; the library would go on for ever otherwise.
        self._renew()
        await self.client.connect(
            self.servers,
            name=self.component.text("name", _NAME),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=2,
            skip_subject_validation=True,  # topics are checked where their stream is found, once
            error_cb=self._erred,
            disconnected_cb=self._lost,
            reconnected_cb=self._back,
            closed_cb=self._closed,
            **options,
        )
        self.client.options.update(
            allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=_RECONNECT_PAUSE
        )
        self.trouble = ""

    async def listen(self, subject: str, handler: Handler) -> Subscription:
        """Have `handler` called with each message of a subject, at once and in the order they came."""
        made = await self.client.subscribe(subject, cb=_nobody)
        handlers, known = self._scanner.handlers, self.client._subs  # noqa: SLF001 - by what the broker calls them
        for ended in handlers.keys() - known.keys():
            del handlers[ended]
        handlers[made._id] = handler  # noqa: SLF001 - as above
        return made

    async def _forget(self) -> None:
        if not self.client.is_connected:
            # nats-py would write what waits to the transport that is gone, which asyncio's own does not bear
            self.client._pending, self.client._pending_data_size = [], 0  # noqa: SLF001
        try:
            await self.client.close()
        except OSError as error:  # the server went first
            self.trouble = _said(error)

    def _refusal(self, error: Exception) -> ComponentError:
        return self.component.error(f"NATS at {self.address} refuses the credentials: {_said(error)}")

    def _unreachable(self, error: Exception) -> ComponentError:
        reason = self.trouble or _said(error)
        return self.component.error(f"NATS at {self.address} cannot be reached: {reason}")

    async def _erred(self, error: Exception) -> None:
        self.trouble = _said(error)

    async def _lost(self) -> None:
        if not self._closing:
            self.trouble = "the connection is lost"
            _tell(self.on_lost)

    async def _back(self) -> None:
        self.trouble = ""
        _tell(self.on_back)

    async def _closed(self) -> None:
        if not self._closing:
            self.trouble = f"NATS closed the connection for good: {self.trouble or 'it gave no reason'}"

    def health(self) -> str:
        """Empty when connected, else a sentence."""
        if self.client.is_connected:
            return ""
        return f"NATS at {self.address} is not connected: {self.trouble or 'it is being tried again'}"

    async def flush(self) -> None:
        """Until the server has all that was sent; what cannot be sent now waits for the next connection."""
        if self.client.is_connected:
            try:
                await self.client.flush(2)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                self.trouble = _said(error)

    async def close(self) -> None:
        """Leave."""
        self._closing = True
        await self._forget()


def _identity(component: Component) -> dict[str, Any]:
    jwt, seed, token = component.text("jwt"), component.text("seedKey"), component.text("token")
    cert, key = component.text("tls_client_cert"), component.text("tls_client_key")
    for one, other, name in ((jwt, seed, "seedKey"), (seed, jwt, "jwt"), (cert, key, "tls_client_key")):
        if one and not other:
            raise component.error(f"metadata {name!r} is missing; it goes with what else is given")
    if key and not cert:
        raise component.error("metadata 'tls_client_cert' is missing; it goes with 'tls_client_key'")
    if jwt:
        return _signed(component, jwt, seed)
    if cert:
        return {"tls": _certificate(component, cert, key)}
    return {"token": token} if token else {}


def _signed(component: Component, jwt: str, seed: str) -> dict[str, Any]:
    import base64  # noqa: PLC0415 - for brokers with decentralised users only

    import nkeys  # noqa: PLC0415 - as above

    try:
        pair = nkeys.from_seed(bytearray(seed.encode()))
    except Exception as error:  # whatever nkeys raises for a text that is no seed
        raise component.error(f"metadata 'seedKey' is no seed of an nkey: {error}") from error
    return {
        "user_jwt_cb": lambda: bytearray(jwt.encode()),
        "signature_cb": lambda nonce: base64.b64encode(pair.sign(nonce.encode())),
    }


def _certificate(component: Component, cert: str, key: str) -> ssl.SSLContext:
    context = trust.context()
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise component.error(f"the client certificate {cert} cannot be read: {error}") from error
    return context


def _refused(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, nats.errors.AuthorizationError) or any(word in said for word in _REFUSALS)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


async def _nobody(message: Msg) -> None:
    raise AssertionError(f"a message of {message.subject} passed its handler")


def _tell(listeners: list[Callable[[], None]]) -> None:
    for listener in tuple(listeners):
        listener()
