"""The user's kubeconfig: a context comes and goes, and the current one stays what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from openfunction_py.cli import failures, kubeconfig
from openfunction_py.lib import home as homes

OURS = {
    "clusters": [{"name": "openfunction", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "openfunction", "user": {"token": "t"}}],
    "contexts": [{"name": "openfunction", "context": {"cluster": "openfunction", "user": "openfunction"}}],
}
THEIRS = {
    "current-context": "work",
    "clusters": [{"name": "work", "cluster": {}}],
    "users": [],
    "contexts": [],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> homes.Home:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "user.yaml"))
    found = homes.Home(tmp_path / "home")
    found.root.mkdir()
    found.kubeconfig.write_text(yaml.safe_dump(OURS))
    return found


def read(tmp_path: Path) -> dict[str, list[dict[str, object]]]:
    loaded: dict[str, list[dict[str, object]]] = yaml.safe_load((tmp_path / "user.yaml").read_text())
    return loaded


def test_the_context_is_added_and_the_current_one_kept(tmp_path: Path, home: homes.Home) -> None:
    (tmp_path / "user.yaml").write_text(yaml.safe_dump(THEIRS))
    kubeconfig.add_context(home)
    found = read(tmp_path)
    assert [entry["name"] for entry in found["clusters"]] == ["work", "openfunction"]
    assert str(found["current-context"]) == "work"


def test_a_new_file_is_private_and_has_no_current_context(tmp_path: Path, home: homes.Home) -> None:
    kubeconfig.add_context(home)
    assert (tmp_path / "user.yaml").stat().st_mode & 0o777 == 0o600
    assert not read(tmp_path)["current-context"]


def test_adding_twice_changes_nothing(tmp_path: Path, home: homes.Home) -> None:
    kubeconfig.add_context(home)
    first = read(tmp_path)
    kubeconfig.add_context(home)
    assert read(tmp_path) == first


def test_the_context_of_another_home_is_left_alone(tmp_path: Path, home: homes.Home) -> None:
    kubeconfig.add_context(home)
    other = homes.Home(tmp_path / "other")
    kubeconfig.remove_context(other)
    assert [entry["name"] for entry in read(tmp_path)["contexts"]] == ["openfunction"]
    kubeconfig.remove_context(home)
    assert read(tmp_path)["contexts"] == []


@pytest.mark.parametrize("text", ["{", "- 1\n", "clusters: 3\n", "contexts: [1]\n"])
def test_a_file_that_is_no_kubeconfig_is_left_alone(tmp_path: Path, home: homes.Home, text: str) -> None:
    (tmp_path / "user.yaml").write_text(text)
    with pytest.raises(failures.Failure, match="kubeconfig"):
        kubeconfig.add_context(home)
    assert (tmp_path / "user.yaml").read_text() == text


def test_a_linked_kubeconfig_stays_a_link(tmp_path: Path, home: homes.Home) -> None:
    (tmp_path / "user.yaml").symlink_to(tmp_path / "real.yaml")
    kubeconfig.add_context(home)
    assert (tmp_path / "user.yaml").is_symlink()
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o600
