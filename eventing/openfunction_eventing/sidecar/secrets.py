"""Secrets: one or all of a store; both transports end here."""

from __future__ import annotations

from collections.abc import Mapping

from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import refusals
from openfunction_eventing.sidecar.catalog import Catalog


async def get(catalog: Catalog, store: str, key: str, *, metadata: Mapping[str, str]) -> dict[str, str]:
    """The values of a secret by name; raises Refusal."""
    driver = catalog.secrets(store)
    try:
        found = await driver.get(key, metadata)
    except EventingError as error:
        raise refusals.no_secret(store, key, error) from error
    if found is None:
        raise refusals.no_secret(store, key, f"secret {key} not found")
    return found


async def every(catalog: Catalog, store: str, *, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Every secret of a store; raises Refusal."""
    driver = catalog.secrets(store)
    try:
        return await driver.all(metadata)
    except EventingError as error:
        raise refusals.no_secrets(store, error) from error
