"""The data folder: where things lie, and who may enter."""

from __future__ import annotations

import os
from pathlib import Path

from openfunction_py.lib import home


def test_the_variable_names_the_folder(tmp_path: Path) -> None:
    assert home.Home.default({"OFN_HOME": str(tmp_path)}).root == tmp_path


def test_without_it_the_folder_is_in_the_users_data(tmp_path: Path) -> None:
    assert home.Home.default({"XDG_DATA_HOME": str(tmp_path)}).root == tmp_path / "openfunction"


def test_folders_are_the_users_alone_and_instances_pass_through_one(tmp_path: Path) -> None:
    made = home.Home(tmp_path / "h")
    made.ensure()
    assert made.root.stat().st_mode & 0o777 == 0o700
    assert made.instances_dir.stat().st_mode & 0o777 == 0o711
    assert made.images.is_dir()
    assert made.pod_logs.is_dir()


def test_making_them_twice_changes_nothing(tmp_path: Path) -> None:
    made = home.Home(tmp_path / "h")
    made.ensure()
    made.ensure()
    assert made.instances_dir.is_dir()


def test_sockets_of_a_deep_home_move_to_a_short_path(tmp_path: Path) -> None:
    deep = home.Home(tmp_path / ("d" * 80))
    assert len(os.fsencode(deep.instances_socket)) < 90
    assert deep.run != deep.root / "run"
    assert deep.run != home.Home(tmp_path / ("e" * 80)).run


def test_caches_outlive_a_home(tmp_path: Path) -> None:
    assert home.cache_dir({"OFN_CACHE": str(tmp_path)}) == tmp_path
    assert home.cache_dir({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "openfunction"
