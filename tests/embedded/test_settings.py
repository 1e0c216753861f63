"""Settings of a platform: ports are chosen once and a taken one is named."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from openfunction_py.embedded import platform, settings
from openfunction_py.lib import home as homes


def test_chosen_ports_survive(tmp_path: Path) -> None:
    chosen = settings.with_free_ports(settings.Settings(gateway_port=0))
    settings.save(tmp_path / "config.json", chosen)
    assert settings.load(tmp_path / "config.json") == chosen
    assert chosen.api_port
    assert chosen.gateway_port


def test_a_taken_port_is_named_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(settings.SettingsError, match=rf"port {port} of the gateway is taken.*--port"):
            settings.with_free_ports(settings.Settings(gateway_port=port))


def test_settings_of_a_newer_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"schema": 99}')
    with pytest.raises(settings.SettingsError, match="schema 99"):
        settings.load(tmp_path / "config.json")


def test_damaged_settings_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(settings.SettingsError, match=r"damaged.*remove it"):
        settings.load(tmp_path / "config.json")


def test_the_sidecar_that_was_chosen_stays_until_another_is(tmp_path: Path) -> None:
    there = {"OFN_DAPRD": str(executable(tmp_path / "daprd"))}
    first = settings.with_sidecar(settings.Settings(), "daprd", there)
    settings.save(tmp_path / "config.json", first)
    again = settings.with_sidecar(settings.load(tmp_path / "config.json"), None, {})
    assert (again.dapr, again.daprd) == ("daprd", str(tmp_path / "daprd"))
    assert settings.with_sidecar(again, "ofn", {}).dapr == "ofn"


def test_a_daprd_that_is_named_from_here_is_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "daprd")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    first = settings.with_sidecar(settings.Settings(), "daprd", {"OFN_DAPRD": "./daprd"})
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert settings.with_sidecar(first, None, {}).daprd == str(tmp_path / "daprd")


@pytest.mark.parametrize(
    ("environ", "said"),
    [({}, "it is not on PATH"), ({"OFN_DAPRD": "/nowhere/x"}, "OFN_DAPRD names /nowhere/x")],
)
def test_a_daprd_that_is_not_there_is_refused_with_what_brings_it(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    bare = {"PATH": "/nowhere", "OFN_TOOLS": str(tmp_path), **environ}
    with pytest.raises(settings.SettingsError, match=rf"{said}.*tools/dapr/build\.sh.*PATH.*--dapr ofn"):
        settings.with_sidecar(settings.Settings(), "daprd", bare)
    assert settings.with_sidecar(settings.Settings(), None, bare).dapr == "ofn"


def test_a_sidecar_that_nobody_knows_is_damage(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"schema": 1, "dapr": "other"}')
    with pytest.raises(settings.SettingsError, match=r"damaged.*remove it"):
        settings.load(tmp_path / "config.json")


def executable(path: Path) -> Path:
    """A file that can be started."""
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = homes.Home(tmp_path / "file" / "home")
    with pytest.raises(platform.PlatformError, match=r"file/home cannot be used"):
        platform.prepare(home, port=0, api_port=0)
