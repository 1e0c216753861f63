"""`scaleOptions.keda`: KEDA's settings, and the slice of HPA behaviour that is checked.

Types only; rules stand in `rules`.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Model

RESOURCES = ("cpu", "memory")  # the types of triggers that an HPA measures by itself
PERCENTAGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)[ ]*%")


class AuthenticationRef(Model):
    """Credentials of a scaler."""

    name: str = ""
    kind: str | None = None


class ScaleTrigger(Model):
    """A metric that KEDA watches."""

    type: str
    metadata: dict[str, str]
    name: str | None = None
    metric_type: str | None = None
    authentication_ref: AuthenticationRef | None = None
    use_cached_metrics: bool | None = None


class ScalingPolicy(Model):
    """How much in which time."""

    type: str = ""
    value: int = 0
    period_seconds: int = 0


class ScalingRules(Model):
    """How fast in one direction."""

    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: list[ScalingPolicy] = Field(default_factory=list)
    tolerance: str | None = None


class Behavior(Model):
    """How fast up and down."""

    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


class HpaConfig(Model):
    """Settings of the HorizontalPodAutoscaler that KEDA makes."""

    name: str | None = None
    behavior: Behavior | None = None


class Advanced(Model):
    """Rare settings of a ScaledObject."""

    restore_to_original_replica_count: bool | None = None
    horizontal_pod_autoscaler_config: HpaConfig | None = None
    scaling_modifiers: dict[str, Any] | None = None


class Fallback(Model):
    """Replicas while the metric cannot be read."""

    failure_threshold: int = 0
    replicas: int = 0
    behavior: str | None = None


class ScaledObject(Model):
    """Scaling of a Deployment."""

    polling_interval: int | None = None
    cooldown_period: int | None = None
    advanced: Advanced | None = None
    fallback: Fallback | None = None


class ScalingStrategy(Model):
    """How many Jobs for a backlog."""

    strategy: str | None = None
    custom_scaling_queue_length_deduction: int | None = None
    custom_scaling_running_job_percentage: str | None = None
    pending_pod_conditions: list[str] = Field(default_factory=list)
    multiple_scalers_calculation: str | None = None


class ScaledJob(Model):
    """Scaling by Jobs."""

    restart_policy: str | None = None
    polling_interval: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    scaling_strategy: ScalingStrategy | None = None


class HttpScaledObject(Model):
    """Scaling by requests."""

    target_pending_requests: int | None = None
    cooldown_period: int | None = None


class Keda(Model):
    """How KEDA scales; at most one of the three objects."""

    triggers: list[ScaleTrigger] = Field(default_factory=list)
    scaled_object: ScaledObject | None = None
    scaled_job: ScaledJob | None = None
    http_scaled_object: HttpScaledObject | None = None
