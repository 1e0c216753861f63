"""An installation works with the checkout moved away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
LEFT_OUT = shutil.ignore_patterns(
    ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".venv"
)


def test_the_installed_command_builds_and_serves_without_the_checkout(tmp_path: Path) -> None:
    checkout, prefix = tmp_path / "checkout", tmp_path / "prefix"
    shutil.copytree(platform.ROOT, checkout, ignore=LEFT_OUT, symlinks=True)
    (checkout / ".venv").symlink_to(platform.ROOT / ".venv")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OFN_"))}
    install = ["bash", str(checkout / "tools" / "install.sh"), str(prefix)]
    subprocess.run(install, check=True, env={**environ, "PYTHON": base_python()}, capture_output=True)
    shutil.rmtree(checkout)
    environ |= {"OFN_HOME": str(tmp_path / "home"), "KUBECONFIG": str(tmp_path / "kubeconfig")}

    def ofn(*words: str, text: str | None = None) -> str:
        done = subprocess.run(
            [str(prefix / "bin" / "ofn"), *words], env=environ, cwd=tmp_path, input=text,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    ofn("up", "-d", "--port", "0", "--api-port", "0")
    try:
        code = "def main(request):\n    return {'installed': True}\n"
        ofn("apply", "-f", "-", "--wait", text=json.dumps(platform.inline("installed", code)))
        assert json.loads(ofn("invoke", "installed")) == {"installed": True}
    finally:
        ofn("down", "--purge")


def base_python() -> str:
    """The interpreter behind this virtual environment."""
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
