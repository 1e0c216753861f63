"""batch/v1: Job.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open
from openfunction_py.api.upstream.apps import LabelSelector
from openfunction_py.api.upstream.core import PodTemplateSpec


class JobSpec(Open):
    """Pods that run to their end."""

    parallelism: int | None = None
    completions: int | None = None
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    completion_mode: str = ""
    suspend: bool | None = None
    manual_selector: bool | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec = Field(default_factory=PodTemplateSpec)


class JobCondition(Condition):
    """A condition with the time it was last looked at."""

    last_probe_time: str | None = None


class JobStatus(Open):
    """How many Pods run, succeeded and failed."""

    conditions: list[JobCondition] = Field(default_factory=list)
    start_time: str | None = None
    completion_time: str | None = None
    active: int = 0
    ready: int | None = None
    succeeded: int = 0
    failed: int = 0


class Job(Object):
    """Work that ends."""

    api_version: str = "batch/v1"
    kind: str = "Job"
    spec: JobSpec = Field(default_factory=JobSpec)
    status: JobStatus = Field(default_factory=JobStatus)
