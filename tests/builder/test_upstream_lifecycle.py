"""One set of buildpacks, two lifecycles: what upstream's makes of our buildpacks is what ours makes of them.

`differs` names whatever is not the same, each with its reason; anything else that differs is a fault.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openfunction_builder import launch, package, plan, restore, workspace
from tests.builder import test_buildpacks, upstream, workshop
from tests.builder.upstream import Cluster
from tests.builder.workshop import Workshop

ROOT = Path(__file__).parent.parent.parent
KEY = "openfunction_python"
# Our lifecycle keeps a cache for all images of a home, so the buildpack keeps none in a layer of the image's own.
LAYERS_OF_A_CLUSTER = {"downloads"}
# The image says that it has no base; upstream's has one, can be rebased, and its specification's label is not written.
LABELS_OF_OURS = {launch.BASE, "io.buildpacks.rebasable"}
# Each says what only its own exporter knows; what they have in common is compared part by part.
LABELS_WITHIN = {launch.PROCESSES, restore.METADATA}
# Layers lie in another folder in every home, so a function may ask where; on a cluster they lie at /layers.
VARIABLES_OF_OURS = {"CNB_LAYERS_DIR", "CNB_APP_DIR"}
# The run image's own; of PATH what layers add to it is compared. On a laptop the node has values of its own for both.
OF_THE_RUN_IMAGE = {"PATH", "HOME"}

REQUIRED = {
    "main.py": "import itsdangerous\n\n\ndef sign(request):\n"
    "    return itsdangerous.Signer('k').sign('x').decode()\n",
    "requirements.txt": "itsdangerous==2.2.0\nfunctions-framework==3.*\n",
    "pyproject.toml": "[tool.openfunction]\n"
    "build-steps = ['python -c \"import itsdangerous; print(1)\" > made.txt']\n",
    "lib/__init__.py": "NAME = 'lib'\n",
}


@dataclass(frozen=True)
class Sample:
    """A source, what the user sets for its build, and what it answers, as far as that is foreseen."""

    source: Path
    env: Mapping[str, str]
    answer: str


@dataclass
class Pair:
    """One source, built by both."""

    sample: Sample
    cluster: Cluster
    theirs: Path
    ours: launch.Image
    steps: list[plan.Step]

    @property
    def labels(self) -> tuple[dict[str, str], dict[str, str]]:
        """The labels of our image and of theirs."""
        return dict(self.ours.labels), self.cluster.config()["Labels"]

    def label(self, name: str) -> tuple[Any, Any]:
        """A label that is a document, in our image and in theirs."""
        ours, theirs = self.labels
        return json.loads(ours[name]), json.loads(theirs[name])


@pytest.fixture(scope="module")
def buildpacks(warm_cache: Path) -> Path:
    """The buildpacks with the framework's wheel, as both lifecycles take them."""
    workshop.need_to_work("unshare", "--mount")
    upstream.lifecycle()
    return package.buildpacks(warm_cache)


def built_by_both(root: Path, cache: Path, sample: Sample, buildpacks: Path) -> Pair:
    """Build a source with both lifecycles."""
    steps: list[plan.Step] = []
    cluster = Cluster.made(root / "cluster", buildpacks)
    cluster.given(sample.source, sample.env)
    cluster.build()
    shop = Workshop(root / "shop", cache)
    with pytest.MonkeyPatch.context() as patch:
        real = workspace.write_plan

        def write_plan(work: workspace.Workspace, step: plan.Step) -> None:
            steps.append(step)
            real(work, step)

        patch.setattr(package, "buildpacks", lambda _: buildpacks)
        patch.setattr(workspace, "write_plan", write_plan)
        ours = shop.unpack(shop.built(sample.source, sample.env))
    return Pair(sample, cluster, cluster.unpacked(), ours, steps)


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
        sample = Sample(
            ROOT / "samples" / "hello-python", {"FUNC_NAME": "hello"}, '{"message":"Hello, World!"}'
        )
    else:
        env = {"FUNC_NAME": "sign", "FUNC_TYPE": "http", "FUNC_LABEL_TEAM": 'the "shop"'}
        sample = Sample(workshop.write(root / "source", REQUIRED), env, "x.")
    return built_by_both(root, warm_cache, sample, buildpacks)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder: whether it can be run, and its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_file():
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            found[str(path.relative_to(folder))] = f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return found


