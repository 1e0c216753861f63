"""The same files under `functions-framework`, under `ofn run` and deployed on a platform: the same answers.

Run by `make e2e ARGS=same`, which prints a line for each request; `make test` asserts the same.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e import platform

JSON = {"content-type": "application/json"}
# What is compared of an answer beside status and body; the rest says how it travelled.
COMPARED = (
    "content-type",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "x-openfunction-status",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and the status and body that the file's author expects."""

    target: str
    status: int
    expected: bytes
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """A folder of samples/, and what its function is asked."""

    name: str
    function: str
    asks: tuple[Ask, ...]

    @property
    def folder(self) -> Path:
        """Where it is."""
        return platform.ROOT / "samples" / self.name


SAMPLES = (
    Sample("google-style", "greet", (
        Ask("/?name=Ada", 200, b'{"message":"Hello, Ada!"}\n'),
        Ask("/", 200, b'{"message":"Hello, Bob!"}\n', b'{"name": "Bob"}', JSON),
        Ask("/", 200, b'{"message":"Hello, World!"}\n', b"{", JSON),
        Ask("/?name=" + "x" * 21, 400, b"<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n"
            b"<h1>Bad Request</h1>\n<p>a name has 20 letters at most</p>\n"),
    )),
    Sample("openfunction-style", "greet", (
        Ask("/?name=Ada", 200, b"Hello, Ada!\n"),
        Ask("/", 200, b"Hello, Bob!\n", b"Bob"),
        Ask("/any/path", 200, b"Hello, World!\n"),
    )),
    Sample("typed", "price", (
        Ask("/", 200, b'{"item":"tea","total":250}', b'{"item": "tea"}', JSON),
        Ask("/?express=true", 200, b'{"item":"tea","total":1250}', b'{"item": "tea", "count": 3}', JSON),
        Ask("/", 422, b'{"errors":[{"path":"body.item","message":"Field required"},{"path":"body.count",'
            b'"message":"Input should be greater than or equal to 1"}]}', b'{"count": 0}', JSON),
        Ask("/", 422, b'{"errors":[{"path":"body","message":"is missing"}]}', b"", JSON),
    )),
    Sample("streaming", "count", (
        Ask("/?to=2", 200, b'id: 1\ndata: {"number":1}\n\nid: 2\ndata: {"number":2}\n\n'),
        Ask("/?to=0", 200, b""),
    )),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What is compared of an answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


Way = Callable[[platform.Platform, Sample], AbstractContextManager[str]]


def told(address: str, ask: Ask) -> Told:
    """The answer to a request at an address."""
    answer = platform.request(address.rstrip("/") + ask.target, body=ask.body, headers=ask.headers)
    headers = tuple((name, answer.headers[name]) for name in COMPARED if name in answer.headers)
    return Told(answer.status, answer.body, headers)


@contextlib.contextmanager
def alone(there: platform.Platform, sample: Sample) -> Iterator[str]:
    """Under `functions-framework`, from the sample's folder, without a platform."""
    command = [str(Path(sys.executable).with_name("functions-framework")), "--target", sample.function]
    with _listening(there, [*command, "--host", "127.0.0.1", "--port", "0"], sample.folder) as address:
        yield address


@contextlib.contextmanager
def run_by_ofn(there: platform.Platform, sample: Sample) -> Iterator[str]:
    """Under `ofn run`, which builds the folder with its requirements first."""
    command = [sys.executable, "-m", "openfunction_py.cli", "run", str(sample.folder), "--port", "0"]
    with _listening(there, command, platform.ROOT) as address:
        yield address


@contextlib.contextmanager
def deployed(there: platform.Platform, sample: Sample) -> Iterator[str]:
    """Applied to a platform; the address is the gateway's."""
    there.ofn("apply", "-f", str(sample.folder), "--wait")
    yield there.address(sample.name)


WAYS: dict[str, Way] = {"functions-framework": alone, "ofn run": run_by_ofn, "deployed": deployed}


@contextlib.contextmanager
def _listening(there: platform.Platform, command: list[str], folder: Path) -> Iterator[str]:
    """The address that a command says it listens on; Ctrl-C ends it."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=there.environ, stdout=log, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        with process:
            assert process.stderr is not None
            try:
                yield _address(process.stderr)
            finally:
                process.send_signal(signal.SIGTERM)
                process.stderr.read()
                process.wait(30)


def _address(lines: Iterator[str]) -> str:
    seen = []
    for line in lines:
        seen.append(line)
        if found := re.search(r"listening on (http://\S+)", line):
            return found[1]
    raise AssertionError("it never listened:\n" + "".join(seen))


OWNER = """\
import importlib.metadata

import flask
import functions_framework


@functions_framework.http
def main(request):
    owners = importlib.metadata.packages_distributions()["functions_framework"]
    return flask.jsonify(owners=sorted(set(owners)))
"""
ASKED = "functions-framework==3.*"


def replaced(there: platform.Platform) -> tuple[str, bytes]:
    """Deploys a function that requires Google's framework: the line of its build log, and whose framework runs it."""
    manifest = platform.inline("same-owner", OWNER)
    manifest["spec"]["build"]["srcRepo"]["inline"]["requirements.txt"] = f"{ASKED}\n"
    there.apply(manifest)
    log = there.ofn("logs", "same-owner", "--build")
    said = [line for line in log.splitlines() if "is satisfied by" in line]
    assert len(said) == 1, log
    return said[0].strip(), platform.request(there.address("same-owner")).body


def run() -> None:
    """Print each request with its answers; an assertion ends it where two differ."""
    count = 0
    with platform.started() as there:
        for sample in SAMPLES:
            by_ways = {way: answers(there, sample, WAYS[way]) for way in WAYS}
            for number, ask in enumerate(sample.asks):
                by_way = {way: given[number] for way, given in by_ways.items()}
                count += 1
                _print(sample, ask, by_way)
        said, owner = replaced(there)
        print(f"requirements.txt: {ASKED}\nbuild log: {said}\nrunning: {owner.decode().strip()}")
    print(
        f"e2e same: {len(SAMPLES)} files, {count} requests, {len(WAYS)} ways to run each, different answers 0"
    )


def answers(there: platform.Platform, sample: Sample, way: Way) -> list[Told]:
    """What is told of each request of a sample, run one way."""
    with way(there, sample) as address:
        return [told(address, ask) for ask in sample.asks]


def _print(sample: Sample, ask: Ask, by_way: dict[str, Told]) -> None:
    method = "GET" if ask.body is None else "POST"
    print(f"{sample.name:19} {method:4} {ask.target[:24]:24}", end="")
    for way, given in by_way.items():
        right = (given.status, given.body) == (ask.status, ask.expected)
        print(f"  {way}: {given.status} {len(given.body):3} bytes {'ok' if right else 'DIFFERS'}", end="")
    print(flush=True)
    assert len(set(by_way.values())) == 1, by_way
    assert all((given.status, given.body) == (ask.status, ask.expected) for given in by_way.values()), by_way
