"""The address of each Pod in 127.0.0.0/8, so that every instance keeps its declared port.

It binds to an address before it gives it out; two platforms on one machine look in different parts first.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
PARTS = 200  # second octets 16 to 215, one of which a platform prefers
ATTEMPTS = 256


class Addresses:
    """The addresses of one node's Pods."""

    def __init__(self, root: Path) -> None:
        """Prefer a part of the network that follows from the platform's folder."""
        digest = hashlib.sha256(str(root).encode()).digest()
        self._part = 16 + digest[0] % PARTS
        self._taken: dict[str, str] = {}

    def keep(self, uid: str, address: str) -> None:
        """Note an address that a Pod already has."""
        self._taken[address] = uid

    def choose(self, uid: str, *, ports: Sequence[int]) -> str:
        """An address on which nobody listens at these ports; 127.0.0.1 where the system has no other."""
        if not is_free(_text(self._part, 1, 1), [0]):
            return LOOPBACK
        for address in self._candidates(uid):
            if address not in self._taken and is_free(address, ports or [0]):
                self._taken[address] = uid
                return address
        return LOOPBACK

    def release(self, uid: str) -> None:
        """Let others have a Pod's address."""
        self._taken = {address: holder for address, holder in self._taken.items() if holder != uid}

    def _candidates(self, uid: str) -> Iterator[str]:
        start = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4], "big")
        for step in range(ATTEMPTS):
            third, fourth = divmod((start + step) % (254 * 254), 254)
            yield _text(self._part, third + 1, fourth + 1)


def _text(second: int, third: int, fourth: int) -> str:
    return str(ipaddress.IPv4Address((127 << 24) | (second << 16) | (third << 8) | fourth))


def is_free(address: str, ports: Iterable[int]) -> bool:
    """Whether every port can be bound on this address now."""
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((address, port))
            except OSError:
                return False
    return True


def free_port(address: str) -> int:
    """A port that nobody listens on now, for systems where Pods share one address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.bind((address, 0))
        return int(trial.getsockname()[1])
