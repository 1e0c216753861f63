"""One set of buildpacks, two lifecycles: what upstream's makes of our buildpacks is what ours makes of them."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openfunction_builder import launch, restore
from tests.builder import both, upstream, workshop
from tests.builder.both import Pair, Sample
from tests.builder.upstream import Cluster
from tests.builder.workshop import Workshop

REQUIRED = {
    "main.py": "import itsdangerous\n\n\ndef sign(request):\n"
    "    return itsdangerous.Signer('k').sign('x').decode()\n",
    "requirements.txt": "itsdangerous==2.2.0\nfunctions-framework==3.*\n",
    "pyproject.toml": "[tool.openfunction]\n"
    "build-steps = ['python -c \"import itsdangerous; print(1)\" > made.txt']\n",
    "lib/__init__.py": "NAME = 'lib'\n",
}


@pytest.fixture(scope="module", params=["hello-python", "requirements"])
def pair(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    warm_cache: Path,
    buildpacks: Path,
) -> Pair:
    """The smallest sample, and a source with requirements, a build step and labels."""
    root = tmp_path_factory.mktemp("pair")
    if request.param == "hello-python":
        sample = Sample(both.HELLO, {"FUNC_NAME": "hello"}, '{"message":"Hello, World!"}')
    else:
        env = {"FUNC_NAME": "sign", "FUNC_TYPE": "http", "FUNC_LABEL_TEAM": 'the "shop"'}
        sample = Sample(workshop.write(root / "source", REQUIRED), env, "x.")
    return both.built(root, warm_cache, sample, buildpacks)


def test_both_take_the_same_buildpacks_with_the_same_plan(pair: Pair) -> None:
    both.same_plan(pair)
    assert pair.group == [("openfunction/python", "0.1.0")]


def test_both_make_the_same_layers(pair: Pair) -> None:
    both.same_flags(pair)
    layers = pair.label(restore.METADATA)[0]["buildpacks"][0]["layers"]
    assert pair.made == set(layers) | both.LAYERS_OF_A_CLUSTER
    for name in layers:
        ours, theirs = (root / "layers" / both.KEY / name for root in (pair.ours.root, pair.theirs))
        assert both.tree(ours) == both.tree(theirs) != {}


def test_both_make_the_same_of_the_source(pair: Pair) -> None:
    ours, theirs = both.tree(pair.ours.root / "workspace"), both.tree(pair.theirs / "workspace")
    assert ours == theirs
    assert "main.py" in ours


def test_both_write_the_same_labels(pair: Pair) -> None:
    ours, theirs = pair.labels
    assert set(ours) - set(theirs) == both.LABELS_OF_OURS
    assert set(theirs) - set(ours) == set()
    assert {name: ours[name] for name in theirs if name not in both.LABELS_WITHIN} == {
        name: value for name, value in theirs.items() if name not in both.LABELS_WITHIN
    }


def test_both_have_the_same_processes_and_the_same_default(pair: Pair) -> None:
    ours, theirs = pair.label(launch.PROCESSES)
    assert ours["buildpacks"] == theirs["buildpacks"]
    assert [process(one) for one in ours["processes"]] == [process(one) for one in theirs["processes"]]
    default = [one["type"] for one in ours["processes"] if one["default"]]
    assert default == [theirs["buildpack-default-process-type"]]
    config = pair.cluster.config()
    assert (config["Entrypoint"], config["WorkingDir"]) == ([f"/cnb/process/{default[0]}"], "/workspace")


def process(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a process is; a key without a value and no key are the same."""
    return (
        entry["type"],
        entry["command"],
        entry.get("args") or [],
        entry.get("working-dir") or "",
        entry["buildpackID"],
    )


def test_both_give_a_process_the_same_environment(pair: Pair) -> None:
    assert both.same_environment(pair)["PYTHONPATH"] == f"/layers/{both.KEY}/deps:/workspace"


@pytest.fixture
def serving(pair: Pair) -> Iterator[str]:
    """The address of the default process of upstream's image."""
    command = pair.started(*pair.cluster.config()["Entrypoint"], env={"PORT": "0", "HOST": "127.0.0.1"})
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "listening on " in line:
                yield line.split("listening on ")[1].strip()
                break
        process.terminate()
        assert process.wait(30) == 0, "".join(said)


def test_the_image_of_upstreams_lifecycle_answers(pair: Pair, serving: str) -> None:
    with urllib.request.urlopen(serving, timeout=30) as answer:
        assert answer.read().decode().startswith(pair.sample.answer)


def test_upstreams_lifecycle_builds_again_from_its_cache_without_a_network(pair: Pair) -> None:
    before, locks = pair.cluster.manifest(), kept_locks(pair)
    pair.cluster.given(pair.sample.source, pair.sample.env)
    done = pair.cluster.phase("creator", upstream.IMAGE, alone=True)
    assert done.returncode == 0, done.stdout
    assert "taken from an earlier build with the same lock" in done.stdout
    assert "cannot be reached" not in done.stdout
    assert kept_locks(pair) == locks != {}
    assert pair.cluster.manifest() == before


def kept_locks(pair: Pair) -> dict[str, str]:
    """The locks among the downloads, and when each was made."""
    folder = pair.cluster.root / "layers" / both.KEY / "downloads" / "locks"
    return {path.name: path.read_text() for path in folder.iterdir()}


@dataclass(frozen=True)
class Failing:
    """A source that cannot be built, why, and the phase of upstream's lifecycle that ends with it."""

    files: Mapping[str, str]
    env: Mapping[str, str]
    reason: str
    phase: str


FAILING = [
    Failing({"main.py": workshop.HELLO}, {"FUNC_NAME": "helo"}, "FunctionNotFound", "builder"),
    Failing({"main.py": "def hello(:\n"}, {"FUNC_NAME": "hello"}, "SyntaxError", "builder"),
    Failing({"main.py": "def hello():\n    return 1\n"}, {"FUNC_NAME": "hello"}, "ArityMismatch", "builder"),
    Failing(
        {"main.py": workshop.HELLO, "requirements.txt": "-r gone.txt\n"}, {}, "DependencyFailed", "builder"
    ),
    Failing({"app.py": ""}, {}, "SourceNotFound", "detector"),
    Failing({"main.go": "", "go.mod": ""}, {}, "BuilderUnsupported", "detector"),
]


@pytest.mark.parametrize("case", FAILING, ids=[f"{case.reason}-{case.phase}" for case in FAILING])
def test_both_tell_the_same_reason(tmp_path: Path, shop: Workshop, buildpacks: Path, case: Failing) -> None:
    source = workshop.write(tmp_path / "source", case.files)
    source.mkdir(exist_ok=True)
    ours = shop.build(source, case.env)
    assert ours.reason == case.reason
    phase, log = failed(Cluster.made(tmp_path / "cluster", buildpacks), source, case.env)
    assert phase == case.phase
    told = log[log.index(f"ERROR {case.reason}: ") :].removeprefix(f"ERROR {case.reason}: ").splitlines()
    assert [line.strip() for line in told[: len(ours.message.splitlines())]] == ours.message.splitlines()


def failed(cluster: Cluster, source: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """The phase of upstream's lifecycle that did not end well, and its log."""
    cluster.given(source, env)
    for command in upstream.PHASES:
        done = cluster.phase(*command)
        if done.returncode:
            return command[0], done.stdout
    raise AssertionError("every phase ended well")
