"""An API server and our credentials there, as one value.

Reads no kubeconfig and dials nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


class ConfigError(LookupError):
    """A kubeconfig that cannot be used; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API server and our credentials there.

    Attributes:
        server: base URL, e.g. "https://127.0.0.1:6443".
        namespace: the context's namespace, "" if it names none.
        token_file: a bearer token that is rotated in place (inside a cluster).
        refresh: fetches a new token when the server no longer takes the old one; blocks.
    """

    server: str
    ca_data: bytes | None = None
    token: str | None = field(default=None, repr=False)
    client_cert: Path | None = None
    client_key: Path | None = None
    namespace: str = ""
    client_cert_data: bytes | None = field(default=None, repr=False)
    client_key_data: bytes | None = field(default=None, repr=False)
    insecure: bool = False
    server_name: str | None = None
    token_file: Path | None = None
    refresh: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    def bearer(self) -> str | None:
        """The bearer token to send now."""
        return self.token_file.read_text().strip() if self.token_file else self.token
