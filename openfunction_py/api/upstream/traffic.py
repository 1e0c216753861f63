"""A Route's traffic as one text, by which the gateway and the Route's provider know that they mean the same."""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_py.api.upstream.knative import TrafficTarget


def key(targets: Iterable[TrafficTarget]) -> str:
    """Revision, percent and tag of each share, in an order of its own."""
    return ";".join(sorted(f"{one.revision_name},{one.percent or 0},{one.tag or ''}" for one in targets))
