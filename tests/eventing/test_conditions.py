"""Conditions over inputs: what they mean (openfunction.md 5.2), and what is refused with its position."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_eventing import conditions
from openfunction_eventing.filters.syntax import ParseError

INPUTS = ("a", "b", "c")

# condition, event's input, inputs that are warm beside it, whether it fires
FIRES = [
    ("b", "b", "", True),
    ("b", "a", "b", False),
    ("a && b", "a", "", False),
    ("a && b", "a", "b", True),
    ("a && b", "b", "a", True),
    ("a && b", "c", "ab", False),
    ("a || b", "a", "", True),
    ("a || b", "b", "", True),
    ("!a && b", "b", "", True),
    ("!a && b", "b", "a", False),
    ("!a && b", "a", "b", False),
    ("!(a && b) && c", "c", "a", True),
    ("!(a && b) && c", "c", "ab", False),
    ("a && true", "a", "", True),
    ("", "c", "", True),
    ("a || b && c", "a", "", True),
    ("(a || b) && c", "a", "", False),
]


@pytest.mark.parametrize(("text", "event", "beside", "fires"), FIRES)
def test_a_condition_fires(text: str, event: str, beside: str, fires: bool) -> None:
    condition = conditions.compile(text, INPUTS)
    state = conditions.mark(dict.fromkeys(beside, 99.0), event, 100.0)
    assert conditions.evaluate(condition, state, event, 100.0) is fires


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("a &&", 4, "a value is missing before the end"),
        ("a & b", 2, "'&' is not understood"),
        ("(a || b", 7, "')' is missing"),
        ("a b", 2, "'b' is not expected"),
        ("a && inputB", 5, "there is no input 'inputB'"),
        ("a == b", 2, "names of inputs"),
        ("a && 1", 5, "names of inputs"),
        ("true", 0, "names no input"),
        ("!", 1, "a value is missing"),
        ("(" * 60 + "a" + ")" * 60, 50, "nested deeper"),
        ("a.b", 1, "names of inputs"),
    ],
)
def test_a_wrong_condition_is_refused_with_its_position(text: str, position: int, words: str) -> None:
    with pytest.raises(ParseError) as caught:
        conditions.compile(text, INPUTS)
    assert words in caught.value.message
    assert caught.value.position == position
    assert str(caught.value).endswith(f"(at character {position + 1})")


def test_an_unknown_input_gets_the_near_one() -> None:
    with pytest.raises(ParseError, match="did you mean digits"):
        conditions.compile("digit", ("digits", "other"))


def test_an_input_is_true_until_a_window_passes_without_its_event() -> None:
    state = conditions.mark({}, "a", 10.0)
    assert conditions.warm(state, 69.9) == {"a"}
    assert conditions.warm(state, 70.0) == frozenset()
    assert conditions.warm(conditions.mark(state, "a", 50.0), 109.0) == {"a"}
    assert conditions.warm(state, 12.0, window=2.0) == frozenset()


def test_nothing_is_consumed_and_late_events_change_nothing() -> None:
    state = conditions.mark(conditions.mark({}, "a", 10.0), "b", 11.0)
    condition = conditions.compile("a && b", INPUTS)
    assert conditions.evaluate(condition, conditions.mark(state, "a", 12.0), "a", 12.0)
    assert conditions.mark(state, "a", 5.0) == state


def test_cold_inputs_can_be_forgotten() -> None:
    assert conditions.forget({"a": 0.0, "b": 50.0}, 70.0) == {"b": 50.0}


@pytest.mark.parametrize(
    ("name", "right"), [("a", True), ("A_1", True), ("a-b", False), ("1a", False), ("in", False)]
)
def test_names_of_inputs_are_words_that_a_condition_can_say(name: str, right: bool) -> None:
    assert conditions.is_name(name) is right


TREES = st.recursive(
    st.sampled_from(INPUTS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
    ),
    max_leaves=8,
)


@given(TREES)
def test_conditions_agree_with_python(text: str) -> None:
    condition = conditions.compile(text, INPUTS)
    python = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    for values in itertools.product((True, False), repeat=len(INPUTS)):
        truth = dict(zip(INPUTS, values, strict=True))
        warm = {name for name, value in truth.items() if value}
        assert condition.holds(warm) is eval(python, {}, truth)


def test_why_names_what_holds() -> None:
    condition = conditions.compile("a && b", INPUTS)
    assert conditions.why(condition, {"a": 1.0}, 2.0) == "a && b: a true, b false"
