"""coordination.k8s.io/v1: Lease.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Object, Open


class LeaseSpec(Open):
    """Who holds it, since when."""

    holder_identity: str = ""
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Object):
    """A claim with an end: leadership, a sign of life."""

    api_version: str = "coordination.k8s.io/v1"
    kind: str = "Lease"
    spec: LeaseSpec = Field(default_factory=LeaseSpec)
