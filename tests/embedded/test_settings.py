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


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = homes.Home(tmp_path / "file" / "home")
    with pytest.raises(platform.PlatformError, match=r"file/home cannot be used"):
        platform.prepare(home, port=0, api_port=0)
