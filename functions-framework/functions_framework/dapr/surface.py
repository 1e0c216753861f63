"""What a function asks of Dapr, each question in two ways: `publish(...)` waits, `await apublish(...)` does on a loop.

Every question is described once, in the modules beside this one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

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

    get, aget = _waiting_of(state.get), _awaiting_of(state.get)
    get_bulk, aget_bulk = _waiting_of(state.get_bulk), _awaiting_of(state.get_bulk)
    save, asave = _waiting_of(state.save), _awaiting_of(state.save)
    save_bulk, asave_bulk = _waiting_of(state.save_bulk), _awaiting_of(state.save_bulk)
    delete, adelete = _waiting_of(state.delete), _awaiting_of(state.delete)
    transaction, atransaction = _waiting_of(state.transaction), _awaiting_of(state.transaction)
    query, aquery = _waiting_of(state.search), _awaiting_of(state.search)


class Dapr:
    """The sidecar; raises DaprError for what it refuses and SidecarUnavailable when it is not there."""

    def __init__(self, port: Port) -> None:
        self.port = port

    publish, apublish = _waiting(messages.publish), _awaiting(messages.publish)
    publish_bulk, apublish_bulk = _waiting(messages.publish_bulk), _awaiting(messages.publish_bulk)
    invoke_binding, ainvoke_binding = _waiting(messages.bind), _awaiting(messages.bind)
    invoke, ainvoke = _waiting(invocation.invoke), _awaiting(invocation.invoke)
    secret, asecret = _waiting(stores.secret), _awaiting(stores.secret)
    secrets, asecrets = _waiting(stores.secrets), _awaiting(stores.secrets)
    configuration, aconfiguration = _waiting(stores.configuration), _awaiting(stores.configuration)
    lock, alock = _waiting(stores.lock), _awaiting(stores.lock)
    unlock, aunlock = _waiting(stores.unlock), _awaiting(stores.unlock)
    metadata, ametadata = _waiting(stores.metadata), _awaiting(stores.metadata)

    def state(self, store: str) -> StateStore:
        """A state store by the component's name."""
        return StateStore(self.port, store)
