"""What became of a BuildRun, read from its Pod.

Pure: it stops nothing and waits for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from openfunction_builder import result as results
from openfunction_py.api.upstream import core

STARTING = frozenset({"", "ContainerCreating", "PodInitializing", "Pending"})
LIMIT = 2048


@dataclass(frozen=True, slots=True)
class Outcome:
    """The Succeeded condition of a run and what goes with it."""

    status: str
    reason: str
    message: str
    failure: tuple[str, str] | None = None
    result: results.BuildResult = field(default_factory=results.BuildResult)

    @property
    def finished(self) -> bool:
        """Whether nothing more will come."""
        return self.status != "Unknown"


def failed(reason: str, message: str, *, condition: str = "Failed") -> Outcome:
    """A run that failed, in words that a person can act on."""
    return Outcome("False", condition, message, failure=(reason, message))


def of_pod(pod: core.Pod) -> Outcome:
    """The outcome that a Pod shows now."""
    ended = _ended(pod)
    if pod.status.reason == "DeadlineExceeded":
        return failed("BuildRunTimeout", "The build did not finish in time.", condition="BuildRunTimeout")
    if pod.status.phase == "Succeeded" or (ended and ended.exit_code == 0):
        return _succeeded(ended)
    if pod.status.phase == "Failed" or ended:
        return _failed(pod, ended)
    waiting = next((one.state.waiting for one in pod.status.container_statuses if one.state.waiting), None)
    if waiting and waiting.reason not in STARTING:
        return failed(waiting.reason, waiting.message or waiting.reason)
    running = any(one.state.running for one in pod.status.container_statuses)
    if running or pod.status.phase == "Running":
        return Outcome("Unknown", "Running", "The build is running.")
    return Outcome("Unknown", "Pending", "The build's Pod is about to start.")


def _ended(pod: core.Pod) -> core.StateTerminated | None:
    return next((one.state.terminated for one in pod.status.container_statuses if one.state.terminated), None)


def _succeeded(ended: core.StateTerminated | None) -> Outcome:
    result = result_of(ended)
    if not result.digest:
        message = "The builder ended without saying which image it made; see its log."
        return failed("BuildFailed", message)
    return Outcome("True", "Succeeded", "All Steps have completed executing", result=result)


def _failed(pod: core.Pod, ended: core.StateTerminated | None) -> Outcome:
    result = result_of(ended)
    text = (result.message or (ended.message if ended else "") or pod.status.message).strip()[-LIMIT:]
    if not text:
        code = ended.exit_code if ended else "unknown"
        text = f"The builder ended with exit code {code} and gave no reason; see its log."
    reason = result.reason or pod.status.reason or "BuildFailed"
    return Outcome("False", "Failed", text, failure=(reason, text), result=result)


def result_of(ended: core.StateTerminated | None) -> results.BuildResult:
    """The builder's result, empty when it wrote none."""
    try:
        return results.BuildResult.from_json(ended.message if ended and ended.message else "{}")
    except ValueError:
        return results.BuildResult()
