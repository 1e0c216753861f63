"""Where Dapr's own sidecar is looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

from openfunction_py.lib import tools


def executable(path: Path) -> Path:
    """A file that can be started."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_name_wins_over_path_and_path_over_what_was_built(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "path"), "OFN_TOOLS": str(tmp_path / "tools")}
    assert tools.daprd(environ) is None
    built = executable(tmp_path / "tools/bin/daprd")
    assert tools.daprd(environ) == built
    on_path = executable(tmp_path / "path/daprd")
    assert tools.daprd(environ) == on_path
    named = executable(tmp_path / "my-daprd")
    assert tools.daprd({**environ, "OFN_DAPRD": str(named)}) == named


def test_a_name_of_nothing_is_no_reason_to_take_another(tmp_path: Path) -> None:
    built = executable(tmp_path / "bin/daprd")
    environ = {"PATH": "", "OFN_TOOLS": str(tmp_path), "OFN_DAPRD": str(tmp_path / "gone")}
    assert tools.daprd(environ) is None
    assert tools.daprd({**environ, "OFN_DAPRD": ""}) == built
    built.chmod(0o644)
    assert tools.daprd({**environ, "OFN_DAPRD": ""}) is None


def test_a_link_is_followed_to_the_file_itself(tmp_path: Path) -> None:
    real = executable(tmp_path / "far/daprd-1")
    (tmp_path / "daprd").symlink_to(real)
    assert tools.daprd({"PATH": str(tmp_path)}) == real


def test_tools_lie_in_the_users_cache_unless_they_are_placed(tmp_path: Path) -> None:
    assert tools.folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "openfunction/tools"
    assert tools.folder({"OFN_TOOLS": "/opt/tools"}) == Path("/opt/tools")
