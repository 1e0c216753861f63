"""What a function asks of Dapr, each question in two ways: `publish(...)` waits, `await apublish(...)` does on a loop.

Every question is described once, in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from functions_framework.dapr import invocation, messages, state, stores
from functions_framework.dapr.port import Ask, Port

P = ParamSpec("P")
T = TypeVar("T")


class _Asking(Protocol):
    @property
    def port(self) -> Port: ...


class _Named(_Asking, Protocol):
    @property
    def name(self) -> str: ...


def _waiting(ask: Callable[P, Ask[T]]) -> Callable[Concatenate[_Asking, P], T]:
    def method(self: _Asking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.port.call(ask(*args, **kwargs))

    method.__doc__ = ask.__doc__
    return method


def _awaiting(ask: Callable[P, Ask[T]]) -> Callable[Concatenate[_Asking, P], Awaitable[T]]:
    async def method(self: _Asking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.port.acall(ask(*args, **kwargs))

    method.__doc__ = ask.__doc__
    return method


def _waiting_of(ask: Callable[Concatenate[str, P], Ask[T]]) -> Callable[Concatenate[_Named, P], T]:
    def method(self: _Named, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.port.call(ask(self.name, *args, **kwargs))

    method.__doc__ = ask.__doc__
    return method


def _awaiting_of(
    ask: Callable[Concatenate[str, P], Ask[T]],
) -> Callable[Concatenate[_Named, P], Awaitable[T]]:
    async def method(self: _Named, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.port.acall(ask(self.name, *args, **kwargs))

    method.__doc__ = ask.__doc__
    return method


class StateStore:
    """One state store."""

    def __init__(self, port: Port, name: str) -> None:
        self.port = port
        self.name = name

    get: Final = _waiting_of(state.get)
    aget: Final = _awaiting_of(state.get)
    get_bulk: Final = _waiting_of(state.get_bulk)
    aget_bulk: Final = _awaiting_of(state.get_bulk)
    save: Final = _waiting_of(state.save)
    asave: Final = _awaiting_of(state.save)
    save_bulk: Final = _waiting_of(state.save_bulk)
    asave_bulk: Final = _awaiting_of(state.save_bulk)
    delete: Final = _waiting_of(state.delete)
    adelete: Final = _awaiting_of(state.delete)
    transaction: Final = _waiting_of(state.transaction)
    atransaction: Final = _awaiting_of(state.transaction)
    query: Final = _waiting_of(state.search)
    aquery: Final = _awaiting_of(state.search)


class Dapr:
    """The sidecar; raises DaprError for what it refuses and SidecarUnavailable when it is not there."""

    def __init__(self, port: Port) -> None:
        self.port = port

    publish: Final = _waiting(messages.publish)
    apublish: Final = _awaiting(messages.publish)
    publish_bulk: Final = _waiting(messages.publish_bulk)
    apublish_bulk: Final = _awaiting(messages.publish_bulk)
    invoke_binding: Final = _waiting(messages.bind)
    ainvoke_binding: Final = _awaiting(messages.bind)
    invoke: Final = _waiting(invocation.invoke)
    ainvoke: Final = _awaiting(invocation.invoke)
    secret: Final = _waiting(stores.secret)
    asecret: Final = _awaiting(stores.secret)
    secrets: Final = _waiting(stores.secrets)
    asecrets: Final = _awaiting(stores.secrets)
    configuration: Final = _waiting(stores.configuration)
    aconfiguration: Final = _awaiting(stores.configuration)
    lock: Final = _waiting(stores.lock)
    alock: Final = _awaiting(stores.lock)
    unlock: Final = _waiting(stores.unlock)
    aunlock: Final = _awaiting(stores.unlock)
    metadata: Final = _waiting(stores.metadata)
    ametadata: Final = _awaiting(stores.metadata)

    def state(self, store: str) -> StateStore:
        """A state store by the component's name."""
        return StateStore(self.port, store)
