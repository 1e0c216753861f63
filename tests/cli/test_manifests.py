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
