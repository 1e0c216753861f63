"""Function core.openfunction.io/v1beta2: what a user declares.

Types only; rules stand in `rules`, defaults in `defaulting`.
"""

from __future__ import annotations

from pydantic import Field

from openfunction_py.api.builders import BuildSpec, SourceResult
from openfunction_py.api.meta import Condition, LocalRef, Model, Object
from openfunction_py.api.servings import ServingImpl


class FunctionSpec(Model):
    """Source or image, and how it runs."""

    workload_runtime: str | None = None
    version: str | None = None
    image: str = ""
    image_credentials: LocalRef | None = None
    build: BuildSpec | None = None
    serving: ServingImpl | None = None


class StageStatus(Model):
    """How far build or serving is, and by which object."""

    state: str = ""
    reason: str = ""
    message: str = ""
    resource_ref: str | None = None
    last_successful_resource_ref: str | None = None
    resource_hash: str | None = None
    service: str | None = None
    build_duration: str | None = None


class RoutePath(Model):
    """A path, as Gateway API's HTTPPathMatch."""

    type: str | None = None
    value: str | None = None


class RouteStatus(Model):
    """Under which names and paths the function is reached."""

    hosts: list[str] = Field(default_factory=list)
    paths: list[RoutePath] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)


class FunctionAddress(Model):
    """One URL: Internal between functions, External from outside."""

    type: str
    value: str


class RevisionStatus(Model):
    """The exact image that was built."""

    image_digest: str | None = None


class FunctionStatus(Model):
    """What became of the declaration."""

    build: StageStatus | None = None
    serving: StageStatus | None = None
    route: RouteStatus | None = None
    addresses: list[FunctionAddress] = Field(default_factory=list)
    revision: RevisionStatus | None = None
    sources: list[SourceResult] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)
    observed_generation: int | None = None


class Function(Object):
    """A unit of user code."""

    api_version: str = "core.openfunction.io/v1beta2"
    kind: str = "Function"
    spec: FunctionSpec = Field(default_factory=FunctionSpec)
    status: FunctionStatus = Field(default_factory=FunctionStatus)
