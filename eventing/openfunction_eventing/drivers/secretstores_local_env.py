"""Secrets in the environment of this process (Dapr's `secretstores.local.env`); never its own or the app's tokens."""

from __future__ import annotations

import os
from collections.abc import Mapping

from openfunction_eventing.component import Component


async def open(component: Component) -> LocalEnv:  # noqa: A001 - the name that `drivers` calls
    """The environment below a prefix."""
    return LocalEnv(os.environ, prefix=component.text("prefix"))


class LocalEnv:
    """Variables with a prefix, under their names without it."""

    def __init__(self, environment: Mapping[str, str], *, prefix: str) -> None:
        self._environment = environment
        self._prefix = prefix

    async def get(self, name: str, metadata: Mapping[str, str]) -> dict[str, str] | None:  # noqa: ARG002 - the port's
        """See `port.SecretStore`; what is not there is empty, as in Dapr."""
        full = self._prefix + name
        return {name: self._environment.get(full, "") if _is_open(full) else ""}

    async def all(self, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:  # noqa: ARG002 - the port's
        """See `port.SecretStore`."""
        found = {}
        for full, value in self._environment.items():
            name = full.removeprefix(self._prefix)
            if full.startswith(self._prefix) and name and _is_open(full):
                found[name] = {name: value}
        return found

    async def close(self) -> None:
        """See `port.SecretStore`."""

    def health(self) -> str:
        """See `port.SecretStore`."""
        return ""


def _is_open(name: str) -> bool:
    upper = name.upper()
    return upper != "APP_API_TOKEN" and not upper.startswith("DAPR_")
