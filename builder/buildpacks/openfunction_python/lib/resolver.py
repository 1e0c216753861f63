"""uv as this buildpack calls it: what it may read of the environment, and what it says when it fails.

It decides nothing about caches of locks and layers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import settings

PASSED = ("UV_", "PIP_", "SSL_", "REQUESTS_CA_BUNDLE", "CC", "CXX")
# What pip calls it → what uv calls it, so that a machine set up for pip builds as well.
PIP_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
}
# A package built from its source must not carry the time and the folders of this machine.
_COMPILER = f"-g0 -ffile-prefix-map={sys.base_prefix}=/usr"
BUILDING = {"SOURCE_DATE_EPOCH": "315532801", "CFLAGS": _COMPILER, "CXXFLAGS": _COMPILER}
UNREACHABLE = re.compile(
    r"dns error|failed to lookup|network is unreachable|connection (refused|reset|aborted)|could not connect"
    r"|tcp connect|timed out|error sending request|connection error|client error \(connect\)",
    re.IGNORECASE,
)
NO_NEWS = re.compile(
    r"^(warning:|hint: (Packages were unavailable because the network was disabled))", re.IGNORECASE
)


class Uv:
    """The uv program, with the settings that user and platform gave for it."""

    def __init__(self, env: dict[str, str], *, tools: Path) -> None:
        """Take settings from `env`; `tools` is where uv goes when this machine has only pip."""
        chosen = {name: value for name, value in env.items() if name.startswith(PASSED)}
        renamed = {new: env[old] for old, new in PIP_NAMES.items() if env.get(old)}
        self.env = {**os.environ, **BUILDING, **_linkers(), **renamed, **chosen}
        self._tools = tools
        self._program = ""

    def run(self, *words: str, cwd: Path) -> str:
        """Standard output of a uv command; without a network it is tried once more from uv's cache alone.

        Raises:
            Failure: DependencyFailed, with the decisive lines.
        """
        done = self._call(words, cwd)
        if done.returncode == 0:
            return done.stdout
        said = done.stderr
        if UNREACHABLE.search(said):
            print(
                "the package registry cannot be reached; trying with what earlier builds have fetched",
                flush=True,
            )
            done = self._call((*words, "--offline"), cwd)
            if done.returncode == 0:
                return done.stdout
            raise settings.Failure(
                "DependencyFailed",
                "the package registry cannot be reached, and earlier builds have not fetched everything that these "
                "requirements need; check the network or the proxy settings and build again",
                decisive(said),
            )
        raise settings.Failure("DependencyFailed", "the requirements cannot be installed", decisive(said))

    def _call(self, words: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._find(), *words],
            cwd=cwd,
            env=self.env,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def _find(self) -> str:
        """The uv on PATH; a builder image with pip alone gets one first."""
        if not self._program:
            self._program = next(
                (
                    f"{folder}/uv"
                    for folder in os.get_exec_path(self.env)
                    if os.access(f"{folder}/uv", os.X_OK)
                ),
                "",
            )
        if not self._program:
            print("uv is not on PATH; installing it with pip", flush=True)
            command = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--target",
                str(self._tools),
                "uv>=0.7,<1",
            ]
            done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise settings.Failure(
                    "DependencyFailed", "neither uv is on PATH nor can pip install it", decisive(done.stderr)
                )
            self._program = str(self._tools / "bin" / "uv")
        return self._program


def _linkers() -> dict[str, str]:
    """The interpreter's linker commands without the folders it was installed to, which would become run paths."""
    found = {}
    for name in ("LDSHARED", "LDCXXSHARED"):
        words = str(sysconfig.get_config_var(name) or "").split()
        if any(sys.base_prefix in word for word in words) and sys.base_prefix not in ("/usr", "/usr/local"):
            found[name] = " ".join(word for word in words if sys.base_prefix not in word)
    return found


def decisive(said: str) -> str:
    """The lines in which uv says what is wrong: from its first error on, without its box drawing."""
    lines = [re.sub(r"^[\s×╰─▶│├]+", "", line).rstrip() for line in said.splitlines()]
    lines = [line for line in lines if line and not NO_NEWS.match(line)]
    first = next((at for at, line in enumerate(lines) if re.match(r"error|No solution|Failed", line)), 0)
    return "\n".join(lines[first:])
