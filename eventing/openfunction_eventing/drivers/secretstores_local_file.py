"""Secrets in a JSON file (Dapr's `secretstores.local.file`): flat names with a separator, or several keys each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from functions_framework import jsons
from openfunction_eventing.component import Component


async def open(component: Component) -> LocalFile:  # noqa: A001 - the name that `drivers` calls
    """Read the file once; raises ComponentError."""
    place = component.required("secretsFile")
    try:
        text = await asyncio.to_thread(Path(place).read_bytes)
        document = jsons.loads(text)
    except OSError as error:
        raise component.error(f"the file {place!r} cannot be read: {error.strerror}") from error
    except jsons.DecodeError as error:
        raise component.error(f"the file {place!r} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise component.error(f"the file {place!r} must hold a JSON object")
    separator = component.text("nestedSeparator", ":")
    if component.flag("multiValued"):
        return LocalFile({name: _several(name, value, separator) for name, value in document.items()})
    return LocalFile({name: {name: value} for name, value in _flat(document, separator)})


class LocalFile:
    """What the file held when it was opened."""

    def __init__(self, secrets: Mapping[str, dict[str, str]]) -> None:
        self._secrets = secrets

    async def get(self, name: str, metadata: Mapping[str, str]) -> dict[str, str] | None:  # noqa: ARG002 - the port's
        """See `port.SecretStore`."""
        found = self._secrets.get(name)
        return None if found is None else dict(found)

    async def all(self, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:  # noqa: ARG002 - the port's
        """See `port.SecretStore`."""
        return {name: dict(keys) for name, keys in self._secrets.items()}

    async def close(self) -> None:
        """See `port.SecretStore`."""

    def health(self) -> str:
        """See `port.SecretStore`."""
        return ""


def _several(name: str, value: Any, separator: str) -> dict[str, str]:  # Any: JSON
    return dict(_flat(value, separator)) if isinstance(value, dict) else {name: _text(value)}


def _flat(value: Any, separator: str, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:  # Any: JSON
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, separator, (*path, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flat(inner, separator, (*path, str(number)))
    else:
        yield separator.join(path), _text(value)


def _text(value: Any) -> str:  # Any: JSON
    if isinstance(value, str):
        return value
    return jsons.dumps(value).decode()
