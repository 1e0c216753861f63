"""The published tests h2spec, run against the server; what fails on purpose is listed with its reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests import require
from tests.framework.conftest import environment
from tools.kubernetes.server import binaries

# h2spec's own names.
DIFFERENCES = {
    "Sends invalid connection preface": "the port speaks HTTP/1.1 too, and answers what is neither with 400",
}


@pytest.mark.slow
def test_h2spec(tmp_path: Path) -> None:
    program = binaries() / "h2spec"
    if not program.is_file():
        require.missing("h2spec is not built; run tools/h2spec/build.sh")
    (tmp_path / "main.py").write_text("async def function(request): return request.body or b'hello'\n")
    server = subprocess.Popen(
        [sys.executable, "-m", "functions_framework", "--host", "127.0.0.1", "--port", "0"],
        cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        port = server.stderr.readline().strip().rpartition(":")[2]
        report = tmp_path / "report.xml"
        subprocess.run(
            [str(program), "-h", "127.0.0.1", "-p", port, "-o", "5", "-j", str(report)],
            capture_output=True, timeout=110, check=False,
        )  # fmt: skip
    finally:
        server.terminate()
        code = server.wait(20)
        assert server.stderr is not None
        server.stderr.close()
    cases = list(ElementTree.fromstring(_readable(report)).iter("testcase"))
    failed = {
        case.get("classname")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert len(cases) > 140
    assert failed == DIFFERENCES.keys(), failed
    assert code == 0


def _readable(report: Path) -> str:
    """The report without control characters: h2spec copies into it what a server sent, byte by byte."""
    text = report.read_bytes().decode(errors="replace")
    return "".join(character for character in text if character.isprintable() or character.isspace())
