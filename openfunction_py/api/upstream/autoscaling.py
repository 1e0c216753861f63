"""autoscaling.internal.knative.dev/v1alpha1: PodAutoscaler.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.core import ObjectReference


class PodAutoscalerSpec(Open):
    """What is scaled, and whether it is reachable."""

    scale_target_ref: ObjectReference = Field(default_factory=ObjectReference)
    container_concurrency: int | None = None
    reachability: str = ""
    protocol_type: str = ""


class PodAutoscalerStatus(Open):
    """The decision in force."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    annotations: dict[str, str] = Field(default_factory=dict)
    service_name: str = ""
    metrics_service_name: str = ""
    desired_scale: int | None = None
    actual_scale: int | None = None


class PodAutoscaler(Object):
    """Bounds, metric and decision for a Revision."""

    api_version: str = "autoscaling.internal.knative.dev/v1alpha1"
    kind: str = "PodAutoscaler"
    spec: PodAutoscalerSpec = Field(default_factory=PodAutoscalerSpec)
    status: PodAutoscalerStatus = Field(default_factory=PodAutoscalerStatus)
