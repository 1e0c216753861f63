"""keda.sh/v1alpha1: ScaledObject, ScaledJob and TriggerAuthentication.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.batch import JobSpec


class AuthenticationRef(Open):
    """Credentials of a trigger, by name."""

    name: str = ""
    kind: str | None = None


class ScaleTrigger(Open):
    """A metric to scale on."""

    type: str = ""
    name: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    metric_type: str | None = None
    authentication_ref: AuthenticationRef | None = None
    use_cached_metrics: bool | None = None


class ScaleTargetRef(Open):
    """What is scaled; a Deployment unless said otherwise."""

    api_version: str | None = None
    kind: str | None = None
    name: str = ""
    env_source_container_name: str | None = None


class Policy(Open):
    """How much in which time."""

    type: str = ""
    value: int = 0
    period_seconds: int = 0


class Rules(Open):
    """How fast in one direction."""

    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: list[Policy] = Field(default_factory=list)
    tolerance: str | None = None


class Behavior(Open):
    """How fast up and down."""

    scale_up: Rules | None = None
    scale_down: Rules | None = None


class HpaConfig(Open):
    """Settings of the HorizontalPodAutoscaler."""

    name: str | None = None
    behavior: Behavior | None = None


class ScalingModifiers(Open):
    """One value made of several metrics."""

    formula: str = ""
    target: str = ""
    activation_target: str = ""
    metric_type: str = ""


class Advanced(Open):
    """Rare settings."""

    restore_to_original_replica_count: bool | None = None
    horizontal_pod_autoscaler_config: HpaConfig | None = None
    scaling_modifiers: ScalingModifiers | None = None


class Fallback(Open):
    """Replicas while a metric cannot be read."""

    failure_threshold: int = 0
    replicas: int = 0
    behavior: str | None = None


class ScaledObjectSpec(Open):
    """What is scaled on what, within which bounds; seconds."""

    scale_target_ref: ScaleTargetRef = Field(default_factory=ScaleTargetRef)
    polling_interval: int | None = None
    cooldown_period: int | None = None
    initial_cooldown_period: int | None = None
    idle_replica_count: int | None = None
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    advanced: Advanced | None = None
    fallback: Fallback | None = None
    triggers: list[ScaleTrigger] = Field(default_factory=list)


class Health(Open):
    """How often in a row a metric could not be read."""

    number_of_failures: int | None = None
    status: str = ""


class ScaledObjectStatus(Open):
    """What was seen last."""

    scale_target_kind: str | None = None
    original_replica_count: int | None = None
    last_active_time: str | None = None
    external_metric_names: list[str] = Field(default_factory=list)
    resource_metric_names: list[str] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)
    health: dict[str, Health] = Field(default_factory=dict)
    paused_replica_count: int | None = None
    hpa_name: str | None = None


class ScaledObject(Object):
    """Replicas of a workload by the backlog in front of it."""

    api_version: str = "keda.sh/v1alpha1"
    kind: str = "ScaledObject"
    spec: ScaledObjectSpec = Field(default_factory=ScaledObjectSpec)
    status: ScaledObjectStatus = Field(default_factory=ScaledObjectStatus)


class Rollout(Open):
    """What an update does to running Jobs."""

    strategy: str | None = None
    propagation_policy: str | None = None


class ScalingStrategy(Open):
    """How many Jobs for a backlog; the percentage is a fraction such as "0.5"."""

    strategy: str | None = None
    custom_scaling_queue_length_deduction: int | None = None
    custom_scaling_running_job_percentage: str | None = None
    pending_pod_conditions: list[str] = Field(default_factory=list)
    multiple_scalers_calculation: str | None = None


class ScaledJobSpec(Open):
    """Which Jobs on what, within which bounds; seconds."""

    job_target_ref: JobSpec = Field(default_factory=JobSpec)
    polling_interval: int | None = None
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None
    rollout: Rollout | None = None
    env_source_container_name: str | None = None
    min_replica_count: int | None = None
    max_replica_count: int | None = None
    scaling_strategy: ScalingStrategy | None = None
    triggers: list[ScaleTrigger] = Field(default_factory=list)


class ScaledJobStatus(Open):
    """What was seen last."""

    last_active_time: str | None = None
    conditions: list[Condition] = Field(default_factory=list)


class ScaledJob(Object):
    """Jobs by the backlog in front of them."""

    api_version: str = "keda.sh/v1alpha1"
    kind: str = "ScaledJob"
    spec: ScaledJobSpec = Field(default_factory=ScaledJobSpec)
    status: ScaledJobStatus = Field(default_factory=ScaledJobStatus)


class TargetRef(Open):
    """A key of a Secret or ConfigMap that becomes a parameter."""

    parameter: str = ""
    name: str = ""
    key: str = ""


class EnvironmentRef(Open):
    """A variable of the scaled container that becomes a parameter."""

    parameter: str = ""
    name: str = ""
    container_name: str | None = None


class TriggerAuthenticationSpec(Open):
    """Where a trigger's parameters come from."""

    pod_identity: dict[str, Any] | None = None
    secret_target_ref: list[TargetRef] = Field(default_factory=list)
    config_map_target_ref: list[TargetRef] = Field(default_factory=list)
    env: list[EnvironmentRef] = Field(default_factory=list)


class TriggerAuthenticationStatus(Open):
    """Who uses it, as comma separated names."""

    scaledobjects: str | None = None
    scaledjobs: str | None = None


class TriggerAuthentication(Object):
    """Credentials for triggers of its namespace."""

    api_version: str = "keda.sh/v1alpha1"
    kind: str = "TriggerAuthentication"
    spec: TriggerAuthenticationSpec = Field(default_factory=TriggerAuthenticationSpec)
    status: TriggerAuthenticationStatus = Field(default_factory=TriggerAuthenticationStatus)


class ClusterTriggerAuthentication(Object):
    """Credentials for triggers of every namespace."""

    api_version: str = "keda.sh/v1alpha1"
    kind: str = "ClusterTriggerAuthentication"
    spec: TriggerAuthenticationSpec = Field(default_factory=TriggerAuthenticationSpec)
    status: TriggerAuthenticationStatus = Field(default_factory=TriggerAuthenticationStatus)
