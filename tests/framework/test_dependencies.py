"""Dependency templates: what they import, and the revision templates that they become."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_framework import control
from functions_framework.templates import dependencies
from tests.framework.conftest import Node, environment
from tests.framework.test_template import Dial, free_port, get

PACKAGE = "import os\nIMPORTED_BY = os.getpid()\n"
FUNCTION = """
import os, sys, package, random
from package import part
HERE = os.getpid()
def function(request):
    return {"pid": os.getpid(), "package": package.IMPORTED_BY, "module": HERE, "mine": os.environ.get("MINE"),
            "part": part.NAME, "random": random.random(), "omp": os.environ.get("OMP_NUM_THREADS"),
            "found": [p for p in sys.path if p.endswith(("layer", "app1", "app2"))]}
"""


class House:
    """A layer with a package, two functions that import it, and a dependency template of the layer."""

    def __init__(self, folder: Path, node: Node) -> None:
        self.folder, self.node = folder, node
        package = folder / "layer" / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(PACKAGE)
        (package / "part.py").write_text("NAME = 'part'\n")
        self.pids: list[int] = []
        self.process: subprocess.Popen[str] | None = None

    def app(self, name: str, source: str = FUNCTION) -> Path:
        folder = self.folder / name
        folder.mkdir()
        (folder / "main.py").write_text(source)
        return folder

    def start(self, learn: Path) -> Dial:
        """Start the dependency template and meet it."""
        path = self.folder / "d"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions_framework.templates.template", "--socket", str(path), "--exits",
             str(self.folder / "d.exits"), "--dependencies", str(self.folder / "layer")],
            env=environment(FUNCTION_SOURCE=str(learn / "main.py"), PYTHONPATH=str(self.folder / "layer")),
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not path.exists():
            assert self.process.poll() is None, self.process.communicate()[1]
        return Dial(path)

    def spec(self, app: Path) -> control.RevisionSpec:
        own = self.folder / f"{app.name}.run"
        own.mkdir(exist_ok=True)
        env = {"PYTHONPATH": f"{self.folder / 'layer'}:{app}", "FUNCTION_SOURCE": str(app / "main.py")}
        return control.RevisionSpec(
            str(own / "s"), str(own / "exits"), str(own / "log"), str(app), {**env, "MINE": app.name}
        )

    def revise(self, dial: Dial, app: Path) -> tuple[int, control.RevisionSpec]:
        spec = self.spec(app)
        dial.send(control.revise(app.name, spec))
        answer = dial.receive()
        assert answer["type"] == "forked", answer
        self.pids.append(answer["pid"])
        return int(answer["pid"]), spec

    def meet(self, spec: control.RevisionSpec) -> Dial:
        """Dial a revision template that is still importing."""
        while not Path(spec.socket).exists():
            os.sched_yield()
        return Dial(Path(spec.socket))

    def ask(self, dial: Dial, spec: control.RevisionSpec) -> Any:
        """Fork an instance and ask it once."""
        port = free_port()
        fork = control.ForkSpec(
            "pod", "127.0.0.1", port, env=dict(spec.env), log=spec.log, control=str(self.node.path)
        )
        dial.send(control.fork("pod", fork))
        self.pids.append(dial.receive("forked")["pid"])
        self.node.wait("ready")
        return get(port)

    def close(self) -> None:
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended by itself
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def house(short_dir: Path, node: Node) -> Iterator[House]:
    """A layer, and what is needed to start templates of it."""
    made = House(short_dir, node)
    yield made
    made.close()


def test_a_file_teaches_the_modules_of_its_layer_that_its_import_needs(tmp_path: Path) -> None:
    for name in ("alpha", "beta", "gamma", "functions_framework"):
        (tmp_path / name).mkdir()
    source = tmp_path / "main.py"
    source.write_text(
        "import os, alpha.deep as d\nimport functions_framework\ntry:\n    from beta import x\nexcept ImportError:\n"
        "    import missing\nfrom . import near\ndef function(request):\n    import gamma\n"
    )
    assert dependencies.learn(source, tmp_path) == ["alpha.deep", "beta"]
    source.write_text("import (\n")
    assert dependencies.learn(source, tmp_path) == []
    assert dependencies.learn(tmp_path / "absent.py", tmp_path) == []


def test_what_cannot_be_imported_is_left_to_the_function() -> None:
    failed = dependencies.import_all(["json", "surely_no_such_module"])
    assert len(failed) == 1
    assert failed[0].startswith("surely_no_such_module: ModuleNotFoundError")


def test_the_import_path_is_exchanged_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/first", "/layer", "/app", "/lib"])
    dependencies.use_path("/layer:/app", "/layer:/other")
    assert sys.path == ["/first", "/layer", "/other", "/lib"]


def test_two_revisions_share_the_packages_of_one_dependency_template(house: House) -> None:
    apps = [house.app("app1"), house.app("app2")]
    dial = house.start(apps[0])
    ready = dial.receive()
    assert (ready["fork_safe"], ready["threads"]) == (True, [])
    answers = []
    for app in apps:
        pid, spec = house.revise(dial, app)
        line = house.meet(spec)
        assert line.receive() == {
            "type": "ready", "pid": pid, "threads": [], "fork_safe": True, "reason": "",
        }  # fmt: skip
        answers.append(house.ask(line, spec))
        assert answers[-1]["module"] == pid
        line.close()
    assert {answer["package"] for answer in answers} == {ready["pid"]}
    assert [answer["mine"] for answer in answers] == ["app1", "app2"]
    assert [[Path(p).name for p in answer["found"]] for answer in answers] == [
        ["layer", "app1"],
        ["layer", "app2"],
    ]
    assert {answer["omp"] for answer in answers} == {None}
    assert answers[0]["random"] != answers[1]["random"]
    dial.close()


def test_a_dependency_template_that_is_killed_leaves_its_revisions_serving(house: House) -> None:
    app = house.app("app1")
    dial = house.start(app)
    dial.receive()
    _, spec = house.revise(dial, app)
    line = house.meet(spec)
    line.receive()
    assert house.process is not None
    house.process.kill()
    house.process.wait(20)
    assert house.ask(line, spec)["mine"] == "app1"
    line.close()
    dial.close()


def test_a_revision_that_cannot_be_imported_ends_alone_with_a_line_in_its_log(house: House) -> None:
    good, bad = house.app("app1"), house.app("app2", "import package\nraise ValueError('no')\n")
    dial = house.start(good)
    dial.receive()
    pid, spec = house.revise(dial, bad)
    assert dial.receive("exited") == {"type": "exited", "pid": pid, "code": 83}
    assert "ImportFailed" in Path(spec.log).read_text()
    house.revise(dial, good)
    dial.close()


def test_a_revision_that_leaves_a_thread_says_so_and_the_next_one_may_be_forked(house: House) -> None:
    source = (
        "import package, threading\nthreading.Thread(target=threading.Event().wait, name='mine',"
        " daemon=True).start()\ndef function(request): ...\n"
    )
    dial = house.start(house.app("app1"))
    dial.receive()
    _, spec = house.revise(dial, house.app("app2", source))
    line = house.meet(spec)
    assert "1 thread (mine)" in line.receive()["reason"]
    line.close()
    dial.close()


@pytest.mark.parametrize("message", ["fork", "version", "spec"])
def test_what_a_dependency_template_cannot_do_is_refused(house: House, message: str) -> None:
    app = house.app("app1")
    dial = house.start(app)
    dial.receive()
    order = control.revise("x", house.spec(app))
    dial.send({
        "fork": {"type": "fork", "id": "x", "spec": {}},
        "version": {**order, "version": 99},
        "spec": {**order, "spec": {"socket": "s"}},
    }[message])  # fmt: skip
    assert dial.receive()["reason"] == "BadSpec"
    dial.close()
