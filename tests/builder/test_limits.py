"""Builds that are cut short: by time, a signal, a full disk, a missing network; and caches that stay bounded."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from openfunction_builder import caches, children, reasons, request
from tests.builder import workshop
from tests.builder.workshop import Workshop

MONTH = 31 * 24 * 3600
# The step tells its process id, leaves a child in a session of its own, and waits for ever.
ENDLESS = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print("children", os.getpid(), child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A function whose build step never ends."""
    files = {
        "main.py": workshop.HELLO,
        "step.py": ENDLESS,
        "pyproject.toml": "[tool.openfunction]\nbuild-steps = ['python step.py']\n",
    }
    return workshop.write(tmp_path / "endless", files)


def started(log: str) -> list[int]:
    """The processes that the endless step told of."""
    line = next(line for line in log.splitlines() if line.startswith("children "))
    return [int(word) for word in line.split()[1:]]


def alive(pids: list[int]) -> list[int]:
    """Those of some processes that have not ended."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_a_build_that_takes_too_long_ends_with_its_children(
    shop: Workshop, hello: Path, endless: Path
) -> None:
    shop.built(hello)
    ended = workshop.run(shop.asked(request.Source(folder=str(endless)), timeout=8), shop.root / "run")
    assert ended.code == reasons.EXIT_CODES["BuildTimeout"]
    assert ended.result.reason == "BuildTimeout"
    assert "took longer than 8 s" in ended.result.message
    assert not alive(started(ended.log))
    assert not list((shop.cache / caches.WORK).iterdir())


def test_a_builder_that_is_told_to_stop_ends_with_its_children(
    shop: Workshop, hello: Path, endless: Path
) -> None:
    shop.built(hello)
    process = workshop.start(shop.asked(request.Source(folder=str(endless))), shop.root / "run")
    assert process.stdout is not None
    log = ""
    while "children" not in log:
        log = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == reasons.EXIT_CODES["BuildStopped"]
    assert not alive(started(log))


def test_what_a_step_leaves_in_the_background_ends_with_the_build(shop: Workshop, tmp_path: Path) -> None:
    step = ENDLESS.replace("child.wait()", "")
    command = "python step.py > told.txt 2>&1 < /dev/null; cat told.txt"
    files = {
        "main.py": workshop.HELLO,
        "step.py": step,
        "pyproject.toml": f"[tool.openfunction]\nbuild-steps = ['{command}']\n",
    }
    source = workshop.write(tmp_path / "source", files)
    ended = workshop.run(shop.asked(request.Source(folder=str(source)), timeout=60), shop.root / "run")
    assert ended.code == 0, ended.log
    assert not alive(started(ended.log))


def test_descendants_are_found_at_any_depth() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(1, flush=True); input()'])"
    with subprocess.Popen(
        [shutil.which("python3") or "python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len([pid for pid in children.descendants(os.getpid()) if pid != process.pid]) >= 1
        process.communicate(b"\n")


def test_a_full_disk_is_named_and_leaves_no_half_image(shop: Workshop, hello: Path) -> None:
    workshop.need_to_work("unshare", "--mount", "--map-root-user")
    workshop.need("mount")
    shop.built(hello)
    small = shop.root / "small"
    small.mkdir()
    asked = shop.asked(request.Source(folder=str(hello)))
    tell = f'find {small} -name ".part*"; cat {small}/index.json'
    script = f'mount -t tmpfs -o size=1m none {small} && "$@"; code=$?; {tell}; exit $code'
    asked = dataclasses.replace(asked, layout=str(small))
    before = ("unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh")
    ended = workshop.run(asked, shop.root / "run", before=before)
    assert ended.code == reasons.EXIT_CODES["ExportFailed"], ended.log
    assert "no space is left for the image" in ended.result.message
    assert ended.log.splitlines()[-1] == '{"schemaVersion": 2, "manifests": []}'


def test_without_a_network_a_warm_cache_builds(shop: Workshop, hello: Path) -> None:
    workshop.need_to_work(*workshop.NO_NETWORK)
    digest = shop.built(hello)
    (hello / "main.py").write_text(workshop.HELLO + "# changed\n")
    asked = shop.asked(request.Source(folder=str(hello)))
    ended = workshop.run(asked, shop.root / "run", before=workshop.NO_NETWORK)
    assert ended.code == 0, ended.log
    assert ended.result.digest != digest


@pytest.mark.slow
def test_without_a_network_a_cold_cache_says_so(shop: Workshop, tmp_path: Path) -> None:
    workshop.need_to_work(*workshop.NO_NETWORK)
    source = workshop.write(tmp_path / "s", {"main.py": workshop.HELLO, "requirements.txt": "tabulate\n"})
    cold = Workshop(shop.root, tmp_path / "cold")
    asked = cold.asked(request.Source(folder=str(source)))
    ended = workshop.run(asked, shop.root / "run", before=workshop.NO_NETWORK)
    assert ended.result.reason == "DependencyFailed"
    assert "cannot be reached" in ended.result.message


def aged(path: Path, seconds: float = MONTH) -> Path:
    """A path last used that long ago."""
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))
    return path


def test_what_no_build_used_for_a_month_goes_at_the_next_build(tmp_path: Path) -> None:
    workshop.write(
        tmp_path, {"dependencies/old/a.py": "", "dependencies/new/a.py": "", "layers/old.json": "{}"}
    )
    for name in ("dependencies/old", "layers/old.json"):
        aged(tmp_path / name)
    with caches.used(tmp_path):
        assert [path.name for path in (tmp_path / "dependencies").iterdir()] == ["new"]
        assert not list((tmp_path / "layers").iterdir())


def test_what_killed_builds_left_goes_at_the_next_build(tmp_path: Path) -> None:
    workshop.write(tmp_path, {"dependencies/.part-x/a.py": "", "work/killed/a.py": "", "other/.part-x": ""})
    with caches.used(tmp_path):
        assert not list((tmp_path / "dependencies").iterdir())
        assert not (tmp_path / "work").exists()
        assert (tmp_path / "other" / ".part-x").exists()


def test_nothing_goes_while_another_build_runs(tmp_path: Path) -> None:
    with caches.used(tmp_path):
        workshop.write(tmp_path, {"work/running/a.py": "", "dependencies/old/a.py": ""})
        aged(tmp_path / "dependencies" / "old")
        with caches.used(tmp_path):
            assert (tmp_path / "work" / "running").exists()
            assert (tmp_path / "dependencies" / "old").exists()


def test_a_build_renews_what_it_uses(tmp_path: Path, hello: Path) -> None:
    shop = Workshop(tmp_path / "shop", tmp_path / "cache")
    shop.root.mkdir()
    shop.built(hello)
    kept = [path for name in ("dependencies", "layers") for path in (shop.cache / name).iterdir()]
    for path in kept:
        aged(path, MONTH - 2 * 24 * 3600)
    before = {path: path.stat().st_mtime for path in kept}
    shop.built(hello)
    assert all(path.stat().st_mtime > before[path] for path in kept)
