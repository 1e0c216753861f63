"""Well-known images and the programs of this machine that they stand for.

An image that is not in the table is no program; a program runs as the platform's user.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from openfunction_py.lib import home as homes
from openfunction_py.lib.home import Home

PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "OFN_CACHE", "XDG_CACHE_HOME")
PASSED_PREFIXES = ("UV_", "PIP_", "GIT_")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")

Prepare = Callable[[Mapping[str, str], Home, Mapping[str, str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Program:
    """A program of this machine and how its environment is completed."""

    name: str
    argv: Sequence[str]

    def env(self, home: Home) -> Mapping[str, str]:
        """What every program of the platform gets: where things are found, and the user's network settings."""
        passed = {name: value for name, value in os.environ.items() if _is_passed(name)}
        # unbuffered, so that whoever follows a log sees a line when it is written
        return {"PATH": os.defpath, **passed, homes.HOME_VARIABLE: str(home.root), "PYTHONUNBUFFERED": "1"}


def _is_passed(name: str) -> bool:
    return name in PASSED or name.startswith(PASSED_PREFIXES) or name.lower() in PROXIES


TABLE: Mapping[str, Program] = {
    "openfunction/builder": Program(
        "openfunction/builder", (sys.executable, "-m", "openfunction_builder.cli")
    ),
}


def find(image: str) -> Program | None:
    """The program of an image, whatever its tag or digest."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return TABLE.get(head if colon and "/" not in tag else name)
