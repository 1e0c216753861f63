"""Field sets and apply as algebra: what must hold for any document."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.apiserver import fieldset, managed


class Lists:
    """`items` has keys, `tags` is a set, everything else is taken as a whole."""

    def keys(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """See fieldset.ListTypes."""
        return {"items": ("name",), "tags": ()}.get(path[-1])

    def atomic(self, path: tuple[str, ...]) -> bool:
        """See fieldset.ListTypes."""
        return path[-1] == "whole"


LISTS = Lists()
scalars = st.one_of(st.integers(0, 3), st.sampled_from(["x", "y"]), st.booleans())
fields = st.sampled_from(["a", "b", "whole"])
named = st.lists(st.sampled_from("pqr"), unique=True, max_size=3)


def documents(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """Documents with maps, keyed lists, sets and atomic lists."""
    inner = scalars if depth == 0 else st.one_of(scalars, documents(depth - 1), st.lists(scalars, max_size=2))
    items = named.flatmap(
        lambda names: st.tuples(
            *[st.fixed_dictionaries({"name": st.just(name)}, optional={"v": scalars}) for name in names]
        )
    ).map(list)
    plain = st.dictionaries(fields, inner, max_size=3)
    return st.tuples(plain, st.one_of(st.none(), items), st.one_of(st.none(), named)).map(
        lambda parts: {
            **parts[0],
            **({"items": parts[1]} if parts[1] is not None else {}),
            **({"tags": parts[2]} if parts[2] is not None else {}),
        }
    )


def writer(name: str, *, force: bool = True) -> managed.Writer:
    """A manager that applies."""
    return managed.Writer(managed.Manager(name, "Apply"), "v1", "2024-01-01T00:00:00Z", force=force)


def apply(live: dict[str, Any], config: dict[str, Any], name: str) -> dict[str, Any]:
    """Apply the spec `config` as `name`."""
    document = {"metadata": {"name": "o"}, "spec": copy.deepcopy(config)}
    return managed.apply(copy.deepcopy(live), document, lists=LISTS, writer=writer(name))


BASE: dict[str, Any] = {"metadata": {"name": "o"}}


@given(documents())
def test_a_field_set_survives_the_wire(document: dict[str, Any]) -> None:
    found = frozenset(fieldset.leaves(document, LISTS))
    assert fieldset.from_wire(fieldset.to_wire(found)) == found


@given(documents(), documents())
def test_applying_twice_is_applying_once(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = apply(apply(BASE, first, "one"), second, "two")
    assert apply(live, second, "two") == live


@given(documents(), documents())
def test_everything_applied_is_there(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = apply(apply(BASE, first, "one"), second, "two")
    there = fieldset.leaves(live, LISTS)
    for path, value in fieldset.leaves({"spec": second}, LISTS).items():
        if value and not isinstance(value, dict | list):
            assert there[path] == value


@given(documents())
def test_one_manager_can_take_everything_back(config: dict[str, Any]) -> None:
    live = apply(BASE, config, "one")
    bare = managed.apply(live, {"metadata": {"name": "o"}}, lists=LISTS, writer=writer("one"))
    assert bare == BASE


@given(documents(), documents())
def test_what_one_gives_up_the_other_keeps(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = apply(apply(BASE, first, "one"), second, "two")
    left = managed.apply(live, {"metadata": {"name": "o"}}, lists=LISTS, writer=writer("one"))
    owned = fieldset.leaves({"spec": second}, LISTS)
    there = fieldset.leaves(left, LISTS)
    scalar = {path: value for path, value in owned.items() if value and not isinstance(value, dict | list)}
    assert scalar.items() <= there.items()
    assert managed.Manager("one", "Apply") not in managed.read(left)


@given(documents(), documents())
def test_after_an_update_nobody_owns_what_is_gone(old: dict[str, Any], new: dict[str, Any]) -> None:
    live = apply(BASE, old, "one")
    changed = {**copy.deepcopy(live), "spec": new}
    managed.update(
        changed,
        old=live,
        lists=LISTS,
        writer=managed.Writer(managed.Manager("hand", "Update"), "v1", "2024-01-01T00:00:00Z"),
    )
    there = fieldset.leaves(changed, LISTS).keys()
    for owned in managed.read(changed).values():
        assert owned <= there


def test_paths_are_printed_as_kubernetes_does() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"c"}', "f:args", 'v:"x"')
    assert fieldset.text(path) == '.spec.containers[name="c"].args[="x"]'
