"""What a test of reconcilers starts from, and the parts of others that it plays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openfunction_py.api.builders import Builder
from openfunction_py.api.functions import Function, FunctionStatus
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.meta import Condition
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream.knative import KnativeService, Revision
from openfunction_py.api.upstream.shipwright import BuildRun
from openfunction_py.reconcilers import builder, function, gateway, serving
from openfunction_py.reconcilers.serving.brokers import Readers
from openfunction_py.reconcilers.serving.groups import Make
from tests.reconcilers.world import World

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
SOURCE = {"main.py": "def hello(request):\n    return 'hi'\n"}


async def known_to_all(_: Sequence[Readers]) -> None:
    """The brokers' part: every reader is known to them."""


def world(*, make: Make = known_to_all, daprd: bool = False) -> World:
    """All four reconcilers and the default Gateway."""
    made = World()
    for module in (function, builder, gateway):
        module.install(made.manager)
    serving.install(made.manager, make=make, daprd=daprd)
    made.put(
        Gateway.model_validate(
            {
                "metadata": {"name": "openfunction", "namespace": "openfunction"},
                "spec": {
                    "domain": "localhost",
                    "gatewayDef": {"gatewayClassName": "openfunction"},
                    "gatewaySpec": {"listeners": [{"name": "http", "protocol": "HTTP", "port": 8080}]},
                },
            }
        )
    )
    return made


def hello(**spec: Any) -> Function:
    """The inline hello function, with parts of its spec replaced; None removes one."""
    whole = {"image": "hello:v1", "build": build(), "serving": {}, **spec}
    return Function.model_validate(
        {
            "metadata": {"name": "hello", "namespace": "default"},
            "spec": {key: value for key, value in whole.items() if value is not None},
        }
    )


def build(**more: Any) -> dict[str, Any]:
    """The build block of the hello function."""
    return {"srcRepo": {"inline": SOURCE}, "env": {"FUNC_NAME": "hello"}, **more}


def seen(there: World) -> FunctionStatus:
    """The status of the hello function."""
    found = there.lister(Function).get("default", "hello")
    assert found is not None
    return found.status


def condition(there: World, kind: str = "Ready") -> Condition:
    """One condition of the hello function."""
    return next(one for one in seen(there).conditions if one.type == kind)


def builders(there: World) -> list[Builder]:
    """Every Builder."""
    return there.lister(Builder).list()


def servings(there: World) -> list[Serving]:
    """Every Serving."""
    return there.lister(Serving).list()


def service(there: World) -> KnativeService:
    """The Knative Service of the hello function."""
    found = there.lister(KnativeService).get("default", "hello-ksvc")
    assert found is not None
    return found


async def finish_build(there: World, *, digest: str = DIGEST) -> None:
    """Shipwright's part: the newest run succeeds."""
    await end_run(there, {"type": "Succeeded", "status": "True", "reason": "Succeeded"}, digest=digest)


async def fail_build(there: World, reason: str, message: str) -> None:
    """Shipwright's part: the newest run fails."""
    details = {"reason": reason, "message": message}
    await end_run(there, {"type": "Succeeded", "status": "False", "reason": "Failed"}, details=details)


async def end_run(
    there: World, ended: dict[str, str], *, digest: str = "", details: dict[str, str] | None = None
) -> None:
    """Shipwright's part: the run of the attempt that the Function names ends."""
    named = seen(there).build
    assert named is not None
    status: dict[str, Any] = {
        "conditions": [ended],
        "startTime": "2024-01-01T00:00:00Z",
        "completionTime": "2024-01-01T00:00:07Z",
    }
    if digest:
        status["output"] = {"digest": digest, "size": 7}
    if details:
        status["failureDetails"] = details
    there.set_status(BuildRun, f"{named.resource_ref}-run", status)
    await there.settle()


async def revise(there: World, ready: Condition | None = None) -> str:
    """Knative's part: a Revision of the template, ready unless told otherwise."""
    current = service(there)
    template = current.spec.template
    name = f"hello-ksvc-{current.metadata.generation:05d}"
    there.store(
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": name, "namespace": "default", "labels": dict(template.metadata.labels)},
            "spec": {},
        }
    )
    verdict = ready or Condition(type="Ready", status="True")
    there.set_status(Revision, name, {"conditions": [verdict.to_wire()]})
    good = verdict.status == "True"
    before = current.status.latest_ready_revision_name
    status = {
        "observedGeneration": current.metadata.generation,
        "latestCreatedRevisionName": name,
        "latestReadyRevisionName": name if good else before,
        "conditions": [{**verdict.to_wire(), "type": "Ready"}],
    }
    there.set_status(KnativeService, "hello-ksvc", status)
    await there.settle()
    return name


async def running(there: World, made: Function | None = None) -> None:
    """From manifest to running."""
    there.put(made or hello())
    await there.settle()
    if seen(there).build is not None and (made is None or made.spec.build is not None):
        await finish_build(there)
    await revise(there)
