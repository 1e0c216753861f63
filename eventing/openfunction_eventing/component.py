"""A Dapr Component: what its document says, as a value.

It opens nothing; `drivers.open` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openfunction_eventing.errors import EventingError

INIT_TIMEOUT = 5.0
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)")
_TRUE = frozenset({"y", "yes", "true", "t", "on", "1"})
_FALSE = frozenset({"n", "no", "false", "f", "off", "0", ""})

# Store, secret and key → the value, or None where there is none.
Secrets = Callable[[str, str, str], str | None]


class ComponentError(EventingError):
    """A Component cannot be used: of no known type, written wrongly, out of reach or refused.

    Attributes:
        component: its name.
        type: its type.
    """

    def __init__(self, component: str, type: str, sentence: str) -> None:  # noqa: A002 - Dapr's word
        super().__init__(f"component {component!r} ({type}): {sentence}")
        self.component = component
        self.type = type


class ReaderError(ComponentError):
    """What the broker remembers of a reader fits no reader of this kind; trying again does not help."""


@dataclass(frozen=True, slots=True)
class Component:
    """One Component; `metadata` has each key as written, and is asked without regard to case as Dapr does."""

    name: str
    type: str
    version: str = "v1"
    metadata: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    ignore_errors: bool = False
    init_timeout: float = INIT_TIMEOUT

    def error(self, sentence: str) -> ComponentError:
        """A failure of this component."""
        return ComponentError(self.name, self.type, sentence)

    def text(self, key: str, default: str = "") -> str:
        """A value, or the default where it is absent or empty."""
        found = self.metadata.get(key)
        if found is None:
            wanted = key.lower()
            found = next((value for name, value in self.metadata.items() if name.lower() == wanted), "")
        return found or default

    def required(self, key: str) -> str:
        """A value that must be there."""
        found = self.text(key)
        if not found:
            raise self.error(f"metadata {key!r} is missing; give it a value")
        return found

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """One of a few words, in whatever case."""
        found = self.text(key, default).lower()
        if found not in allowed:
            raise self._wrong(key, f"one of {', '.join(allowed)}")
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A yes or no."""
        found = self.text(key, "yes" if default else "no").lower()
        if found not in _TRUE | _FALSE:
            raise self._wrong(key, "true or false")
        return found in _TRUE

    def integer(self, key: str, default: int, *, least: int = 0) -> int:
        """A whole number, not below `least`."""
        found = self.text(key, str(default))
        try:
            number = int(found)
        except ValueError:
            number = least - 1
        if number < least:
            raise self._wrong(key, f"a whole number from {least} on")
        return number

    def seconds(self, key: str, default: float, *, unit: float = 1.0) -> float:
        """A span in seconds, from "1m30s" or from a bare number of `unit` seconds."""
        found = self.text(key)
        if not found:
            return default
        span = read_span(found, unit=unit)
        if span is None:
            raise self._wrong(key, 'a span like "10s" or "1m30s"')
        return span

    def seconds_list(self, key: str) -> tuple[float, ...]:
        """Spans with commas between them."""
        spans = [read_span(part.strip()) for part in self.text(key).split(",") if part.strip()]
        if None in spans:
            raise self._wrong(key, 'spans with commas between them, like "50ms, 1s, 10s"')
        return tuple(span for span in spans if span is not None)

    def _wrong(self, key: str, right: str) -> ComponentError:
        return self.error(f"metadata {key!r} is {self.text(key)!r}; it must be {right}")


def read_span(text: str, *, unit: float = 1.0) -> float | None:
    """Seconds of a span as Go writes it, or of a bare number; None for anything else."""
    try:
        return float(text) * unit if re.fullmatch(r"\d+(\.\d+)?", text) else _sum(text)
    except ValueError:
        return None


def _sum(text: str) -> float:
    parts = _SPAN.findall(text)
    if not parts or "".join(parts) != text:
        raise ValueError(text)
    return sum(_part(part) for part in parts)


def _part(text: str) -> float:
    unit = text.lstrip("0123456789.")
    return float(text[: -len(unit)]) * _UNITS[unit]


def from_document(document: Mapping[str, Any], secret: Secrets | None = None) -> Component:
    """The Component of a Dapr document.

    Args:
        document: `kind: Component` of dapr.io/v1alpha1, as parsed JSON or YAML.
        secret: asked for each `secretKeyRef` with the store that `auth.secretStore` names, the secret and
            the key; without it such a reference is an error.

    Raises:
        ComponentError: a name, type or metadata entry is missing or no secret is found.
    """
    spec = document.get("spec") or {}
    name = str((document.get("metadata") or {}).get("name") or "")
    kind = str(spec.get("type") or "")
    if not name or not kind:
        raise ComponentError(name or "?", kind or "?", "it needs metadata.name and spec.type")
    empty = Component(name, kind)
    store = str((document.get("auth") or {}).get("secretStore") or "kubernetes")
    metadata = {}
    for entry in spec.get("metadata") or ():
        key, value = _entry(empty, entry, store, secret)
        metadata[key] = value
    span = read_span(str(spec.get("initTimeout") or INIT_TIMEOUT))
    if span is None:
        raise empty.error(f"spec.initTimeout is {spec['initTimeout']!r}; write a span like 5s")
    return Component(
        name,
        kind,
        str(spec.get("version") or "v1"),
        metadata,
        tuple(str(scope) for scope in document.get("scopes") or ()),
        ignore_errors=bool(spec.get("ignoreErrors")),
        init_timeout=span,
    )


def _entry(
    component: Component, entry: Mapping[str, Any], store: str, secret: Secrets | None
) -> tuple[str, str]:
    key = str(entry.get("name") or "")
    if not key:
        raise component.error("an entry of spec.metadata has no name")
    reference = entry.get("secretKeyRef")
    if not reference:
        return key, _plain(entry.get("value"))
    name = str(reference.get("name") or "")
    within = str(reference.get("key") or name)
    value = secret(store, name, within) if secret else None
    if value is None:
        raise component.error(f"metadata {key!r} names key {within!r} of secret {name!r}; {store} has none")
    return key, value


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
