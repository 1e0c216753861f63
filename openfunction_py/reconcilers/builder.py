"""Builder: a Shipwright Build and one BuildRun, and what became of them.

One attempt only: it never builds again; a new attempt is a new Builder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openfunction_py.api import builders as api
from openfunction_py.api import meta
from openfunction_py.api.builders import Builder, BuilderOutput, BuilderStatus, SourceResult
from openfunction_py.api.upstream.shipwright import Build, BuildRun, BuildRunStatus
from openfunction_py.api.upstream.shipwright import SourceResult as UpstreamSource
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube import errors
from openfunction_py.lib import clock, durations
from openfunction_py.resources import builds, labels, states

MANAGER = "openfunction-builder"
# Answers to a Build that asking again will not change.
REFUSALS = frozenset({400, 403, 422})
_RESULT = {"BuildRunTimeout": states.TIMEOUT, "BuildRunCanceled": states.CANCELED}


@dataclass(frozen=True, slots=True)
class Verdict:
    """State of an attempt, with why."""

    state: str
    reason: str = ""
    message: str = ""


class Reconciler:
    """Drives one Builder."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._manager = manager
        self._client = manager.client
        self._builders = manager.lister(Builder)
        self._builds = manager.lister(Build)
        self._runs = manager.lister(BuildRun)

    async def reconcile(self, request: Request) -> Result:
        """Make the Shipwright objects, or stop them; copy what became of them."""
        current = self._builders.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return Result()
        if current.status.state in states.FINISHED:
            return Result()
        now = self._manager.clock.now()
        build = self._builds.get(request.namespace, builds.build_name(request.name))
        run = self._runs.get(request.namespace, builds.run_name(request.name))
        verdict = judge(current, build, run, now=now)
        if verdict.state in (states.CANCELED, states.TIMEOUT):
            await self._stop(run)
        elif verdict.state not in states.FINISHED:
            verdict = await self._ensure(current, build, run) or verdict
        desired = current.model_copy(update={"status": decide(current, run, verdict, now=now)})
        await status.write_status(self._client, desired, current, manager=MANAGER)
        return Result(requeue_after=_until_timeout(current, verdict, now=now))

    async def _ensure(self, builder: Builder, build: Build | None, run: BuildRun | None) -> Verdict | None:
        """Make what is missing; a verdict when the server will not have it."""
        if run is not None:
            return None
        try:
            if build is None:
                await self._describe(builder)
            await self._client.create(builds.make_run(builder))
        except errors.AlreadyExists:
            return None
        except errors.ApiError as error:
            if error.code not in REFUSALS:
                raise
            return Verdict(states.FAILED, "BuildRejected", error.message)
        return None

    async def _describe(self, builder: Builder) -> None:
        source = builds.make_source(builder)
        if source is not None:
            await self._client.apply(source, manager=MANAGER)
        await self._client.apply(builds.make_build(builder), manager=MANAGER)

    async def _stop(self, run: BuildRun | None) -> None:
        """Ask for the end of a run that is not over; its provider ends the work."""
        if run is None or _succeeded(run) != "Unknown" or run.spec.state == builds.CANCELED:
            return
        metadata = run.metadata
        await self._client.patch(
            BuildRun, metadata.name, {"spec": {"state": builds.CANCELED}}, namespace=metadata.namespace
        )


def judge(builder: Builder, build: Build | None, run: BuildRun | None, *, now: datetime) -> Verdict:
    """What became of an attempt so far."""
    if run is not None and _succeeded(run) != "Unknown":
        return _finished(run)
    if builder.spec.state == api.CANCELLED:
        return Verdict(
            states.CANCELED, states.CANCELED, "the build was cancelled; a newer one takes its place"
        )
    if _overdue(builder, now) is not None:
        sentence = (
            f"the build took longer than its timeout of {builder.spec.timeout}; raise spec.build.timeout"
        )
        return Verdict(states.TIMEOUT, "BuildTimeout", sentence)
    if build is not None and build.status.registered == "False":
        return Verdict(states.FAILED, build.status.reason or "BuildRejected", build.status.message)
    return Verdict(states.BUILDING, states.BUILDING, "the image is being built")


