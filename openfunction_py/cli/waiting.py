"""Waiting for a Function with progress by phase; one line per change, so that it reads the same in a log."""

from __future__ import annotations

import time
from typing import Any

from openfunction_py.cli import failures, kinds, output, target

FINAL = frozenset(
    [
        *("SourceNotFound", "FunctionNotFound", "DependencyFailed", "SyntaxError"),
        *("BuildStepFailed", "BuildFailed", "BuildTimeout", "BuildRunTimeout", "Canceled", "Timeout"),
        *("ImageNotRunnable", "InterpreterMissing", "CrashLoop", "CrashLoopBackOff", "ServingFailed"),
        *("ArityMismatch", "OptionalMissing"),
        *("ImportFailed", "ContainerMissing", "ProgressDeadlineExceeded", "BuilderNotFound"),
    ]
)


def ready(item: dict[str, Any]) -> dict[str, Any]:
    """The Ready condition of the generation that is asked for; empty when the status is older."""
    status = item.get("status") or {}
    if status.get("observedGeneration") != item["metadata"].get("generation"):
        return {}
    return next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})


def until_ready(there: target.Target, name: str, namespace: str, timeout: float) -> dict[str, Any]:
    """The Function once it is Ready.

    Raises:
        FunctionFailure: it failed, with its reason.
        TimeoutFailure: it is neither after `timeout` seconds.
    """
    deadline, said = time.monotonic() + timeout, ""
    item = there.get(kinds.FUNCTION, name, namespace)
    selection = {"fieldSelector": f"metadata.name={name}"}
    while True:
        said = _say(name, item, said)
        if _settled(name, item):
            return item
        left = deadline - time.monotonic()
        if left <= 0:
            raise failures.TimeoutFailure(
                f"{name} is not ready after {timeout:.0f} s: {said or 'no status yet'}"
            )
        params = {
            "resourceVersion": item["metadata"]["resourceVersion"],
            "timeoutSeconds": str(int(left) + 1),
        }
        for event, changed in there.watch(kinds.FUNCTION, namespace, **params, **selection):
            if event == "DELETED":
                raise failures.NotFoundFailure(f"{name} was deleted while it was waited for")
            if event in ("ADDED", "MODIFIED"):
                item = changed
                said = _say(name, item, said)
                if _settled(name, item):
                    return item


def _say(name: str, item: dict[str, Any], said: str) -> str:
    now = phase(item)
    if now and now != said:
        output.talk(f"{name}: {now}")
    return now or said


def _settled(name: str, item: dict[str, Any]) -> bool:
    condition = ready(item)
    if condition.get("status") == "True":
        return True
    if condition.get("status") == "False" and _is_final(condition.get("reason", "")):
        built = ((item.get("status") or {}).get("build") or {}).get("state") != "Failed"
        raise failures.FunctionFailure(
            f"{name} failed: {condition['reason']}: {condition.get('message', '').rstrip()}\n"
            f"the whole output: ofn logs {name}{'' if built else ' --build'}"
        )
    return False


def _is_final(reason: str) -> bool:
    """Whether only another manifest helps; what a missing Secret or Gateway ends may still come."""
    return reason in FINAL or reason.startswith("Invalid") or reason.endswith("Unsupported")


def phase(item: dict[str, Any]) -> str:
    """Where a Function is between manifest and answer, in a few words."""
    status = item.get("status") or {}
    condition = ready(item)
    if condition.get("status") == "True":
        return "ready"
    build = (status.get("build") or {}).get("state", "")
    serving = (status.get("serving") or {}).get("state", "")
    if build in ("Created", "Building"):
        return "building"
    if build == "Failed":
        return "build failed"
    if serving in ("Created", "Starting"):
        return "starting"
    sentence = condition.get("message", "").partition("\n")[0]
    return ": ".join(part for part in (condition.get("reason") or serving.lower(), sentence) if part)


def url(item: dict[str, Any]) -> str:
    """The first External address; empty when there is none."""
    addresses = (item.get("status") or {}).get("addresses") or []
    return next((a["value"] for a in addresses if a["type"] == "External"), "")


def plain_url(item: dict[str, Any]) -> str:
    """The External address that every client can resolve: the one without a `.localhost` name."""
    addresses = [
        a["value"] for a in (item.get("status") or {}).get("addresses") or [] if a["type"] == "External"
    ]
    return next((value for value in addresses if ".localhost" not in value), url(item))
