"""Filters: each dialect's answer, what is refused and where, and that the index never changes an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_eventing.filters import cel, dialects, index, patterns, syntax
from openfunction_eventing.filters.facts import Facts

DATA = {"label": 7, "name": "Ana", "tags": ["x", "y"], "deep": {"a.b": 1.5}, "none": None, "on": True}
ATTRIBUTES = {"type": "image.digit", "source": "/cam/1", "id": "9", "count": 3, "big": True}


def facts(data: object = DATA, **attributes: object) -> Facts:
    return Facts({**ATTRIBUTES, **attributes}, lambda: data)


PASSES: list[tuple[list[dict[str, Any]], bool]] = [
    ([], True),
    ([{"exact": {"type": "image.digit"}}], True),
    ([{"exact": {"type": "image"}}], False),
    ([{"exact": {"type": "image.digit", "id": "9"}}], True),
    ([{"exact": {"type": "image.digit", "id": "8"}}], False),
    ([{"exact": {"subject": "x"}}], False),
    ([{"exact": {"count": "3"}}], True),
    ([{"exact": {"big": "true"}}], True),
    ([{"prefix": {"type": "image."}}], True),
    ([{"prefix": {"type": "Image."}}], False),
    ([{"suffix": {"source": "/1"}}], True),
    ([{"suffix": {"source": "/2"}}], False),
    ([{"exact": {"id": "9"}}, {"prefix": {"type": "x"}}], False),
    ([{"all": [{"exact": {"id": "9"}}, {"suffix": {"type": "digit"}}]}], True),
    ([{"any": [{"exact": {"id": "8"}}, {"suffix": {"type": "digit"}}]}], True),
    ([{"any": [{"exact": {"id": "8"}}, {"exact": {"id": "7"}}]}], False),
    ([{"not": {"exact": {"id": "8"}}}], True),
    ([{"not": {"exact": {"subject": "x"}}}], True),
    ([{"not": {"not": {"exact": {"id": "8"}}}}], False),
    ([{"cel": "data.label == 7"}], True),
    ([{"any": [{"cel": "data.missing == 1"}, {"exact": {"id": "9"}}]}], True),
]


@pytest.mark.parametrize(("filters", "passes"), PASSES)
def test_a_dialect_answers(filters: list[dict[str, Any]], passes: bool) -> None:
    clause = dialects.compile(filters)
    assert clause.passes(facts()) is passes
    assert (clause.why(facts()) == "") is passes


CEL = [
    ("data.label == 7.0", True),
    ("data.label > 6 && data.label <= 7", True),
    ("data.label in [1, 7]", True),
    ("'x' in data.tags", True),
    ("'label' in data", True),
    ('data.deep["a.b"] >= 1.5', True),
    ("data.tags[1] == 'y'", True),
    ("data.tags[2] == 'y'", False),
    ("data.name.startsWith('A') && data.name.endsWith(\"a\")", True),
    ("data.name.contains('n')", True),
    ("data.name.matches('^A.a$')", True),
    ("data.name.matches('(?i)^a[^o-z](a|b){1,2}$')", True),
    ("data.name.matches('^a')", False),
    (r"data.name.matches('\\bAna\\b') && !data.name.matches('\\d')", True),
    ("[1] in data.deep", False),
    ("data.deep[data.tags] == 1", False),
    ("data.name[0] == 'A'", False),
    (r"'\101\x6e\U00000061\f' == data.name + '\u000c'", True),
    ("size(data.tags) == 2 && data.name.size() == 3", True),
    ("has(data.name) && !has(data.nothing)", True),
    ("data.none == null", True),
    ("data.nothing == null", False),
    ("data.on", True),
    ("data.on == 1", False),
    ("data.name", False),
    ("data.name < 1", False),
    ("data.nothing || true", True),
    ("true || data.nothing", True),
    ("data.nothing && true", False),
    ("!(data.nothing && false)", True),
    ("event.type == 'image.digit' && event.count == 3", True),
    ("event['type'] != 'x'", True),
    ("data.label % 2 == 1 && -7 / 2 == -3 && -7 % 3 == -1", True),
    ("7 / 2 == 3 && 7.0 / 2 == 3.5", True),
    ("data.label / 0 == 1", False),
    ("data.label + 1 == 8 && 'a' + 'b' == 'ab' && [1] + [2] == [1, 2]", True),
    ("data.label > 5 ? data.on : false", True),
    ("int('7') == data.label && double(7) == 7 && string(7) == '7'", True),
    ("int('x') == 1", False),
    (r"'a\n\u0041' == 'a\nA' && r'\d' == '\\d'", True),
]


@pytest.mark.parametrize(("text", "passes"), CEL)
def test_cel_answers(text: str, passes: bool) -> None:
    assert cel.compile(text).passes(facts()) is passes


def test_data_that_is_no_json_passes_no_filter_on_data() -> None:
    event = Facts(ATTRIBUTES, lambda: json.loads("{"))
    assert not cel.compile("data == null").passes(event)
    assert cel.compile("data.x == 1").why(event) == "cel data.x == 1: the data cannot be decoded"
    assert cel.compile("event.id == '9'").passes(event)


def test_data_is_decoded_once_and_only_when_asked_for() -> None:
    calls: list[int] = []

    def decode() -> object:
        calls.append(1)
        return DATA

    event = Facts(ATTRIBUTES, decode)
    dialects.compile([{"exact": {"id": "9"}}]).passes(event)
    assert calls == []
    cel.compile("data.label == 7 && data.on").passes(event)
    assert calls == [1]


def test_numbers_beyond_floats_do_not_compare_and_do_no_harm() -> None:
    assert not cel.compile("data.n + 0.5 > 1").passes(facts({"n": 10**400}))


REFUSED: list[tuple[Any, str, str]] = [
    ({"exact": {}}, "", "must be a list"),
    ([{"exact": {}}], "[0].exact", "at least one"),
    ([{"exact": {"Type": "x"}}], "[0].exact.Type", "is no attribute"),
    ([{"exact": {"a b": "x"}}], "[0].exact[a b]", "is no attribute"),
    ([{"prefix": {"type": ""}}], "[0].prefix.type", "not empty"),
    ([{"suffix": {"type": 1}}], "[0].suffix.type", "must be a text"),
    ([{"exact": {"id": "1"}, "not": {}}], "[0]", "exactly one of"),
    ([{}], "[0]", "exactly one of"),
    ([{"exakt": {"id": "1"}}], "[0].exakt", "did you mean exact"),
    ([{"all": []}], "[0].all", "at least one filter"),
    ([{"any": [{"cel": "data."}]}], "[0].any[0].cel", "a name must follow"),
    ([{"not": [1]}], "[0].not", "exactly one of"),
    ([{"cel": 1}], "[0].cel", "must be a text"),
]


@pytest.mark.parametrize(("filters", "path", "words"), REFUSED)
def test_a_wrong_filter_is_refused_at_its_path(filters: Any, path: str, words: str) -> None:
    (fault,) = dialects.faults(filters)
    assert fault.path == path
    assert words in fault.message
    with pytest.raises(dialects.FilterError):
        dialects.compile(filters)


def test_all_mistakes_are_found_at_once() -> None:
    wrong = [{"exact": {"A": "x"}}, {"cel": "1 +"}, {"any": [{"not": {"cel": "x"}}]}]
    assert [one.path for one in dialects.faults(wrong)] == ["[0].exact.A", "[1].cel", "[2].any[0].not.cel"]


def test_filters_nest_up_to_a_bound() -> None:
    nested: dict[str, Any] = {"exact": {"id": "9"}}
    for _ in range(dialects.DEPTH + 1):
        nested = {"not": nested}
    (fault,) = dialects.faults([nested])
    assert "nested deeper" in fault.message


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "is empty"),
        ("data.x ==", 9, "a value is missing"),
        ("data.x == 'a", 10, "no closing quote"),
        ("dat.x == 1", 0, "there is no variable 'dat'"),
        ("data.x = 1", 7, "'=' is not understood"),
        ("data.x.starts('a')", 6, "did you mean startsWith"),
        ("len(data)", 0, "there is no function len()"),
        ("size(1, 2) == 1", 0, "takes one argument"),
        ("has(data)", 0, "takes a field"),
        ("data.x.matches('(')", 15, "the pattern is wrong"),
        ("data.x.matches('(a)\\\\1')", 15, "the pattern is wrong: invalid escape"),
        ("data.x.matches(data.y)", 6, "text in quotes"),
        ("data.x + 1", 7, "gives no truth value"),
        ("'a'", 0, "gives no truth value"),
        ("in == 1", 0, "'in' is not expected"),
        ("1" * 50 + " == data", 0, "at most 40"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_position(text: str, position: int, words: str) -> None:
    with pytest.raises(syntax.ParseError) as caught:
        cel.compile(text)
    assert caught.value.position == position
    assert words in caught.value.message


@given(st.text(alphabet="adt. '\"()[]!&|<=1in", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused: syntax.ParseError | None = None
    try:
        passes = cel.compile(text).passes(facts())
    except syntax.ParseError as error:
        refused, passes = error, False
    assert passes in (True, False)
    assert refused is None or 0 <= refused.position <= len(text)


WORDS = st.sampled_from(["a", "b", "ab", "ba", "1"])
LEAVES = st.one_of(
    st.builds(
        lambda form, name, value: {form: {name: value}},
        st.sampled_from(["exact", "prefix", "suffix"]),
        st.sampled_from(["type", "n"]),
        WORDS,
    ),
    st.sampled_from(
        [
            {"cel": "data.k == 'a'"},
            {"cel": "data.k == 1 || event.type == 'b'"},
            {"cel": "data.k in ['ab', 1, true]"},
            {"cel": "event.type.startsWith('a') && data.k == 'b'"},
            {"cel": "!(data.k == 'a')"},
            {"cel": "data.k == null || data.k.endsWith('b')"},
            {"cel": "event.n == 1 ? true : data.k == 'a'"},
        ]
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"all": many}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"any": many}),
        inner.map(lambda one: {"not": one}),
    ),
    max_leaves=6,
)
VALUES: st.SearchStrategy[Any] = st.sampled_from(["a", "b", "ab", 1, 1.0, True, None, [], {}])


@given(
    st.lists(st.tuples(st.lists(FILTERS, max_size=2), st.sets(st.sampled_from("st"))), max_size=12),
    st.fixed_dictionaries({"type": st.sampled_from(["a", "b", "ab"]), "n": st.sampled_from([1, "1", True])}),
    st.fixed_dictionaries({}, optional={"k": VALUES}),
    st.sampled_from("st"),
)
def test_the_index_gives_what_trying_every_filter_gives(
    filters: list[tuple[list[Any], set[str]]], attributes: dict[str, Any], data: dict[str, Any], topic: str
) -> None:
    entries = [
        index.Entry(number, dialects.compile(one), frozenset(topics))
        for number, (one, topics) in enumerate(filters)
    ]
    event = Facts(attributes, lambda: data)
    naive = [
        one.owner
        for one in entries
        if (not one.topics or topic in one.topics) and dialects.compile(filters[one.owner][0]).passes(event)
    ]
    assert [one.owner for one in index.Index(entries).matches(topic, event)] == naive


def many(form: str) -> Iterator[index.Entry[int]]:
    """2,000 triggers of one shape, of which one fits the event below."""
    shapes: dict[str, Callable[[int], list[dict[str, Any]]]] = {
        "exact": lambda n: [{"exact": {"type": "image", "subject": f"{n}"}}],
        "prefix": lambda n: [{"prefix": {"subject": f"{n:05}"}}],
        "cel": lambda n: [{"cel": f"event.type == 'image' && data.label == {n}"}],
        "any": lambda n: [{"any": [{"exact": {"subject": f"{n}"}}, {"cel": f"data.label == {n}"}]}],
    }
    for number in range(2_000):
        yield index.Entry(number, dialects.compile(shapes[form](number)), frozenset({"images"}))


@pytest.mark.parametrize(
    ("form", "subject"), [("exact", "77"), ("prefix", "00077x"), ("cel", ""), ("any", "77")]
)
def test_of_thousands_of_triggers_only_the_one_that_fits_is_tried(form: str, subject: str) -> None:
    built = index.Index(many(form))
    event = facts({"label": 77}, type="image", subject=subject)
    assert [one.owner for one in built.candidates("images", event)] == [77]
    assert [one.owner for one in built.matches("images", event)] == [77]
    assert built.candidates("other", event) == []


def test_why_names_the_clause_and_what_was_found() -> None:
    clause = dialects.compile([{"exact": {"type": "x"}}])
    assert clause.why(facts()) == "exact type 'x': it is 'image.digit'"
    either = dialects.compile([{"any": [{"exact": {"subject": "x"}}, {"cel": "data.label == 8"}]}])
    assert either.why(facts()) == "any: exact subject 'x': it is absent; cel data.label == 8"


def test_a_long_list_of_alternatives_is_no_deep_one() -> None:
    text = " || ".join(f"data.label == {number}" for number in range(700))
    assert cel.compile(text).passes(facts())
    assert not cel.compile(text).passes(facts({"label": -1}))


@pytest.mark.parametrize(
    "text", ["data" + ".a" * 4000 + " == 1", "1" + "+1" * 4000 + " == 1", "data" + "[0]" * 3000]
)
def test_what_is_nested_too_deeply_is_refused_and_breaks_nobody(text: str) -> None:
    with pytest.raises(syntax.ParseError, match="nested deeper than 150"):
        cel.compile(text)


def test_a_stranger_s_text_does_not_hold_up_a_pattern() -> None:
    nested = patterns.Pattern("^(a+)+$")
    assert not nested.is_in("a" * 60_000 + "b")
    assert nested.is_in("a" * 60_000)
    text = f"{7**20_000:b}".replace("0", "a").replace("1", "b")
    assert not patterns.Pattern("(a|b)*a(a|b){400}c").is_in(text)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\w+$", "Ana_1", True),
        (r"\w", "ü", False),
        ("^.$", "ü", True),
        ("a$", "a\n", False),
        ("(?m)a$", "a\nb", True),
        ("(?i)ANA", "Ana", True),
        (r"\bAna\b", "an Ana", True),
        ("x", "\ud800", False),
    ],
)
def test_patterns_are_re2_s(pattern: str, text: str, found: bool) -> None:
    assert patterns.Pattern(pattern).is_in(text) is found


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "a{1001}", "([α-ω]{500}){2}" * 20])
def test_a_pattern_that_looks_around_or_refers_back_or_is_too_large_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError, match="the pattern is wrong"):
        patterns.Pattern(pattern)
