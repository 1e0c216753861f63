"""Builder → Shipwright Build, BuildRun, and the ConfigMap of inline source.

Every value of `build.env` travels unchanged and in a fixed order.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta, references
from openfunction_py.api.builders import Builder, BuilderSpec, Param, SourceRepo
from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.api.upstream.shipwright import Build, BuildRun
from openfunction_py.lib import naming
from openfunction_py.resources import labels

STRATEGY = {"name": "openfunction", "kind": "ClusterBuildStrategy"}
INLINE_VOLUME = "inline-source"
CANCELED = "BuildRunCanceled"


def build_name(builder: str) -> str:
    """Name of a Builder's Build."""
    return naming.child_name(builder, "-build")


def run_name(builder: str) -> str:
    """Name of a Builder's BuildRun."""
    return naming.child_name(builder, "-run")


def source_name(builder: str) -> str:
    """Name of the ConfigMap with a Builder's inline source."""
    return naming.child_name(builder, "-source")


def make_source(builder: Builder) -> ConfigMap | None:
    """The ConfigMap of inline source; a path's slashes are not allowed in keys, so keys are numbered."""
    inline = builder.spec.src_repo.inline if builder.spec.src_repo else {}
    if not inline:
        return None
    return ConfigMap.model_validate(
        {
            "metadata": _metadata(builder, source_name(builder.metadata.name)),
            "data": {_key(path): text for path, text in inline.items()},
        }
    )


def make_build(builder: Builder) -> Build:
    """How the image is made."""
    spec = builder.spec
    engine = spec.shipwright
    strategy = {**STRATEGY, **engine.strategy.to_wire()} if engine and engine.strategy else STRATEGY
    body: dict[str, Any] = {
        "source": _source(spec),
        "strategy": strategy,
        "paramValues": _params(spec),
        "output": _output(spec),
    }
    timeout = (engine.timeout if engine else None) or spec.timeout
    if timeout:
        body["timeout"] = timeout
    if spec.src_repo and spec.src_repo.inline:
        body["volumes"] = [{"name": INLINE_VOLUME, "configMap": _inline_volume(builder)}]
    return Build.model_validate(
        {"metadata": _metadata(builder, build_name(builder.metadata.name)), "spec": body}
    )


def make_run(builder: Builder) -> BuildRun:
    """The one run of a Builder's Build."""
    return BuildRun.model_validate(
        {
            "metadata": _metadata(builder, run_name(builder.metadata.name)),
            "spec": {"build": {"name": build_name(builder.metadata.name)}},
        }
    )


def _metadata(builder: Builder, name: str) -> dict[str, Any]:
    inherited = {
        key: builder.metadata.labels[key] for key in (labels.FUNCTION,) if key in builder.metadata.labels
    }
    return {
        "name": name,
        "namespace": builder.metadata.namespace,
        "labels": {**inherited, labels.BUILDER: builder.metadata.name, labels.MANAGED: "true"},
        "ownerReferences": [meta.owner_of(builder).to_wire()],
    }


def _key(path: str) -> str:
    """A ConfigMap key for a file: the path itself where it may be one."""
    return path if "/" not in path else f"{naming.digest_of(path)}.{path.rpartition('/')[2]}"


def _inline_volume(builder: Builder) -> dict[str, Any]:
    volume: dict[str, Any] = {"name": source_name(builder.metadata.name)}
    inline = builder.spec.src_repo.inline if builder.spec.src_repo else {}
    if any("/" in path for path in inline):
        volume["items"] = [{"key": _key(path), "path": path} for path in sorted(inline)]
    return volume


def _source(spec: BuilderSpec) -> dict[str, Any]:
    repo = spec.src_repo or SourceRepo()
    context = {"contextDir": repo.source_sub_path} if repo.source_sub_path else {}
    secret = repo.credentials.name if repo.credentials else ""
    if repo.inline:
        return {"type": "Local", "local": {"name": INLINE_VOLUME}, **context}
    if repo.bundle_container and repo.bundle_container.image:
        bundle = {"image": repo.bundle_container.image, **({"pullSecret": secret} if secret else {})}
        return {"type": "OCI", "ociArtifact": bundle, **context}
    git = {"url": repo.url, **({"revision": repo.revision} if repo.revision else {})}
    return {"type": "Git", "git": {**git, **({"cloneSecret": secret} if secret else {})}, **context}


def _output(spec: BuilderSpec) -> dict[str, Any]:
    output: dict[str, Any] = {"image": references.clean(spec.image)}
    if spec.image_credentials and spec.image_credentials.name:
        output["pushSecret"] = spec.image_credentials.name
    return output


def _params(spec: BuilderSpec) -> list[dict[str, Any]]:
    given = spec.shipwright.params if spec.shipwright else []
    own: list[dict[str, Any]] = []
    if spec.env:
        own.append(
            {"name": "env", "values": [{"value": f"{key}={spec.env[key]}"} for key in sorted(spec.env)]}
        )
    if spec.builder:
        own.append({"name": "builder-image", "value": spec.builder})
    if spec.dockerfile:
        own.append({"name": "dockerfile", "value": spec.dockerfile})
    named = {param.name for param in given}
    return [*(one for one in own if one["name"] not in named), *(_param(one) for one in given)]


def _param(param: Param) -> dict[str, Any]:
    return param.to_wire()