def _succeeded(run: BuildRun) -> str:
    condition = meta.find_condition(run.status.conditions, "Succeeded")
    return condition.status if condition else "Unknown"


def _finished(run: BuildRun) -> Verdict:
    condition = meta.find_condition(run.status.conditions, "Succeeded") or meta.Condition(type="Succeeded")
    if condition.status == "True":
        return Verdict(states.SUCCEEDED, states.SUCCEEDED, "the image was built")
    state = _RESULT.get(condition.reason, states.FAILED)
    details = run.status.failure_details
    reason = (details.reason if details else "") or condition.reason or "BuildFailed"
    message = (details.message if details else "") or condition.message
    if state == states.TIMEOUT:
        reason = "BuildTimeout"
    return Verdict(state, reason, message)


def _overdue(builder: Builder, now: datetime) -> float | None:
    """Seconds past the timeout, when it has passed."""
    left = _left(builder, now)
    return -left if left is not None and left <= 0 else None


def _left(builder: Builder, now: datetime) -> float | None:
    since = builder.metadata.creation_timestamp
    if not builder.spec.timeout or not since:
        return None
    limit = durations.parse(builder.spec.timeout)
    if not limit:
        return None
    return (clock.parse(since) + limit - now).total_seconds()


def _until_timeout(builder: Builder, verdict: Verdict, *, now: datetime) -> float | None:
    if verdict.state in states.FINISHED:
        return None
    return _left(builder, now)


def decide(builder: Builder, run: BuildRun | None, verdict: Verdict, *, now: datetime) -> BuilderStatus:
    """The status of an attempt."""
    name, generation = builder.metadata.name, builder.metadata.generation
    ready = states.condition(
        "Ready", verdict.state, reason=verdict.reason, message=verdict.message, generation=generation
    )
    fields: dict[str, object] = {
        "phase": states.BUILD_PHASE,
        "state": verdict.state,
        "reason": verdict.reason,
        "message": verdict.message,
        "resource_ref": {
            "shipwright.io/build": builds.build_name(name),
            "shipwright.io/buildRun": builds.run_name(name),
        },
        "conditions": meta.set_condition(builder.status.conditions, ready, now=clock.timestamp(now)),
        "observed_generation": generation,
    }
    if run is not None and verdict.state in states.FINISHED:
        fields |= _outcome(builder, run, verdict)
    return BuilderStatus.model_validate(fields)


def _outcome(builder: Builder, run: BuildRun, verdict: Verdict) -> dict[str, object]:
    found = run.status
    fields: dict[str, object] = {}
    duration = builder.spec.timeout if verdict.state == states.TIMEOUT else _duration(found)
    if duration:
        fields["build_duration"] = duration
    if found.output is not None and found.output.digest:
        fields["output"] = BuilderOutput(digest=found.output.digest, size=found.output.size)
    if found.lock:
        fields["lock"] = found.lock
    sources = [_source(one) for one in (*found.sources, *([found.source] if found.source else []))]
    if sources:
        fields["sources"] = sources
    return fields


def _duration(run: BuildRunStatus) -> str:
    if not run.start_time or not run.completion_time:
        return ""
    took = clock.parse(run.completion_time) - clock.parse(run.start_time)
    return durations.format(took - took % durations.parse("1s"))


def _source(found: UpstreamSource) -> SourceResult:
    fields: dict[str, object] = {"name": found.name or "default"}
    if found.git is not None:
        fields["git"] = {
            "commitSha": found.git.commit_sha,
            "commitAuthor": found.git.commit_author,
            "branchName": found.git.branch_name,
        }
    if found.oci_artifact is not None:
        fields["bundle"] = {"digest": found.oci_artifact.digest}
    return SourceResult.model_validate(fields)


def install(manager: managers.Manager) -> None:
    """Add the controller."""
    manager.add(
        "builder",
        Reconciler(manager),
        watches=[
            managers.Watch(Builder, managers.by_self),
            managers.Watch(Build, managers.by_label(labels.BUILDER)),
            managers.Watch(BuildRun, managers.by_label(labels.BUILDER)),
        ],
    )
