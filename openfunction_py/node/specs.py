"""From a Pod's container to what its instance and its revision's template are started from.

Pure makers; nothing is looked up here.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openfunction_py.api.upstream import core
from openfunction_py.lib import naming, quantities
from openfunction_py.lib.home import Home
from openfunction_py.node import build_requests, environment, images, programs, sandbox, volumes
from openfunction_py.node.environment import Resolved
from openfunction_py.node.images import Runnable
from openfunction_py.node.logs import Run
from openfunction_py.node.runtime import InstanceSpec, TemplateSpec
from openfunction_py.node.sandbox import Level, Needs
from openfunction_py.resources import async_workloads, labels, sidecars

REVISION_LABEL = "serving.knative.dev/revision"
PREFERENCE = "openfunction.io/prefer-runtime"
DEFAULT_PORT = 8080
MARK = "OFN_INSTANCE"
BASE_ENV: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - a home for caches of libraries


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of a container happens: its Pod's folder and address, its files, and the sandbox level."""

    pod_folder: Path
    address: str
    run: Run
    level: Level


def port_of(container: core.Container) -> int:
    """The port a container listens on."""
    return container.ports[0].container_port if container.ports else DEFAULT_PORT


def instance_id(pod: core.Pod, container: core.Container) -> str:
    """The name of an instance on its line; a Pod's first container bears the Pod's own uid."""
    first = pod.spec.containers[0].name
    return pod.metadata.uid if container.name == first else f"{pod.metadata.uid}.{container.name}"


def make_instance(
    pod: core.Pod, container: core.Container, *, runnable: Runnable, env: Resolved, place: Place, home: Home
) -> InstanceSpec:
    """What the instance is started from, with a template when the Pod may be a fork of one."""
    level = Level.NONE if runnable.trusted else place.level
    binds = volumes.binds(container, place.pod_folder / volumes.VOLUMES)
    sockets = volumes.sockets(container, place.pod_folder / volumes.VOLUMES)
    values = {
        name: volumes.at_sockets(value, sockets)
        for name, value in _instance_env(container, runnable, env, place).items()
    }
    if runnable.trusted:
        values = build_requests.complete(values, home, os.environ, binds=binds)
    control = home.instances_socket
    name = instance_id(pod, container)
    return InstanceSpec(
        id=name,
        argv=_argv(container, runnable, values, binds=sockets + ([] if _sees_mounts(level) else binds)),
        env={**values, "OFN_CONTROL": str(control), MARK: name},
        cwd=_cwd(container, runnable, place),
        host=place.address,
        port=int(values["PORT"]),
        log=place.run.log,
        exits=place.run.exits,
        control=control,
        level=level,
        needs=Needs(
            readable=[*runnable.readable, control.parent, *interpreter_paths()],
            writable=[place.run.log.parent, *(one.source for one in sockets)],
            binds=binds,
            stage=place.pod_folder / "stage" if binds else None,
        ),
        cpus=_cpus(container),
        template=warm_program(container, home)
        or make_template(pod, runnable=runnable, env=env, level=level, home=home),
    )


def _argv(
    container: core.Container, runnable: Runnable, values: Mapping[str, str], *, binds: Sequence[sandbox.Bind]
) -> list[str]:
    given = [environment.expand(word, values) for word in (*container.command, *container.args)]
    if runnable.program is None:
        return given if container.command else [*runnable.argv, *given]
    return _program_argv(runnable.program, given, host=values["HOST"], binds=binds)


def _program_argv(
    program: programs.Program, given: Sequence[str], *, host: str, binds: Sequence[sandbox.Bind]
) -> list[str]:
    """What sees no mounts is given folders of this machine for those that its arguments name."""
    placed = [_placed(word, binds) for word in given]
    try:
        return program.command(placed, host=host)
    except programs.ProgramError as error:
        raise images.NotRunnableError("ProgramNotRunnable", str(error)) from error


def _sees_mounts(level: Level) -> bool:
    return level in (Level.UNPRIVILEGED_USER, Level.OWN_MOUNTS)


def _placed(word: str, binds: Sequence[sandbox.Bind]) -> str:
    option, equals, value = word.partition("=")
    if word.startswith("/"):
        return build_requests.mapped(word, binds)
    return f"{option}={build_requests.mapped(value, binds)}" if equals and value.startswith("/") else word


def _cwd(container: core.Container, runnable: Runnable, place: Place) -> Path:
    """Where it starts; for a program of the platform the folder of its volumes, which lie there by name."""
    if runnable.trusted:
        folder = place.pod_folder / volumes.VOLUMES
        return folder if folder.is_dir() else runnable.cwd
    return Path(container.working_dir) if container.working_dir else runnable.cwd


