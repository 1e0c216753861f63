"""apps/v1: Deployment, ReplicaSet and StatefulSet.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.core import IntOrString, PodTemplateSpec
from openfunction_py.api.upstream.storage import PersistentVolumeClaim


class LabelSelector(Open):
    """Which objects belong, by their labels."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[dict[str, Any]] = Field(default_factory=list)


class RollingUpdate(Open):
    """Bounds of a rolling update."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None


class DeploymentStrategy(Open):
    """How old Pods give way to new ones."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Open):
    """Which Pods, and how many."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    strategy: DeploymentStrategy = Field(default_factory=DeploymentStrategy)
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None
    progress_deadline_seconds: int | None = None
    paused: bool | None = None


class DeploymentCondition(Condition):
    """A condition with the time it was last looked at."""

    last_update_time: str | None = None


class DeploymentStatus(Open):
    """How far a rollout is."""

    observed_generation: int | None = None
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    collision_count: int | None = None
    conditions: list[DeploymentCondition] = Field(default_factory=list)


class Deployment(Object):
    """Pods of one template, replaced gradually."""

    api_version: str = "apps/v1"
    kind: str = "Deployment"
    spec: DeploymentSpec = Field(default_factory=DeploymentSpec)
    status: DeploymentStatus = Field(default_factory=DeploymentStatus)


class ReplicaSetSpec(Open):
    """Which Pods, and how many."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    min_ready_seconds: int | None = None


class ReplicaSetStatus(Open):
    """How many Pods there are."""

    observed_generation: int | None = None
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    conditions: list[Condition] = Field(default_factory=list)


class ReplicaSet(Object):
    """Equal Pods, kept at a number."""

    api_version: str = "apps/v1"
    kind: str = "ReplicaSet"
    spec: ReplicaSetSpec = Field(default_factory=ReplicaSetSpec)
    status: ReplicaSetStatus = Field(default_factory=ReplicaSetStatus)


class StatefulSetUpdate(Open):
    """How Pods of an older template give way."""

    type: str = ""
    rolling_update: dict[str, Any] | None = None


class StatefulSetSpec(Open):
    """Which Pods, how many, under which Service, with which volumes of their own."""

    replicas: int | None = None
    selector: LabelSelector = Field(default_factory=LabelSelector)
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)
    service_name: str = ""
    pod_management_policy: str = ""
    update_strategy: StatefulSetUpdate | None = None
    volume_claim_templates: list[PersistentVolumeClaim] = Field(default_factory=list)
    min_ready_seconds: int | None = None
    revision_history_limit: int | None = None


class StatefulSetStatus(Open):
    """How far a rollout is."""

    observed_generation: int | None = None
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int | None = None
    conditions: list[Condition] = Field(default_factory=list)


class StatefulSet(Object):
    """Pods with names and volumes that stay theirs."""

    api_version: str = "apps/v1"
    kind: str = "StatefulSet"
    spec: StatefulSetSpec = Field(default_factory=StatefulSetSpec)
    status: StatefulSetStatus = Field(default_factory=StatefulSetStatus)
