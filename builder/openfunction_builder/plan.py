"""The build plan: what the buildpacks of a group provide and require, matched.

Pure. Rules of the Buildpack API's "Build Plan": a requirement needs a provider at or before it in the group, a
provision a requirer at or after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openfunction_builder.buildpacks import Buildpack, Member

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """One alternative of a buildpack: names it provides, entries it requires."""

    provides: tuple[str, ...] = ()
    requires: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A buildpack of the chosen group, and the entries it has to meet."""

    buildpack: Buildpack
    entries: tuple[Entry, ...] = ()


def offers(document: Mapping[str, Any]) -> list[Offer]:
    """The alternatives of a detect's plan, in their order; an empty plan asks for nothing."""
    return [
        Offer(
            tuple(one["name"] for one in part.get("provides", [])),
            tuple(part.get("requires", [])),
        )
        for part in (document, *document.get("or", []))
    ]


def resolve(group: Sequence[tuple[Member, Sequence[Offer]]]) -> list[Step] | None:
    """The steps of the first combination of alternatives that works out; None when none does."""
    for chosen in itertools.product(*(alternatives for _, alternatives in group)):
        trial = [(member, offer) for (member, _), offer in zip(group, chosen, strict=True)]
        if (steps := _try(trial)) is not None:
            return steps
    return None


def _try(trial: list[tuple[Member, Offer]]) -> list[Step] | None:
    """Drop optional buildpacks with something unmet until all is met; None when a required one has something unmet."""
    while trial:
        unmet = next((at for at in range(len(trial)) if _unmet(trial, at)), None)
        if unmet is None:
            return [
                Step(member.buildpack, tuple(_entries(trial, at))) for at, (member, _) in enumerate(trial)
            ]
        if not trial[unmet][0].optional:
            return None
        trial = [*trial[:unmet], *trial[unmet + 1 :]]
    return None


def _unmet(trial: Sequence[tuple[Member, Offer]], at: int) -> bool:
    offer = trial[at][1]
    provided = {name for _, before in trial[: at + 1] for name in before.provides}
    required = {entry["name"] for _, after in trial[at:] for entry in after.requires}
    return any(entry["name"] not in provided for entry in offer.requires) or bool(
        set(offer.provides) - required
    )


def _entries(trial: Sequence[tuple[Member, Offer]], at: int) -> Iterator[Entry]:
    """Entries for the names that this buildpack is the first to provide."""
    earlier = {name for _, before in trial[:at] for name in before.provides}
    mine = set(trial[at][1].provides) - earlier
    for _, offer in trial[at:]:
        yield from (entry for entry in offer.requires if entry["name"] in mine)
