"""A folder that looks like a checkout to a page, with a home, a kubeconfig and ports of its own.

What a page types runs in a shell there: `./ofn up` begins anew on free ports, `make` only has to know the target.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs import pages
from tests.e2e import platform

PRELUDE = f"""set -e
functions-framework() {{
  # In the background it takes the place of its subshell, so that `kill` reaches it.
  if [ "$BASHPID" = "$$" ]; then "{sys.executable}" -m functions_framework "$@"
  else exec "{sys.executable}" -m functions_framework "$@"; fi
}}
python() {{ "{sys.executable}" "$@"; }}
make() {{
  grep -Eq "^([a-z0-9]+ )*$1( [a-z0-9]+)*:" "{pages.ROOT}/Makefile" || {{ echo "make: no target $1"; return 2; }}
}}
"""
WRAPPER = """#!/bin/sh
PY="PYTHON"
case "$1" in up) "$PY" -m openfunction_py.cli down >/dev/null 2>&1; set -- "$@" --port 0 --api-port 0 ;; esac
exec "$PY" -m openfunction_py.cli "$@"
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a script ended: its exit code and what a terminal showed."""

    code: int
    shown: str


class Checkout:
    """The folder; `run` types a script in it as a user would."""

    def __init__(self, folder: Path, *, home: Path) -> None:
        """Make the folder look like a checkout; the home, with a kubeconfig beside it, may be of several."""
        self.folder = folder
        drop = {name for name in os.environ if name.startswith("OFN_") and name != "OFN_CACHE"}
        self.environ = {key: value for key, value in os.environ.items() if key not in drop}
        self.environ |= {"OFN_HOME": str(home), "KUBECONFIG": str(home.with_name("kubeconfig"))}
        (folder / "samples").symlink_to(pages.ROOT / "samples")
        (folder / "ofn").write_text(WRAPPER.replace("PYTHON", sys.executable))
        (folder / "ofn").chmod(0o755)

    def run(self, script: str, *, text: str = "") -> Done:
        """Run a script in a shell of its own, and see what a terminal shows: its output and its talk together."""
        found = platform.kubectl()
        prelude = PRELUDE + (f'kubectl() {{ "{found}" "$@"; }}\n' if found else "")
        ours, theirs = os.openpty()
        with subprocess.Popen(
            ["bash", "-c", prelude + script],
            stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, text=True, cwd=self.folder, env=self.environ,
        ) as process:  # fmt: skip
            os.close(theirs)
            assert process.stdin is not None
            process.stdin.write(text)
            process.stdin.close()
            shown = b"".join(_until_closed(ours))
        return Done(process.returncode, shown.decode(errors="replace").replace("\r\n", "\n"))

    def must(self, script: str, *, text: str = "") -> str:
        """Run a script that has to succeed; what it printed."""
        done = self.run(script, text=text)
        assert done.code == 0, f"{script}\n{done.shown}"
        return done.shown

    def ensure_up(self) -> None:
        """Start the platform unless it runs."""
        if self.run("./ofn status").code:
            self.must("./ofn up -d")

    def ensure_empty(self) -> None:
        """Delete every Function, so that no page sees those of another."""
        if not self.run("./ofn status").code:
            self.must("./ofn get functions -o name | xargs -r ./ofn delete")


def _until_closed(terminal: int) -> Iterator[bytes]:
    try:
        while part := os.read(terminal, 65536):
            yield part
    except OSError as error:
        if error.errno != errno.EIO:  # Linux says so when the last writer has closed it
            raise
    finally:
        os.close(terminal)
