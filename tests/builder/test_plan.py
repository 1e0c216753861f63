"""The build plan: what a group provides and requires works out, or the group is not taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_builder import plan
from openfunction_builder.buildpacks import Buildpack, Member
from openfunction_builder.plan import Offer


def member(name: str, *, optional: bool = False) -> Member:
    return Member(Buildpack(name, "1", name, Path("/nowhere") / name), optional)


def needs(*names: str) -> tuple[plan.Entry, ...]:
    return tuple({"name": name} for name in names)


def chosen(steps: list[plan.Step] | None) -> list[str] | None:
    return None if steps is None else [step.buildpack.id for step in steps]


A_PROVIDES = Offer(provides=("x",))
B_REQUIRES = Offer(requires=needs("x"))


def test_a_requirement_is_met_by_an_earlier_buildpack_which_gets_the_entry() -> None:
    steps = plan.resolve([(member("a"), [A_PROVIDES]), (member("b"), [B_REQUIRES])])
    assert steps is not None
    assert [step.entries for step in steps] == [needs("x"), ()]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(B_REQUIRES, A_PROVIDES, id="provided too late"),
        pytest.param(A_PROVIDES, Offer(), id="provided and never required"),
        pytest.param(Offer(), B_REQUIRES, id="required and never provided"),
    ],
)
def test_a_required_buildpack_with_something_unmet_fails_the_group(first: Offer, second: Offer) -> None:
    assert plan.resolve([(member("a"), [first]), (member("b"), [second])]) is None


def test_an_optional_buildpack_with_something_unmet_is_dropped() -> None:
    group = [(member("a", optional=True), [A_PROVIDES]), (member("b"), [Offer()])]
    assert chosen(plan.resolve(group)) == ["b"]


def test_the_next_alternative_is_tried() -> None:
    group = [(member("a"), [A_PROVIDES, Offer()]), (member("b"), [Offer()])]
    assert chosen(plan.resolve(group)) == ["a", "b"]


def test_a_group_that_loses_everyone_is_not_taken() -> None:
    assert plan.resolve([(member("a", optional=True), [A_PROVIDES])]) is None


def test_the_first_provider_gets_the_entries() -> None:
    group = [(member("a"), [A_PROVIDES]), (member("b"), [Offer(provides=("x",), requires=needs("x"))])]
    steps = plan.resolve(group)
    assert steps is not None
    assert [step.entries for step in steps] == [needs("x"), ()]


def test_alternatives_are_read_in_their_order() -> None:
    document = {"provides": [{"name": "x"}], "or": [{"requires": [{"name": "y"}]}, {}]}
    assert plan.offers(document) == [A_PROVIDES, Offer(requires=needs("y")), Offer()]
