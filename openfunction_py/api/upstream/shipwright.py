"""shipwright.io/v1beta1: Build, BuildRun and the strategies.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open


class Git(Open):
    """A repository, and what of it."""

    url: str = ""
    revision: str = ""
    clone_secret: str = ""


class OciArtifact(Open):
    """Source packed as an image."""

    image: str = ""
    pull_secret: str = ""


class Local(Open):
    """Source that is mounted into the build."""

    name: str = ""
    timeout: str = ""


class Source(Open):
    """Where source comes from; `type` names which block counts."""

    type: str = ""
    git: Git | None = None
    oci_artifact: OciArtifact | None = None
    local: Local | None = None
    context_dir: str = ""


class StrategyRef(Open):
    """Which strategy builds."""

    name: str = ""
    kind: str = ""


class KeyValue(Open):
    """A key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    format: str = ""


class ParamValueItem(Open):
    """One value of a list parameter."""

    value: str | None = None
    config_map_value: KeyValue | None = None
    secret_value: KeyValue | None = None


class ParamValue(Open):
    """A parameter of the strategy: one value, or a list."""

    name: str
    value: str | None = None
    values: list[ParamValueItem] | None = None
    config_map_value: KeyValue | None = None
    secret_value: KeyValue | None = None


class Output(Open):
    """The image to make."""

    image: str = ""
    push_secret: str = ""
    insecure: bool | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class BuildSpec(Open):
    """What to build, from what, how."""

    source: Source | None = None
    strategy: StrategyRef = Field(default_factory=StrategyRef)
    param_values: list[ParamValue] = Field(default_factory=list)
    output: Output = Field(default_factory=Output)
    timeout: str = ""
    env: list[dict[str, Any]] = Field(default_factory=list)
    volumes: list[dict[str, Any]] = Field(default_factory=list)
    retention: dict[str, Any] | None = None


class BuildStatus(Open):
    """Whether a Build may be run."""

    registered: str = ""
    reason: str = ""
    message: str = ""


class Build(Object):
    """How an image is made."""

    api_version: str = "shipwright.io/v1beta1"
    kind: str = "Build"
    spec: BuildSpec = Field(default_factory=BuildSpec)
    status: BuildStatus = Field(default_factory=BuildStatus)


class BuildRef(Open):
    """The Build to run, by name or in full."""

    name: str | None = None
    spec: BuildSpec | None = None


class BuildRunSpec(Open):
    """One run of a Build; `state` BuildRunCanceled stops it."""

    build: BuildRef = Field(default_factory=BuildRef)
    service_account: str = ""
    state: str = ""
    timeout: str = ""
    param_values: list[ParamValue] = Field(default_factory=list)
    output: Output | None = None


class BuildRunOutput(Open):
    """The image that was made."""

    digest: str = ""
    size: int | None = None


class GitResult(Open):
    """The commit that was built."""

    commit_sha: str = ""
    commit_author: str = ""
    branch_name: str = ""


class OciArtifactResult(Open):
    """The source bundle that was built."""

    digest: str = ""


class SourceResult(Open):
    """What source was found."""

    name: str = ""
    git: GitResult | None = None
    oci_artifact: OciArtifactResult | None = None
    timestamp: str | None = None


class FailedAt(Open):
    """Where a run failed."""

    pod: str = ""
    container: str = ""


class FailureDetails(Open):
    """Why a run failed, in the strategy's words."""

    reason: str = ""
    message: str = ""
    location: FailedAt | None = None


class BuildRunStatus(Open):
    """How far a run is and what came of it."""

    conditions: list[Condition] = Field(default_factory=list)
    start_time: str | None = None
    completion_time: str | None = None
    output: BuildRunOutput | None = None
    source: SourceResult | None = None
    sources: list[SourceResult] = Field(default_factory=list)
    failure_details: FailureDetails | None = None
    build_spec: dict[str, Any] | None = None
    executor: dict[str, Any] | None = None
    task_run_name: str = ""
    lock: str = ""


class BuildRun(Object):
    """One attempt to make an image."""

    api_version: str = "shipwright.io/v1beta1"
    kind: str = "BuildRun"
    spec: BuildRunSpec = Field(default_factory=BuildRunSpec)
    status: BuildRunStatus = Field(default_factory=BuildRunStatus)


class StrategySpec(Open):
    """The steps of a strategy."""

    steps: list[dict[str, Any]] = Field(default_factory=list)
    parameters: list[dict[str, Any]] = Field(default_factory=list)
    volumes: list[dict[str, Any]] = Field(default_factory=list)


class BuildStrategy(Object):
    """A way to build, for one namespace."""

    api_version: str = "shipwright.io/v1beta1"
    kind: str = "BuildStrategy"
    spec: StrategySpec = Field(default_factory=StrategySpec)


class ClusterBuildStrategy(Object):
    """A way to build, for every namespace."""

    api_version: str = "shipwright.io/v1beta1"
    kind: str = "ClusterBuildStrategy"
    spec: StrategySpec = Field(default_factory=StrategySpec)
