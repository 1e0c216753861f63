"""The Pod of a BuildRun, and the request that it carries to the builder.

Pure makers: the same BuildRun makes the same Pod.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from openfunction_builder import request
from openfunction_py.api import meta
from openfunction_py.api.upstream import core, shipwright
from openfunction_py.lib import durations, naming

RUN_LABEL = "buildrun.shipwright.io/name"
BUILD_LABEL = "build.shipwright.io/name"
CONTAINER = "build"
IMAGE = "openfunction/builder"
REQUEST_VARIABLE = "OFN_BUILD_REQUEST"
INLINE_VOLUME = "inline-source"
INLINE_PATH = "/workspace/source-inline"
DEFAULT_TIMEOUT = timedelta(minutes=30)
# A builder that is told to stop ends its children and is gone well within this.
GRACE_SECONDS = 5


def pod_name(run: shipwright.BuildRun) -> str:
    """Name of a BuildRun's Pod."""
    return naming.child_name(run.metadata.name, "-pod", limit=253)


def timeout_of(run: shipwright.BuildRun, spec: shipwright.BuildSpec) -> timedelta:
    """How long a run may take: its own limit, else its Build's, else half an hour."""
    text = run.spec.timeout or spec.timeout
    return durations.parse(text) if text else DEFAULT_TIMEOUT


def make_request(run: shipwright.BuildRun, spec: shipwright.BuildSpec) -> request.BuildRequest:
    """The build request; where the images and the cache are is the node's to fill in."""
    output = run.spec.output or spec.output
    return request.BuildRequest(
        image=output.image or spec.output.image,
        source=_source(spec),
        sub_path=spec.source.context_dir if spec.source else "",
        env=environment([*spec.param_values, *run.spec.param_values]),
        timeout_seconds=math.ceil(timeout_of(run, spec).total_seconds()),
    )


def _source(spec: shipwright.BuildSpec) -> request.Source:
    source = spec.source
    if source and source.type == "Git" and source.git:
        return request.Source(git_url=source.git.url, git_revision=source.git.revision)
    if source and source.type in {"OCI", "OCIArtifact"} and source.oci_artifact:
        return request.Source(bundle=source.oci_artifact.image)
    return request.Source(folder=INLINE_PATH)


def environment(params: Iterable[shipwright.ParamValue]) -> dict[str, str]:
    """The variables in the parameter `env`, written NAME=VALUE; a later one wins."""
    values = [item.value for one in params if one.name == "env" for item in one.values or [] if item.value]
    return dict(value.partition("=")[::2] for value in values)


def make_pod(run: shipwright.BuildRun, spec: shipwright.BuildSpec) -> core.Pod:
    """The Pod that builds: one container, never restarted, stopped by the node at its deadline."""
    volumes = [one for one in spec.volumes if one.get("name") == INLINE_VOLUME]
    labels = {**run.metadata.labels, RUN_LABEL: run.metadata.name}
    if run.spec.build.name:
        labels[BUILD_LABEL] = run.spec.build.name
    return core.Pod.model_validate(
        {
            "metadata": {
                "name": pod_name(run),
                "namespace": run.metadata.namespace,
                "labels": labels,
                "ownerReferences": [meta.owner_of(run).to_wire()],
            },
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": GRACE_SECONDS,
                "activeDeadlineSeconds": max(1, math.ceil(timeout_of(run, spec).total_seconds())),
                "containers": [
                    {
                        "name": CONTAINER,
                        "image": IMAGE,
                        "args": ["build"],
                        "terminationMessagePolicy": "FallbackToLogsOnError",
                        "env": [{"name": REQUEST_VARIABLE, "value": make_request(run, spec).to_json()}],
                        "volumeMounts": [{"name": one["name"], "mountPath": INLINE_PATH} for one in volumes],
                    }
                ],
                "volumes": volumes,
            },
        }
    )
