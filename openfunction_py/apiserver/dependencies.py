"""What the server is given: store, admission, identities, logs and a clock.

Values and Protocols; nothing is made here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from openfunction_py.apiserver.lifecycle import Admit
from openfunction_py.apiserver.store import Store
from openfunction_py.lib.clock import Clock


class PodLogs(Protocol):
    """Where logs of containers come from."""

    def stream(
        self, namespace: str, name: str, *, container: str, follow: bool, tail: int | None, previous: bool
    ) -> AsyncIterator[bytes]:
        """The log of one container in chunks; it ends by itself unless it is followed."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything `app.create` needs; `tokens` maps bearer tokens to user names."""

    store: Store
    admission: Admit
    tokens: Mapping[str, str]
    pod_logs: PodLogs
    clock: Clock