def test_both_take_the_same_buildpacks_with_the_same_plan(pair: Pair) -> None:
    taken = [(step.buildpack.id, step.buildpack.version) for step in pair.steps]
    assert taken == [(one["id"], one["version"]) for one in pair.cluster.toml("group.toml")["group"]]
    assert [list(step.entries) for step in pair.steps] == [
        entries_of(pair.cluster.toml("plan.toml"), step.buildpack.id) for step in pair.steps
    ]


def entries_of(document: Mapping[str, Any], buildpack: str) -> list[Mapping[str, Any]]:
    """The requirements of upstream's plan that are a buildpack's to meet."""
    entries = document.get("entries", [])
    mine = [entry for entry in entries if entry["providers"][0]["id"] == buildpack]
    return [required for entry in mine for required in entry["requires"]]


def test_both_make_the_same_layers(pair: Pair) -> None:
    ours, theirs = (found["buildpacks"] for found in pair.label(restore.METADATA))
    assert [(one["key"], one["version"]) for one in ours] == [(one["key"], one["version"]) for one in theirs]
    assert flags(ours) == flags(theirs)
    made = {path.stem for path in (pair.cluster.root / "layers" / KEY).glob("*.toml")} - {"launch"}
    assert made == set(ours[0]["layers"]) | LAYERS_OF_A_CLUSTER
    for name in ours[0]["layers"]:
        assert tree(pair.ours.root / "layers" / KEY / name) == tree(pair.theirs / "layers" / KEY / name) != {}


