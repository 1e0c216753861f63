"""Formulas of scalingModifiers: what they give, and where they cannot be read."""

from __future__ import annotations

import math

import pytest

from openfunction_py.autoscaling import formula

VALUES = {"one": 4.0, "two": 6.0, "three": 0.0, "lost": None}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one + two * 2", 16),
        ("(one + two) / 2", 5),
        ("-one ** 2", -16),
        ("2 ** 3 ** 2", 512),
        ("two % 4 - 1", 1),
        ("one > 3 ? two : 1", 6),
        ("one > 3 and two > 9 ? 1 : three > 0 or not (two < 1) ? 2 : 3", 2),
        ("lost ?? 10", 10),
        ("lost ?? one + 1", 5),
        ("two ?? 10", 6),
        ("count([one, two, three], {# > 1}) > 1 ? 5 : 0", 5),
        ("count([one, two, three], # > 5)", 1),
        ("sum([one, two]) + sum([one, two], {# * 2})", 30),
        ("max(one, two, three) + min([one, two])", 10),
        ("mean([one, two]) + median(one, two, three)", 9),
        ("ceil(one / 3) + floor(1.9) + round(2.5) + abs(-1) + int(7.9)", 2 + 1 + 3 + 1 + 7),
        ("len(filter([one, two, three], {# != 0}))", 2),
        ("one in [4, 5] ? 1 : 0", 1),
        ("one not in [4, 5] ? 1 : 0", 0),
        ("not (one > 3) in [true, false] ? 1 : 0", 1),
        ("!(one > 3) in [true, false] ? 1 : 0", 1),
        ("any([one, three], {# == 0}) && !all([one, three], {# == 0}) ? 1.5e1 : 0", 15),
    ],
)
def test_a_formula_gives_what_its_language_says(text: str, wanted: float) -> None:
    assert formula.read(text).value(VALUES) == wanted


def test_division_by_zero_is_no_error_in_floats() -> None:
    assert math.isinf(formula.read("one / three").value(VALUES))
    assert math.isnan(formula.read("three / three").value(VALUES))


def test_the_names_are_those_that_it_asks_for() -> None:
    assert formula.read("max(a, b_2) + count([c], {# > d})").names == {"a", "b_2", "c", "d"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one +", "at its end; a value is missing"),
        ("one two", "at 5: 'two'; an operator is missing"),
        ("(one", "at its end; '\\)' is missing"),
        ("one @ two", "cannot be read at 5: '@ two'"),
        ("sqrt(one)", "there is no function sqrt in formulas; there are abs, all, any"),
        ("one + #", "at 7: '#'; a value is missing"),
        ("one ? two", "':' is missing"),
        ("", "at its end; a value is missing"),
        ("(" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(formula.FormulaError, match=said):
        formula.read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lost + 1", "lost is not known"),
        ("absent + lost", "absent, lost is not known"),
        ("one > 1", "gives True, which is no number"),
        ("[one]", "which is no number"),
        ("one + [two]", "gives no number"),
        ("9 ** 9 ** 9 ** 9", "gives no number"),
    ],
)
def test_what_gives_no_number_is_told(text: str, said: str) -> None:
    with pytest.raises(formula.FormulaError, match=said):
        formula.read(text).value(VALUES)
