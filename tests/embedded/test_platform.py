"""Which folders a platform takes for its own, and which it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_py.embedded import platform
from openfunction_py.lib import home as homes


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
