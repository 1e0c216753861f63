"""Which folders a platform takes for its own, which it leaves alone, and what it ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from openfunction_py.embedded import platform
from openfunction_py.lib import home as homes
from openfunction_py.node import files, processes
from openfunction_py.node.templates import About


def test_a_folder_with_other_things_in_it_is_neither_used_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(platform.PlatformError, match=r"it holds thesis\.tex"):
        platform.check_ours(homes.Home(tmp_path))


@pytest.mark.parametrize("text", ["{}", "[1]"])
def test_settings_of_another_program_make_no_home(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(platform.PlatformError, match="holds no settings of a platform"):
        platform.check_ours(homes.Home(tmp_path))


def test_what_a_start_that_failed_left_can_be_removed(tmp_path: Path) -> None:
    home = homes.Home(tmp_path / "home")
    home.ensure()
    platform.check_ours(home)
    platform.purge(home)
    assert not home.root.exists()


def test_a_home_with_a_file_of_the_user_is_still_a_home(tmp_path: Path) -> None:
    home = homes.Home(tmp_path / "home")
    platform.prepare(home, port=0, api_port=0)
    (home.root / "notes.txt").write_text("")
    platform.check_ours(home)


def test_a_template_that_a_killed_node_left_is_ended(tmp_path: Path) -> None:
    home = homes.Home(tmp_path / "home")
    home.ensure()
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as left:
        identity = processes.identify(left.pid)
        assert identity is not None
        record = About("key", "default", "", identity).to_record()
        files.write_json(home.templates / "key.json", record)
        assert platform.stop(home) == 1
        assert left.wait(20) < 0
