"""Builder core.openfunction.io/v1beta2, and `spec.build` of a Function, which is the same minus image and state.

Types only; rules stand in `rules`, defaults in `defaulting`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from openfunction_py.api.meta import Condition, LocalRef, Model, Object

CANCELLED = "Cancelled"


class BundleContainer(Model):
    """Source packed as an image."""

    image: str = ""


class SourceRepo(Model):
    """Where source comes from: inline files, a bundle, or git."""

    url: str = ""
    revision: str = ""
    source_sub_path: str = ""
    bundle_container: BundleContainer | None = None
    credentials: LocalRef | None = None
    inline: dict[str, str] = Field(default_factory=dict)


class KeyedValue(Model):
    """A key of a ConfigMap or Secret, put into `format`."""

    name: str
    key: str
    format: str | None = None


class SingleValue(Model):
    """One value of a list parameter."""

    value: str | None = None
    config_map_value: KeyedValue | None = None
    secret_value: KeyedValue | None = None


class Param(SingleValue):
    """A parameter of the strategy."""

    name: str
    values: list[SingleValue] = Field(default_factory=list)


class Strategy(Model):
    """Which strategy builds."""

    name: str
    kind: str | None = None


class ShipwrightEngine(Model):
    """What is passed to Shipwright as it is."""

    strategy: Strategy | None = None
    params: list[Param] = Field(default_factory=list)
    timeout: str | None = None


class BuildSpec(Model):
    """How source becomes an image."""

    builder: str | None = None
    builder_credentials: LocalRef | None = None
    shipwright: ShipwrightEngine | None = None
    env: dict[str, str] = Field(default_factory=dict)
    src_repo: SourceRepo | None = None
    dockerfile: str | None = None
    timeout: str | None = None
    successful_builds_history_limit: int | None = None
    failed_builds_history_limit: int | None = None
    builder_max_age: str | None = None


class BuilderSpec(BuildSpec):
    """One attempt: the build, its target, and `state: Cancelled` to stop it."""

    image: str = ""
    image_credentials: LocalRef | None = None
    state: Literal["", "Cancelled"] | None = None


class GitResult(Model):
    """The commit that was built."""

    commit_sha: str | None = None
    commit_author: str | None = None
    branch_name: str | None = None


class BundleResult(Model):
    """The bundle that was built."""

    digest: str | None = None


class SourceResult(Model):
    """What source was found."""

    name: str = ""
    git: GitResult | None = None
    bundle: BundleResult | None = None


class BuilderOutput(Model):
    """The image that was made."""

    digest: str | None = None
    size: int | None = None


class BuilderStatus(Model):
    """How far the attempt is and what came of it."""

    phase: str = ""
    state: str = ""
    reason: str = ""
    message: str = ""
    build_duration: str | None = None
    resource_ref: dict[str, str] = Field(default_factory=dict)
    output: BuilderOutput | None = None
    sources: list[SourceResult] = Field(default_factory=list)
    lock: str | None = None
    conditions: list[Condition] = Field(default_factory=list)
    observed_generation: int | None = None


class Builder(Object):
    """One attempt to turn source into an image."""

    api_version: str = "core.openfunction.io/v1beta2"
    kind: str = "Builder"
    spec: BuilderSpec = Field(default_factory=BuilderSpec)
    status: BuilderStatus = Field(default_factory=BuilderStatus)
