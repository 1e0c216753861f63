"""core/v1: PersistentVolumeClaim.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.core import Resources


class PersistentVolumeClaimSpec(Open):
    """How much is asked for, and of which kind."""

    access_modes: list[str] = Field(default_factory=list)
    resources: Resources | None = None
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str = ""


class PersistentVolumeClaimStatus(Open):
    """Whether there is a volume."""

    phase: str = ""
    access_modes: list[str] = Field(default_factory=list)
    capacity: dict[str, str] = Field(default_factory=dict)
    conditions: list[Condition] = Field(default_factory=list)


class PersistentVolumeClaim(Object):
    """Storage that outlives Pods."""

    api_version: str = "v1"
    kind: str = "PersistentVolumeClaim"
    spec: PersistentVolumeClaimSpec = Field(default_factory=PersistentVolumeClaimSpec)
    status: PersistentVolumeClaimStatus = Field(default_factory=PersistentVolumeClaimStatus)
