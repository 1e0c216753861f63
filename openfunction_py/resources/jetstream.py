"""JetStream's names and ports, and NATS Streaming's settings read as those of JetStream.

Words and one translation; nothing here knows Functions or buses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

TYPE = "pubsub.jetstream"
STREAMING = ("pubsub.natsstreaming", "pubsub.stan")
CLIENT_PORT = 4222
MONITORING_PORT = 8222
CLUSTER_PORT = 6222
# KEDA asks for the account; without accounts of its own a server has this one.
ACCOUNT = "$G"

Item = dict[str, Any]  # an entry of a Dapr component's metadata
_LONGEST = 200
_UNFIT = re.compile(r"[\s.*>/\\]")
_RENAMED = {
    "natsurl": "natsURL",
    "durablesubscriptionname": "durableName",
    "ackwaittime": "ackWait",
    "maxinflight": "maxAckPending",
    "startatsequence": "startSequence",
}
_POLICIES = {"deliverall": "all", "delivernew": "new", "startwithlastreceived": "last"}
_GONE = frozenset(
    {"natsstreamingclusterid", "subscriptiontype", "startattimedelta", "startattime", "startattimeformat"}
)


def stream_of(topic: str) -> str:
    """The stream of a topic where a component names none, as the driver makes it."""
    return safe_name(topic)


def durable_of(group: str, topic: str) -> str:
    """The durable consumer of a group where a component names none, as the driver makes it."""
    return safe_name(f"{group}__{topic}")


def safe_name(text: str) -> str:
    """A name that JetStream takes, another one for each text."""
    cleaned = _UNFIT.sub("_", text)[:_LONGEST]
    return cleaned if cleaned == text else f"{cleaned}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()[:8]


def from_streaming(items: Iterable[Item]) -> list[Item]:
    """The metadata of a NATS Streaming component as JetStream takes it.

    A start at a time has no counterpart that stays the same from one look to the next; it is left out.
    """
    kept: list[Item] = []
    policy = ""
    for item in items:
        key, value = str(item["name"]).lower(), item.get("value")
        if key in _POLICIES:
            policy = policy or (_POLICIES[key] if _is_true(value) else "")
        elif key not in _GONE:
            kept.append({**item, "name": _RENAMED.get(key, item["name"])})
        if key == "startatsequence" and value not in (None, "", 0, "0"):
            policy = "sequence"
    return [*kept, *([{"name": "deliverPolicy", "value": policy}] if policy else [])]


def _is_true(value: object) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes")


def monitoring_of(url: str) -> str:
    """host:port of a server's monitoring, where nothing else is said: its usual port."""
    host = urlsplit(url.split(",", maxsplit=1)[0].strip()).hostname or ""
    return f"{host}:{MONITORING_PORT}" if host else ""


def value_of(items: Iterable[Mapping[str, Any]], name: str) -> str:
    """A setting as text, in whatever case its name is written; empty when it is absent or secret."""
    wanted = name.lower()
    found = next((one.get("value") for one in items if str(one["name"]).lower() == wanted), None)
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)