def flags(buildpacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flags and metadata of each layer; upstream writes what is not set as well."""
    return [
        {
            name: (layer.get("data") or {}, *(bool(layer.get(flag)) for flag in ("build", "launch", "cache")))
            for name, layer in one["layers"].items()
        }
        for one in buildpacks
    ]


def test_both_make_the_same_of_the_source(pair: Pair) -> None:
    ours, theirs = tree(pair.ours.root / "workspace"), tree(pair.theirs / "workspace")
    assert ours == theirs
    assert "main.py" in ours


def test_both_write_the_same_labels(pair: Pair) -> None:
    ours, theirs = pair.labels
    assert set(ours) - set(theirs) == LABELS_OF_OURS
    assert set(theirs) - set(ours) == set()
    assert {name: ours[name] for name in theirs if name not in LABELS_WITHIN} == {
        name: value for name, value in theirs.items() if name not in LABELS_WITHIN
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


def started(pair: Pair, *command: str, env: Mapping[str, str] | None = None) -> list[str]:
    """A command by upstream's launcher in the image that upstream's exporter made."""
    said = dict(one.split("=", 1) for one in pair.cluster.config()["Env"])
    return pair.cluster.command(*command, image=pair.theirs, env={**said, **(env or {})})


def test_both_give_a_process_the_same_environment(pair: Pair) -> None:
    command = started(pair, "/cnb/lifecycle/launcher", "--", "env", "-0")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    theirs = dict(one.split("=", 1) for one in done.stdout.split("\0") if one)
    ours = pair.ours.process().env
    placed = {name: value.replace(f"{pair.ours.root}/", "/") for name, value in ours.items()}
    assert {name: placed[name] for name in placed.keys() - VARIABLES_OF_OURS - OF_THE_RUN_IMAGE} == {
        name: theirs[name] for name in theirs.keys() - OF_THE_RUN_IMAGE
    }
    assert of_layers(placed.get("PATH", "")) == of_layers(theirs["PATH"])
    assert placed["PYTHONPATH"] == f"/layers/{KEY}/deps:/workspace"


def of_layers(path: str) -> list[str]:
    """The folders of a search path that are a layer's."""
    return [folder for folder in path.split(":") if folder.startswith("/layers/")]


@pytest.fixture
def serving(pair: Pair) -> Iterator[str]:
    """The address of the default process of upstream's image."""
    command = started(pair, *pair.cluster.config()["Entrypoint"], env={"PORT": "0", "HOST": "127.0.0.1"})
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
    before = pair.cluster.manifest()
    pair.cluster.given(pair.sample.source, pair.sample.env)
    done = pair.cluster.phase("creator", upstream.IMAGE, alone=True)
    assert done.returncode == 0, done.stdout
    assert "taken from an earlier build with the same lock" in done.stdout
    assert "cannot be reached" not in done.stdout
    assert pair.cluster.manifest() == before


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


# What a program of the buildpack `shop/after` sees of one that built before it.
TELL = """\
#!/bin/sh
set -e
cd "$CNB_LAYERS_DIR"
mkdir seen
printf '[types]\\nlaunch = true\\n' > seen.toml
cp "$CNB_BP_PLAN_PATH" seen/plan.toml
env | cut -d= -f1 | sort > seen/names
echo "$PATH:$LD_LIBRARY_PATH:$CPATH" | tr : '\\n' | sed -n 's,.*/layers/,,p' > seen/found
for name in JOINED SET KEPT LATER FUNC_NAME CNB_TARGET_OS CNB_TARGET_ARCH; do
  eval "echo $name=\\$$name"
done > seen/values
"""
KIT = """\
#!/bin/sh
set -e
cd "$CNB_LAYERS_DIR"
mkdir -p kit/bin kit/lib kit/include kit/env kit/env.build kit/env.launch none
printf 'two' > kit/env/JOINED.append; printf '+' > kit/env/JOINED.delim; printf 'a' > kit/env/SET
printf 'one' > kit/env.build/JOINED.prepend; printf '+' > kit/env.build/JOINED.delim
printf 'no' > kit/env.build/SET.default; printf 'odd' > kit/env.build/KEPT.txt; printf 'b' > kit/env.build/FUNC_NAME
printf 'x' > kit/env.launch/LATER
echo '#!/bin/sh' > kit/bin/tool
echo 1 > kit/lib/one; echo 1 > kit/include/one.h; echo 1 > none/file
printf '[types]\\nbuild = true\\nlaunch = true\\n[metadata]\\nmade = "by kit"\\n' > kit.toml
printf '[metadata]\\nmade = "for nothing"\\n' > none.toml
"""
REQUIRES = """\
[[requires]]
name = "openfunction-python"
[requires.metadata]
asked = "after"
told = "$(env | sed -n 's/=.*//; /^CNB_STACK_ID/d; /^CNB_/p' | sort | tr '\\n' ' ')"
[[requires]]
name = "kit"
"""
OTHERWISE = '[[provides]]\nname = "nobody-asks"\n[[or]]\n[[or.provides]]\nname = "kit"\n'
ORDER = """\
[[order]]
group = [{id = "shop/wrong", version = "1"}, {id = "openfunction/python", version = "0.1.0"}]
[[order]]
group = [
  {id = "shop/kit", version = "1"},
  {id = "shop/unused", version = "1", optional = true},
  {id = "openfunction/python", version = "0.1.0"},
  {id = "shop/other", version = "1", optional = true},
  {id = "shop/after", version = "1"},
  {id = "shop/clear", version = "1"},
]
"""
# Where ours keeps its folders, and what it says of itself.
SEEN_FROM_OURS = {"TMPDIR", "CNB_STACK_ID", "OFN_BUILD_CACHE", "UV_CACHE_DIR"}
# The shell's own, and what is set for this machine or for the user who runs it.
OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME"}


def planned(text: str) -> str:
    """A detection that passes with a plan, in which the shell fills in what it is asked for."""
    return f'#!/bin/sh\ncat > "$CNB_BUILD_PLAN_PATH" <<X\n{text}X\n'


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path, buildpacks: Path) -> Pair:
    """A source built by ours and four buildpacks of a test, of which two others are left out."""
    root = tmp_path_factory.mktemp("group")
    packs = root / "packs"
    shutil.copytree(buildpacks, packs)
    test_buildpacks.buildpack(packs, "wrong", detect="#!/bin/sh\necho broken\nexit 3\n")
    test_buildpacks.buildpack(packs, "kit", detect=planned(OTHERWISE), build=KIT)
    test_buildpacks.buildpack(packs, "unused", detect=planned('[[provides]]\nname = "nothing"\n'))
    test_buildpacks.buildpack(packs, "other", detect=test_buildpacks.FAIL)
    test_buildpacks.buildpack(packs, "after", detect=planned(REQUIRES), build=TELL)
    test_buildpacks.buildpack(packs, "clear", build=TELL, more="clear-env = true\n")
    for about in packs.glob("*/buildpack.toml"):
        if about.parent.name != KEY:
            about.write_text(about.read_text().replace('id = "', 'id = "shop/'))
    (packs / "order.toml").write_text(ORDER)
    sample = Sample(ROOT / "samples" / "hello-python", {"FUNC_NAME": "hello"}, "")
    return built_by_both(root, warm_cache, sample, packs)


