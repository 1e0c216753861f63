"""The route table as a value: hosts and path prefixes to weighted Revisions, Revisions to endpoints.

Opens nothing and watches nothing; `objects` makes it from what the API holds.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

DEFAULT_TIMEOUT = 300.0
NEAR = 3


class RevisionKey(NamedTuple):
    """Namespace and name of a Revision."""

    namespace: str
    name: str


class Endpoint(NamedTuple):
    """Where one instance listens."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Revision:
    """What the gateway must know of a Revision; a concurrency of 0 is no limit, the timeout is in seconds."""

    key: RevisionKey
    concurrency: int = 0
    timeout: float = DEFAULT_TIMEOUT
    endpoints: tuple[Endpoint, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One function: its names and the Revisions that share its traffic, each with a weight above 0."""

    namespace: str
    function: str
    backends: tuple[tuple[RevisionKey, float], ...] = ()

    def choose(self, draw: float) -> RevisionKey | None:
        """Return the Revision for a draw from [0, 1)."""
        if len(self.backends) == 1:
            return self.backends[0][0]
        left = draw * sum(weight for _, weight in self.backends)
        for key, weight in self.backends:
            left -= weight
            if left < 0:
                return key
        return self.backends[-1][0] if self.backends else None


class Match(NamedTuple):
    """A function that a request is for, and the path prefix to take off (empty in the host form)."""

    target: Target
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Everything a request needs to find its Revision; replaced whole, never changed."""

    hosts: Mapping[str, Target] = field(default_factory=dict)
    prefixes: Mapping[str, Target] = field(default_factory=dict)
    revisions: Mapping[RevisionKey, Revision] = field(default_factory=dict)
    domains: frozenset[str] = frozenset()
    depths: tuple[int, ...] = field(init=False)
    wild: bool = field(init=False)
    routed: frozenset[RevisionKey] = field(init=False)

    def __post_init__(self) -> None:
        """Note how many segments the prefixes have, longest first, which Revisions have traffic, and wild hosts."""
        depths = {prefix.count("/") + 1 for prefix in self.prefixes}
        object.__setattr__(self, "depths", tuple(sorted(depths, reverse=True)))
        object.__setattr__(self, "wild", any(host.startswith("*.") for host in self.hosts))
        targets = (*self.hosts.values(), *self.prefixes.values())
        object.__setattr__(self, "routed", frozenset(key for one in targets for key, _ in one.backends))

    def match(self, host: str, path: str) -> Match | None:
        """Return what a host (without port, lower case) and a path (without query) lead to."""
        target = self.hosts.get(host)
        if target is None and self.wild:
            target = self._wild(host)
        if target is not None:
            return Match(target)
        if any(host.endswith("." + domain) for domain in self.domains):
            return None
        segments = path.split("/")
        for depth in self.depths:
            prefix = "/".join(segments[:depth])
            if prefix in self.prefixes:
                return Match(self.prefixes[prefix], prefix)
        return None

    def _wild(self, host: str) -> Target | None:
        """The target of the longest `*.` host that this one lies below."""
        labels = host.split(".")
        below = (self.hosts.get(".".join(("*", *labels[first:]))) for first in range(1, len(labels)))
        return next((target for target in below if target is not None), None)

    def near(self, host: str, path: str) -> list[str]:
        """Return `namespace/function` names that look like what was asked for, best first."""
        known = sorted({f"{target.namespace}/{target.function}" for target in self.hosts.values()})
        labels = host.split(".")
        by_host = f"{labels[1]}/{labels[0]}" if len(labels) > 1 else ""
        by_path = "/".join(path.strip("/").split("/")[:2])
        found: list[str] = []
        for asked in (by_host, by_path):
            found += difflib.get_close_matches(asked, known, NEAR, 0.5) if asked else []
        return list(dict.fromkeys(found))[:NEAR]