def _instance_env(
    container: core.Container, runnable: Runnable, env: Resolved, place: Place
) -> dict[str, str]:
    return {
        **BASE_ENV,
        "PORT": str(port_of(container)),
        **runnable.env,
        **env.values,
        "HOST": place.address,
        "OFN_TERMINATION_LOG": str(place.run.message),
    }


def revision_of(pod: core.Pod) -> str:
    """The version of a function that a Deployment's Pods serve: its Revision, or an asynchronous one's Serving.

    Others have no template: one that a single Job would use costs more than it saves.
    """
    found = pod.metadata.labels
    if REVISION_LABEL in found or async_workloads.WORKLOAD not in found:
        return found.get(REVISION_LABEL, "")
    deployed = any(owner.kind == "ReplicaSet" for owner in pod.metadata.owner_references)
    return found.get(labels.SERVING, "") if deployed else ""


def warm_program(container: core.Container, home: Home) -> TemplateSpec | None:
    """The warm process of the program that a container runs, where that program can be forked."""
    program = programs.find(container.image)
    word = next(iter((*container.command, *container.args)), "")
    module = program.warm.get(word) if program else None
    if program is None or module is None:
        return None
    return TemplateSpec(
        key=naming.digest_of([program.name, word, module], length=12),
        namespace="",
        revision="",
        argv=[sys.executable, "-m", "openfunction_py.node.warm", module],
        env=program.env(home),
        cwd=home.root,
        level=Level.NONE,
        needs=Needs(),
        program=word,
    )


def make_template(
    pod: core.Pod, *, runnable: Runnable, env: Resolved, level: Level, home: Home
) -> TemplateSpec | None:
    """What the template of the Pod's revision is made from; None when it cannot have one.

    The key holds all that the template has imported and may show to its forks, and who they belong to. What its Pods
    are told of their sidecar is none of it: the template is made from a Deployment, too, which does not have that.
    """
    revision = revision_of(pod)
    if not revision or not runnable.template_argv:
        return None
    shared = {name: value for name, value in env.shared().items() if sidecars.TOLD.get(name) != value}
    values = {**BASE_ENV, **runnable.env, **shared}
    namespace = pod.metadata.namespace
    account = pod.spec.service_account_name or "default"
    needs = Needs(
        readable=[*runnable.readable, home.instances_dir, *interpreter_paths()],
        writable=[home.pod_logs / namespace, volumes.sockets_of(home, namespace)],
    )
    return TemplateSpec(
        key=naming.digest_of([namespace, account, revision, runnable.digest, values], length=12),
        namespace=namespace,
        revision=revision,
        argv=runnable.template_argv,
        env=values,
        cwd=runnable.cwd,
        level=level,
        needs=needs,
        image=runnable.digest,
        dependencies=_dependencies(namespace, account, runnable=runnable, level=level, needs=needs),
    )


def _dependencies(
    namespace: str, account: str, *, runnable: Runnable, level: Level, needs: Needs
) -> TemplateSpec | None:
    """The template of the image's packages, shared in one namespace by one service account.

    It gets nothing of the Pod's environment, so no Secret; the function's file only tells it what to import.
    """
    layer = runnable.dependencies
    if layer is None:
        return None
    source = runnable.cwd / (runnable.env.get("FUNCTION_SOURCE") or runnable.env.get("FUNC_SRC") or "main.py")
    return TemplateSpec(
        key=naming.digest_of([namespace, account, str(layer), "dependencies"], length=12),
        namespace=namespace,
        revision="",
        argv=[*runnable.template_argv, "--dependencies", str(layer)],
        env={**BASE_ENV, "PYTHONPATH": str(layer), "FUNCTION_SOURCE": str(source)},
        cwd=layer,
        level=level,
        needs=needs,
        image=runnable.digest,
    )


def why_no_fork(
    pod: core.Pod, container: core.Container, *, trusted: bool, template: TemplateSpec | None
) -> str:
    """Why this instance is a fresh process whatever its template says; empty when it may be a fork."""
    if template is not None and template.program:
        return ""
    if trusted or programs.find(container.image) is not None:
        return "the image is a program of the platform"
    if container.command or container.args:
        return "the container has a command line of its own"
    if pod.metadata.annotations.get(PREFERENCE) == "process":
        return f"the annotation {PREFERENCE} asks for it"
    shown = {one.name for one in pod.spec.volumes if volumes.is_sockets(one)}
    if any(mount.name not in shown for mount in container.volume_mounts):
        return "the container mounts volumes, which a template cannot show to its forks"
    if template is None:
        return "the Pod is of no Deployment of a function, or its image does not serve one of this framework"
    return ""


def interpreter_paths() -> list[Path]:
    """What the interpreter itself is made of, where that is outside the folders everybody may read."""
    return list(dict.fromkeys(sandbox.interpreter_roots()))


def _cpus(container: core.Container) -> int:
    limits = container.resources.limits if container.resources else {}
    return math.ceil(quantities.parse(str(limits["cpu"]))) if "cpu" in limits else 0
