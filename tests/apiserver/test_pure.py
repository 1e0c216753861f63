"""The small pure parts: strategic merge, JSONPath, ages, selectors, protobuf."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.apiserver import jsonpath, protobuf, selectors, status, strategic, table


def key(path: tuple[str, ...]) -> str | None:
    """`items` by name, `tags` as a set."""
    return {"items": "name", "tags": ""}.get(path[-1])


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a": {"$patch": "delete"}}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"$retainKeys": ["c"], "c": 3}}, {"a": {"c": 3}}),
        ({"tags": ["x", "y"]}, {"tags": ["z", "x"]}, {"tags": ["x", "y", "z"]}),
        ({"tags": ["x", "y"]}, {"$deleteFromPrimitiveList/tags": ["x"]}, {"tags": ["y"]}),
        ({"whole": [1, 2]}, {"whole": [3]}, {"whole": [3]}),
        (
            {"items": [{"name": "a", "v": 1}]},
            {"items": [{"name": "a", "w": 2}]},
            {"items": [{"name": "a", "v": 1, "w": 2}]},
        ),
        (
            {"items": [{"name": "a"}, {"name": "b"}]},
            {"items": [{"name": "a", "$patch": "delete"}]},
            {"items": [{"name": "b"}]},
        ),
        (
            {"items": [{"name": "a"}]},
            {"items": [{"$patch": "replace"}, {"name": "b"}]},
            {"items": [{"name": "b"}]},
        ),
        (
            {"items": [{"name": "a"}, {"name": "b"}]},
            {
                "$setElementOrder/items": [{"name": "c"}, {"name": "a"}, {"name": "b"}],
                "items": [{"name": "c"}],
            },
            {"items": [{"name": "c"}, {"name": "a"}, {"name": "b"}]},
        ),
    ],
)
def test_strategic_merge(document: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    assert strategic.merge(document, patch, key) == expected


def test_strategic_merge_refuses_what_it_does_not_know() -> None:
    with pytest.raises(status.StatusError, match="Unknown patch type"):
        strategic.merge({}, {"a": {"$patch": "melt"}}, key)
    with pytest.raises(status.StatusError, match="merge key: name"):
        strategic.merge({}, {"items": [{"v": 1}]}, key)


DOCUMENT = {"status": {"conditions": [{"type": "A", "n": 1}, {"type": "B", "n": 2}], "m": {"x.y/z": True}}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.conditions[0].n", [1]),
        ('.status.conditions[?(@.type=="B")].n', [2]),
        (".status.conditions[*].n", [1, 2]),
        (r".status.m.x\.y/z", [True]),
        (".status.nothing.there", []),
    ],
)
def test_jsonpath(path: str, found: list[object]) -> None:
    assert jsonpath.find(DOCUMENT, path) == found


def test_jsonpath_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="unknown JSONPath"):
        jsonpath.parse("..everything")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (600, "10m"), (3 * 3600 - 1, "179m"), (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"), (8 * 3600, "8h"), (48 * 3600, "2d"), (50 * 3600, "2d2h"), (9 * 86400, "9d"),
        (731 * 86400, "2y1d"), (-1, "0s"), (-9, "<invalid>"),
    ],
)  # fmt: skip
def test_ages_read_as_in_kubectl(seconds: int, text: str) -> None:
    assert table.duration(seconds) == text


@pytest.mark.parametrize("text", ["a b", "in (x)", "a=b=c", "a in x", "-a=b"])
def test_a_malformed_label_selector_is_refused(text: str) -> None:
    with pytest.raises(status.StatusError, match="unable to parse requirement"):
        selectors.parse(labels=text, fields="", kind="Pod")


def test_numbers_in_labels_compare() -> None:
    selector = selectors.parse(labels="n>5,n<9", fields="", kind="Pod")
    assert [n for n in range(12) if selector.matches({"metadata": {"labels": {"n": str(n)}}})] == [6, 7, 8]


def test_protobuf_maps_bytes_and_options() -> None:
    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    entry = field(1, b"k") + field(2, b"\x00v")
    secret = (
        field(1, field(1, b"s"))
        + field(2, entry)
        + field(3, b"Opaque")
        + field(4, field(1, b"p") + field(2, b"q"))
    )
    body = protobuf.MAGIC + field(1, field(1, b"v1") + field(2, b"Secret")) + field(2, secret)
    assert protobuf.decode(body) == {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": "AHY="}, "type": "Opaque",
        "stringData": {"p": "q"},
    }  # fmt: skip
