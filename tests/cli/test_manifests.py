"""Manifests as files: every error names its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_py.cli import failures, manifests

TWO = """\
kind: Function
metadata:
  name: one
  uid: from-a-cluster
  resourceVersion: "7"
status: {}
---
kind: Function
metadata:
  name: two
spec:
  build:
    srcRepo:
      url: 3
"""


def test_every_document_of_a_file_is_read() -> None:
    found = manifests.parse(TWO, Path("two.yaml"))
    assert [document.value["metadata"]["name"] for document in found] == ["one", "two"]


def test_what_the_server_owns_is_taken_off() -> None:
    first = manifests.parse(TWO, Path("two.yaml"))[0]
    assert first.value == {"kind": "Function", "metadata": {"name": "one"}}


def test_a_field_is_named_with_its_line() -> None:
    second = manifests.parse(TWO, Path("two.yaml"))[1]
    assert second.place("spec.build.srcRepo.url") == "two.yaml:14"


def test_a_missing_field_is_named_with_the_line_of_its_parent() -> None:
    second = manifests.parse(TWO, Path("two.yaml"))[1]
    assert second.place("spec.build.builder") == "two.yaml:12"


def test_what_is_no_yaml_is_named_with_its_line() -> None:
    with pytest.raises(failures.Failure, match=r"bad.yaml:2: not valid YAML"):
        manifests.parse("kind: Function\n\tspec: {}\n", Path("bad.yaml"))


def test_a_text_that_is_no_object_is_refused() -> None:
    with pytest.raises(failures.Failure, match="a manifest is an object"):
        manifests.parse("- 1\n- 2\n", Path("list.yaml"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(failures.Failure, match="holds no manifest"):
        manifests.read(str(tmp_path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(failures.Failure, match=r"absent\.yaml cannot be read"):
        manifests.read(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [*a]", "m.yaml:1: a[0] holds itself"),
        ("kind: A\nspec: 1\nkind: B", "m.yaml:3: kind stands here a second time"),
        ("kind: List\nitems: {a: b}", "m.yaml:2: items of a List"),
        ("kind: List\nitems:\n- 1", "m.yaml:3: a manifest is an object"),
        ("metadata: text", "m.yaml:1: metadata is an object"),
        ("metadata:\n  name: [1]", "m.yaml:2: metadata.name is a text"),
        ("? [a, b]\n: c", "m.yaml:1: "),
        ("a: !!binary aGk=", "JSON has no word for"),
        ("a: !!python/object/apply:os.system [ls]", "m.yaml:1: not valid YAML"),
        ("a: b\x00", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_what_no_server_could_store_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(failures.Failure) as refused:
        manifests.parse(text, Path("m.yaml"))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_small_text_that_grows_without_bound_is_refused() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(failures.Failure, match="more than 100000 values"):
        manifests.parse("\n".join(rows), Path("m.yaml"))


def test_scalars_are_read_as_kubernetes_reads_them() -> None:
    text = "a: 2020-01-01\nb: 22:30\nc: 1e3\nd: 0777\ne: yes\nf: 08\ng: ~\nh: -1.5\ni: 1_000\n"
    (found,) = manifests.parse(text, Path("m.yaml"))
    assert found.value == {
        "a": "2020-01-01", "b": "22:30", "c": 1000.0, "d": 511, "e": True, "f": "08", "g": None, "h": -1.5,
        "i": "1_000",
    }  # fmt: skip


def test_a_typed_list_gives_its_kind_to_its_items() -> None:
    text = "apiVersion: g/v1\nkind: ThingList\nitems:\n- metadata:\n    name: one\n"
    (found,) = manifests.parse(text, Path("m.yaml"))
    assert found.value == {"apiVersion": "g/v1", "kind": "Thing", "metadata": {"name": "one"}}
    assert found.place("metadata.name") == "m.yaml:5"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(failures.Failure, match=r"m\.yaml is no text in UTF-8"):
        manifests.read(str(tmp_path))