def test_both_choose_the_same_of_several_groups(group: Pair) -> None:
    test_both_take_the_same_buildpacks_with_the_same_plan(group)
    chosen = [step.buildpack.id for step in group.steps]
    assert chosen == ["shop/kit", "openfunction/python", "shop/after", "shop/clear"]
    told = {entry["metadata"]["told"] for entry in group.steps[1].entries if "metadata" in entry}
    assert [set(names.split()) & {"CNB_BUILD_PLAN_PATH", "CNB_LAYERS_DIR"} for names in told] == [
        {"CNB_BUILD_PLAN_PATH"}
    ]
    ours, theirs = (found["buildpacks"] for found in group.label(restore.METADATA))
    assert flags(ours) == flags(theirs)


@pytest.mark.parametrize("name", ["after", "clear"])
def test_both_show_a_buildpack_the_same_plan_and_environment(group: Pair, name: str) -> None:
    ours, theirs = (root / "layers" / f"shop_{name}" / "seen" for root in (group.ours.root, group.theirs))
    assert tomllib.loads((ours / "plan.toml").read_text()) == tomllib.loads(
        (theirs / "plan.toml").read_text()
    )
    assert (ours / "values").read_text() == (theirs / "values").read_text()
    assert (ours / "found").read_text() == (theirs / "found").read_text()
    seen = [set((folder / "names").read_text().split()) - OF_THE_SHELL for folder in (ours, theirs)]
    assert seen[0] - seen[1] <= SEEN_FROM_OURS
    assert seen[1] - seen[0] == set()


def test_what_a_later_buildpack_sees_is_what_the_specification_says(group: Pair) -> None:
    seen = group.ours.root / "layers" / "shop_after" / "seen"
    values = dict(line.split("=", 1) for line in (seen / "values").read_text().splitlines())
    assert {name: values[name] for name in ("JOINED", "SET", "KEPT", "LATER", "FUNC_NAME")} == {
        "JOINED": "one+two", "SET": "a", "KEPT": "", "LATER": "", "FUNC_NAME": "hello",
    }  # fmt: skip
    assert (seen / "found").read_text().split() == [
        "shop_kit/kit/bin",
        "shop_kit/kit/lib",
        "shop_kit/kit/include",
    ]
    cleared = (seen.parents[1] / "shop_clear" / "seen" / "values").read_text()
    assert "FUNC_NAME=b\n" in cleared


def test_both_give_a_process_the_same_environment_of_several_layers(group: Pair) -> None:
    test_both_give_a_process_the_same_environment(group)
    env = group.ours.process().env
    assert env["PATH"].startswith(f"{group.ours.root}/layers/shop_kit/kit/bin:")
    assert (env["LATER"], env["JOINED"]) == ("x", "two")
