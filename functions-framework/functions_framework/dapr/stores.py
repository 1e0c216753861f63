"""Questions about secrets, configuration, locks and the sidecar itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from functions_framework import jsons
from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.spelling import JSON_HEADERS, Metadata, alpha, path, query

HEALTH = "/v1.0/healthz/outbound"


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration item."""

    value: str
    version: str = ""
    metadata: Metadata = field(default_factory=dict)


def secret(store: str, key: str, *, metadata: Metadata | None = None) -> Ask[dict[str, str]]:
    """One secret: its values by name."""
    return Ask(
        "get secret", store, path("secrets", store, key) + query(metadata), _mapping,
        method="GET", facts={"store": store, "key": key}, repeatable=True,
    )  # fmt: skip


def secrets(store: str, *, metadata: Metadata | None = None) -> Ask[dict[str, dict[str, str]]]:
    """Every secret that the app may read, by key."""
    return Ask(
        "get secrets", store, path("secrets", store, "bulk") + query(metadata), _mapping,
        method="GET", facts={"store": store}, repeatable=True,
    )  # fmt: skip


def configuration(
    store: str, keys: Sequence[str] = (), *, metadata: Metadata | None = None
) -> Ask[dict[str, Setting]]:
    """Configuration items by key; every one when no key is named."""
    wanted = "&".join(f"key={quote(key, safe='')}" for key in keys)
    rest = query(metadata)[1:]
    asked = "&".join(part for part in (wanted, rest) if part)
    return Ask(
        "get configuration", store, path("configuration", store) + (f"?{asked}" if asked else ""), _settings,
        method="GET", facts={"store": store, "keys": tuple(keys)}, repeatable=True,
    )  # fmt: skip


def lock(store: str, resource: str, owner: str, *, seconds: int) -> Ask[bool]:
    """Try to lock a resource for so many seconds; False when somebody else has it."""
    return Ask(
        "lock", store, alpha("lock", store), _success,
        body=jsons.dumps({"resourceId": resource, "lockOwner": owner, "expiryInSeconds": seconds}),
        headers=JSON_HEADERS, facts={"store": store, "resource": resource, "owner": owner, "seconds": seconds},
    )  # fmt: skip


def unlock(store: str, resource: str, owner: str) -> Ask[bool]:
    """Unlock; False when there was no such lock, or somebody else's."""
    return Ask(
        "unlock", store, alpha("unlock", store), _unlocked,
        body=jsons.dumps({"resourceId": resource, "lockOwner": owner}),
        headers=JSON_HEADERS, facts={"store": store, "resource": resource, "owner": owner},
    )  # fmt: skip


def metadata() -> Ask[dict[str, Any]]:
    """What the sidecar says of itself: its id, components, subscriptions."""
    return Ask("get metadata", "", path("metadata"), _mapping, method="GET", repeatable=True)


def health() -> Ask[None]:
    """Good when everything that the app may ask of the sidecar is up."""
    return Ask("check health", "", HEALTH, _nothing, method="GET", patient=False)


def _mapping(reply: Reply) -> dict[str, Any]:
    return reply.json() or {}


def _settings(reply: Reply) -> dict[str, Setting]:
    return {
        key: Setting(one.get("value", ""), one.get("version", ""), one.get("metadata") or {})
        for key, one in (reply.json() or {}).items()
    }


def _success(reply: Reply) -> bool:
    return bool((reply.json() or {}).get("success"))


def _unlocked(reply: Reply) -> bool:
    return not (reply.json() or {}).get("status")


def _nothing(reply: Reply) -> None:
    del reply
