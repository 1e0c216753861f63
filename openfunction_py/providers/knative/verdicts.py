"""Knative's living conditions: one that is True only when all it depends on are.

Pure: conditions in, conditions out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from openfunction_py.api import meta


@dataclass(frozen=True, slots=True)
class Verdict:
    """One dependent condition: True, False or Unknown, and why unless True."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    # An informational condition is shown and does not decide Ready.
    decides: bool = True


def true(kind: str, *, decides: bool = True) -> Verdict:
    """A condition that holds."""
    return Verdict(kind, "True", decides=decides)


def copied(kind: str, source: meta.Condition | None, *, decides: bool = True) -> Verdict:
    """A condition that repeats another object's."""
    if source is None:
        return Verdict(kind, decides=decides)
    return Verdict(kind, source.status, source.reason or "", source.message or "", decides)


def summary(verdicts: Iterable[Verdict], *, kind: str = "Ready") -> Verdict:
    """False if one is False, else Unknown if one is, else True; the first such one gives the reason."""
    deciding = [one for one in verdicts if one.decides]
    for status in ("False", "Unknown"):
        found = next((one for one in deciding if one.status == status), None)
        if found is not None:
            return Verdict(kind, status, found.reason, found.message)
    return true(kind)


def write(
    before: Sequence[meta.Condition] | None, verdicts: Sequence[Verdict], *, now: str
) -> list[dict[str, Any]]:
    """The conditions to write, Ready last; transition times are kept where the status is unchanged."""
    conditions = list(before or [])
    for one in (*verdicts, summary(verdicts)):
        conditions = meta.set_condition(conditions, _condition(one), now=now)
    kinds = {one.type for one in verdicts} | {"Ready"}
    return [one.to_wire() for one in conditions if one.type in kinds]


def _condition(verdict: Verdict) -> meta.Condition:
    fields: dict[str, str] = {"type": verdict.type, "status": verdict.status}
    if verdict.reason:
        fields["reason"] = verdict.reason
    if verdict.message:
        fields["message"] = verdict.message
    return meta.Condition.model_validate(fields)
