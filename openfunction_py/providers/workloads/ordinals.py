"""A StatefulSet's next step: which places get a Pod, which Pods go, from what is there.

Pure. Rules of stateful_set_control.go in kube-controller-manager.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """The Pod of one place."""

    ordinal: int
    updated: bool
    available: bool
    terminating: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How many places, whether all at once, and from which place on the newest template is for."""

    replicas: int
    parallel: bool = False
    partition: int = 0
    on_delete: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Places to fill, and places whose Pod is to be deleted."""

    create: Sequence[int] = ()
    delete: Sequence[int] = ()


def plan(policy: Policy, members: Sequence[Member]) -> Step:
    """The next step; an ordered set moves one Pod and waits for what that does."""
    found = {one.ordinal: one for one in members}
    ended = [one.ordinal for one in members if one.finished and not one.terminating]
    if ended:
        return Step(delete=ended)
    step = _all_at_once(policy, found) if policy.parallel else _in_order(policy, found)
    return step if step.create or step.delete else _update(policy, found)


def _all_at_once(policy: Policy, found: Mapping[int, Member]) -> Step:
    return Step(
        create=[place for place in range(policy.replicas) if place not in found],
        delete=[
            place for place in sorted(found) if place >= policy.replicas and not found[place].terminating
        ],
    )


def _in_order(policy: Policy, found: Mapping[int, Member]) -> Step:
    for place in range(policy.replicas):
        if place not in found:
            return Step(create=[place])
        if found[place].terminating:
            return Step()
        if not found[place].available:
            return _mend(policy, found[place])
    surplus = [place for place in sorted(found, reverse=True) if place >= policy.replicas]
    if not surplus or found[surplus[0]].terminating:
        return Step()
    return Step(delete=surplus[:1])


def _mend(policy: Policy, member: Member) -> Step:
    """A Pod of an old template that never got ready gives way: waiting for it would be for ever."""
    outdated = not member.updated and not policy.on_delete and member.ordinal >= policy.partition
    return Step(delete=[member.ordinal]) if outdated else Step()


def _update(policy: Policy, found: Mapping[int, Member]) -> Step:
    if policy.on_delete:
        return Step()
    for place in sorted(found, reverse=True):
        member = found[place]
        if place >= policy.replicas or place < policy.partition:
            continue
        if member.terminating:
            return Step()
        if not member.updated:
            return Step(delete=[place])
        if not member.available:
            return Step()
    return Step()
