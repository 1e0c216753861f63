"""How many replicas each ReplicaSet of a Deployment should have next.

Pure: counts in, counts out. It never looks at Pods and never talks to a server.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """One ReplicaSet as a rollout sees it: what was asked of it, what exists and what is available."""

    name: str
    wanted: int
    existing: int
    available: int


@dataclass(frozen=True, slots=True)
class Policy:
    """Desired replicas and the two bounds of a rolling update, resolved to counts."""

    desired: int
    max_surge: int
    max_unavailable: int
    recreate: bool = False
    paused: bool = False


def resolve(
    desired: int, *, max_surge: int | str | None, max_unavailable: int | str | None
) -> tuple[int, int]:
    """Surge and unavailability as counts; percentages round up and down as Kubernetes does.

    Both zero would never move, so one may then be unavailable (deployment_util.go ResolveFenceposts).
    """
    surge = _count(max_surge if max_surge is not None else "25%", desired, up=True)
    unavailable = _count(max_unavailable if max_unavailable is not None else "25%", desired, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, desired) if desired else unavailable


def _count(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return max(0, value)
    text = value.strip()
    if not text.endswith("%"):
        return max(0, int(text))
    exact = int(text[:-1]) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


def plan(policy: Policy, *, new: Counts | None, old: Sequence[Counts]) -> dict[str, int]:
    """Wanted replicas by ReplicaSet name; a name that is missing keeps what it has.

    ``old`` goes oldest first. Mirrors rolling.go and recreate.go of kube-controller-manager.
    """
    if policy.desired == 0:
        return {one.name: 0 for one in _present(new, old)}
    if policy.paused:
        return _paused(policy, new=new, old=old)
    if policy.recreate:
        return _recreate(policy, new=new, old=old)
    return _rolling(policy, new=new, old=old)


def _present(new: Counts | None, old: Iterable[Counts]) -> list[Counts]:
    return [*([new] if new else []), *old]


def _paused(policy: Policy, *, new: Counts | None, old: Sequence[Counts]) -> dict[str, int]:
    """A paused rollout moves nothing between templates; only the newest set that runs follows the scale."""
    running = [one for one in [*old, *([new] if new else [])] if one.wanted > 0]
    target = running[-1] if running else new
    if target is None:
        return {}
    others = sum(one.wanted for one in running if one is not target)
    return {target.name: max(0, policy.desired - others)}


def _recreate(policy: Policy, *, new: Counts | None, old: Sequence[Counts]) -> dict[str, int]:
    wanted = {one.name: 0 for one in old}
    if new and not any(one.existing or one.wanted for one in old):
        wanted[new.name] = policy.desired
    return wanted


def _rolling(policy: Policy, *, new: Counts | None, old: Sequence[Counts]) -> dict[str, int]:
    if new is None:
        return {}
    grown = _grown(policy, new=new, old=old)
    wanted = {new.name: grown}
    # Old sets shrink by what was true before this step: replicas just asked for are not there yet.
    spare = sum(one.wanted for one in _present(new, old)) - (policy.desired - policy.max_unavailable)
    spare -= max(0, min(new.wanted, grown) - new.available)
    return wanted | _shrunk(policy, new=new, old=old, spare=spare)


def _grown(policy: Policy, *, new: Counts, old: Sequence[Counts]) -> int:
    if new.wanted >= policy.desired:
        return policy.desired
    room = policy.desired + policy.max_surge - new.wanted - sum(one.wanted for one in old)
    return min(policy.desired, new.wanted + max(0, room))


def _shrunk(policy: Policy, *, new: Counts, old: Sequence[Counts], spare: int) -> dict[str, int]:
    """Unhealthy replicas of old sets go first, then healthy ones down to the availability bound."""
    left = {one.name: one.wanted for one in old}
    budget = max(0, spare)
    for one in old:
        cut = min(budget, max(0, one.wanted - one.available), left[one.name])
        left[one.name] -= cut
        budget -= cut
    available = new.available + sum(min(one.available, left[one.name]) for one in old)
    healthy = min(budget, max(0, available - (policy.desired - policy.max_unavailable)))
    for one in old:
        cut = min(healthy, left[one.name])
        left[one.name] -= cut
        healthy -= cut
    return {name: count for name, count in left.items() if count != _wanted(old, name)}


def _wanted(sets: Sequence[Counts], name: str) -> int:
    return next(one.wanted for one in sets if one.name == name)
