"""The components of one app, opened: topics, bindings, state and secrets by name.

It knows no transport and calls no app.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from openfunction_eventing import drivers, log
from openfunction_eventing.component import Component, ComponentError, from_document
from openfunction_eventing.drivers.port import (
    Driver,
    InputBinding,
    OutputBinding,
    PubSub,
    SecretStore,
    StateStore,
)  # fmt: skip
from openfunction_eventing.sidecar import refusals

_log = log.get("sidecar")
_Reference = tuple[str, str]  # a secret store and a secret in it
_KUBERNETES = "kubernetes"


class Catalog:
    """Drivers by the name of their component; opened by `open`, closed by `close`."""

    def __init__(self) -> None:
        self.components: dict[str, Component] = {}
        self._drivers: dict[str, Driver] = {}

    @classmethod
    async def open(cls, documents: Sequence[Mapping[str, Any]]) -> Catalog:
        """Open the components of documents, secret stores first, since others may need what they keep.

        Raises:
            ComponentError: one cannot be opened and does not say `ignoreErrors`.
        """
        made = cls()
        stores = [one for one in documents if _kind(one).startswith("secretstores.")]
        others = [one for one in documents if not _kind(one).startswith("secretstores.")]
        try:
            for document in (*stores, *others):
                await made._open(document)
        except BaseException:
            await made.close()
            raise
        return made

    async def close(self) -> None:
        """Close every driver; one that fails to does not keep the others."""
        for name, driver in list(self._drivers.items()):
            try:
                await driver.close()
            except Exception as error:  # noqa: BLE001  # a driver's library may raise anything, and we are leaving
                _log.warning("a component did not close well", name=name, error=str(error))
        self._drivers.clear()

    def add(self, component: Component, driver: Driver) -> None:
        """Have a component that is open."""
        self.components[component.name] = component
        self._drivers[component.name] = driver

    def health(self) -> dict[str, str]:
        """What is not well, by component."""
        told = {name: driver.health() for name, driver in self._drivers.items()}
        return {name: sentence for name, sentence in told.items() if sentence}

    # by kind

    def pubsub(self, name: str) -> PubSub:
        """A pub/sub component; raises Refusal."""
        found = self._drivers.get(name)
        if not isinstance(found, PubSub):
            raise refusals.no_pubsub(name)
        return found

    def state(self, name: str) -> StateStore:
        """A state store; raises Refusal."""
        found = self._drivers.get(name)
        if isinstance(found, StateStore) and self._is(name, "state."):
            return found
        raise refusals.no_store(name) if any(self._of("state.")) else refusals.no_stores(name)

    def secrets(self, name: str) -> SecretStore:
        """A secret store; raises Refusal."""
        found = self._drivers.get(name)
        if isinstance(found, SecretStore) and self._is(name, "secretstores."):
            return found
        raise (
            refusals.no_secret_store(name) if any(self._of("secretstores.")) else refusals.no_secret_stores()
        )

    def output(self, name: str) -> OutputBinding | None:
        """An output binding, or None."""
        found = self._drivers.get(name)
        return found if isinstance(found, OutputBinding) and self._goes(name, "output") else None

    def inputs(self) -> Iterator[tuple[Component, InputBinding]]:
        """The input bindings."""
        for name, driver in self._drivers.items():
            if isinstance(driver, InputBinding) and self._goes(name, "input"):
                yield self.components[name], driver

    def capabilities(self, name: str) -> list[str]:
        """What a component can do, in the words of Dapr's metadata."""
        driver = self._drivers[name]
        if self._is(name, "state."):
            return ["ETAG", "TRANSACTIONAL", "TTL"]
        kinds = ((InputBinding, "INPUT_BINDING"), (OutputBinding, "OUTPUT_BINDING"))
        return [word for kind, word in kinds if isinstance(driver, kind)]

    def _is(self, name: str, family: str) -> bool:
        return self.components[name].type.startswith(family)

    def _of(self, family: str) -> Iterator[str]:
        return (name for name in self._drivers if self._is(name, family))

    def _goes(self, name: str, direction: str) -> bool:
        told = [
            one.strip().lower() for one in self.components[name].text("direction").split(",") if one.strip()
        ]
        return not told or direction in told

    # opening

    async def _open(self, document: Mapping[str, Any]) -> None:
        name = (document.get("metadata") or {}).get("name") or "?"
        ignored = bool((document.get("spec") or {}).get("ignoreErrors"))
        try:
            kept = await self._kept(_references(document))
            component = from_document(
                document, lambda store, secret, key: kept.get((store, secret), {}).get(key)
            )
            self.add(component, await drivers.open(component))
        except ComponentError as error:
            if not ignored:
                raise
            _log.error("a component is left out, as its ignoreErrors says", error=str(error))
            return
        _log.info("a component is open", name=name, type=component.type)

    async def _kept(self, references: Iterable[_Reference]) -> dict[_Reference, Mapping[str, str]]:
        found: dict[_Reference, Mapping[str, str]] = {}
        for store, secret in references:
            if store == _KUBERNETES and store not in self._drivers:
                component = Component(store, "secretstores.kubernetes")
                self.add(component, await drivers.open(component))
            driver = self._drivers.get(store)
            if isinstance(driver, SecretStore):
                found[store, secret] = await driver.get(secret, {}) or {}
        return found


def _kind(document: Mapping[str, Any]) -> str:
    return str((document.get("spec") or {}).get("type") or "").lower()


def _references(document: Mapping[str, Any]) -> set[_Reference]:
    store = str((document.get("auth") or {}).get("secretStore") or _KUBERNETES)
    entries = (document.get("spec") or {}).get("metadata") or ()
    return {
        (store, str(one["secretKeyRef"].get("name") or ""))
        for one in entries
        if isinstance(one, dict) and one.get("secretKeyRef")
    }
