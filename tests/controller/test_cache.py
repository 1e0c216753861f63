"""The cache: what it holds, indexes and tells."""

from __future__ import annotations

from typing import Any

from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.controller.cache import Cache


def config_map(name: str, version: str = "1", *, namespace: str = "ns", **meta: Any) -> ConfigMap:
    return ConfigMap.model_validate(
        {"metadata": {"name": name, "namespace": namespace, "resourceVersion": version, **meta}}
    )


def owned(name: str, *uids: str, version: str = "1") -> ConfigMap:
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": uid} for uid in uids]
    return config_map(name, version, ownerReferences=owners)


class Told(list[tuple[str | None, str | None]]):
    """The changes a listener was told, as versions."""

    def __call__(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        self.append(tuple(one and one.metadata.resource_version for one in (old, new)))  # type: ignore[arg-type]  # two


def names(objects: list[ConfigMap]) -> list[str]:
    return [obj.metadata.name for obj in objects]


def test_lists_by_namespace_in_order_of_names() -> None:
    cache = Cache[ConfigMap]()
    for obj in (config_map("b"), config_map("a"), config_map("c", namespace="other")):
        cache.put(obj)
    assert names(cache.list("ns")) == ["a", "b"]
    assert names(cache.list()) == ["a", "b", "c"]
    assert cache.list("none") == []


def test_a_label_filter_wants_every_label() -> None:
    cache = Cache[ConfigMap]()
    cache.put(config_map("a", labels={"x": "1", "y": "2"}))
    cache.put(config_map("b", labels={"x": "1"}))
    assert names(cache.list("ns", labels={"x": "1"})) == ["a", "b"]
    assert names(cache.list(labels={"x": "1", "y": "2"})) == ["a"]


def test_finds_children_by_the_uid_of_any_owner_and_follows_changes() -> None:
    cache = Cache[ConfigMap]()
    cache.put(owned("a", "one", "two"))
    assert names(cache.owned_by("two")) == ["a"]
    cache.put(owned("a", "one", version="2"))
    assert cache.owned_by("two") == []
    assert names(cache.owned_by("one")) == ["a"]


def test_a_dropped_object_is_in_no_index() -> None:
    cache = Cache[ConfigMap]()
    cache.put(owned("a", "one"))
    cache.drop(config_map("a", "9"))
    assert cache.get("ns", "a") is None
    assert cache.list("ns") == cache.owned_by("one") == []


def test_tells_of_what_is_new_changed_and_gone_but_not_of_what_is_known() -> None:
    cache, told = Cache[ConfigMap](), Told()
    cache.listen(told)
    for version in ("1", "1", "2"):
        cache.put(config_map("a", version))
    cache.drop(config_map("a", "3"))
    assert told == [(None, "1"), ("1", "2"), ("2", None)]


def test_a_list_that_lacks_an_object_is_a_tombstone_for_it() -> None:
    cache, told = Cache[ConfigMap](), Told()
    cache.put(config_map("gone", "1"))
    cache.put(config_map("stays", "2"))
    told.clear()
    cache.listen(told)
    told.clear()
    cache.replace([config_map("stays", "2"), config_map("new", "3")])
    assert told == [("1", None), (None, "3")]
    assert names(cache.list()) == ["new", "stays"]


def test_an_object_made_anew_while_nobody_watched_is_one_change_from_old_to_new() -> None:
    cache, told = Cache[ConfigMap](), Told()
    cache.put(config_map("a", "1", uid="old"))
    cache.listen(told)
    told.clear()
    cache.replace([config_map("a", "5", uid="new")])
    assert told == [("1", "5")]


def test_is_synced_by_the_first_whole_list_even_if_it_is_empty() -> None:
    cache = Cache[ConfigMap]()
    cache.put(config_map("a"))
    assert not cache.synced.is_set()
    cache.replace([])
    assert cache.synced.is_set()


def test_a_late_listener_hears_of_what_is_held_already() -> None:
    cache, told = Cache[ConfigMap](), Told()
    cache.put(config_map("a", "1"))
    cache.listen(told)
    assert told == [(None, "1")]
