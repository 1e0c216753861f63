"""Images: one digest from every machine, nothing of the machine in them, and they run when all else is gone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openfunction_builder import launch, request
from tests.builder import workshop
from tests.builder.workshop import Workshop

DIGITS = Path(__file__).parent.parent.parent / "samples" / "digits"
CALL = "import main; print(main.hello(None))"
MODEL = (
    "import pickle, pathlib; pathlib.Path('model.bin').write_bytes(pickle.dumps({'a': {1, 2, 3}, 'b': 0.1}))"
)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A function with a step that writes a model."""
    files = {
        "main.py": workshop.HELLO,
        "train.py": MODEL,
        "pyproject.toml": "[tool.openfunction]\nbuild-steps = ['python train.py']\n",
    }
    return workshop.write(tmp_path / "trained", files)


def elsewhere(folder: Path, source: Path, packages: Path) -> tuple[Workshop, Path]:
    """Another home, with a copy of the source and of what was downloaded."""
    shop = Workshop(folder / "shop", folder / "cache")
    shutil.copytree(source, folder / "source")
    shutil.copytree(packages / "uv", folder / "cache" / "uv", symlinks=True)
    return shop, folder / "source"


def one_digest(source: Path, tmp_path: Path, packages: Path, env: dict[str, str]) -> Iterator[str]:
    """The digests of two builds that share nothing but what was downloaded."""
    for name in ("one", "another/and deeper"):
        shop, copy = elsewhere(tmp_path / name, source, packages)
        (tmp_path / name / "tmp").mkdir()
        asked = shop.asked(request.Source(folder=str(copy)), env)
        home, temporary = str(tmp_path / name), str(tmp_path / name / "tmp")
        ended = workshop.run(asked, tmp_path / name / "run", HOME=home, TMPDIR=temporary)
        assert ended.code == 0, ended.log
        yield ended.result.digest


def contents(shop: Workshop, digest: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry of every layer."""
    for layer in shop.layers(digest):
        with tarfile.open(shop.layout.blob(layer)) as archive:
            for entry in archive:
                file = archive.extractfile(entry) if entry.isfile() else None
                yield entry, file.read() if file else b""


@pytest.mark.slow
def test_two_homes_and_two_copies_give_one_digest(
    shop: Workshop, trained: Path, tmp_path: Path, warm_cache: Path
) -> None:
    shop.built(trained)
    one, two = one_digest(trained, tmp_path, warm_cache, {"FUNC_NAME": "hello"})
    assert one == two


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_model_trained_in_two_homes_gives_one_digest(
    shop: Workshop, tmp_path: Path, warm_cache: Path
) -> None:
    shop.built(DIGITS, {"FUNC_NAME": "classify"})
    one, two = one_digest(DIGITS, tmp_path, warm_cache, {"FUNC_NAME": "classify"})
    assert one == two


def test_no_path_of_the_machine_is_in_the_image(shop: Workshop, trained: Path, tmp_path: Path) -> None:
    digest = shop.built(trained)
    marks = [str(place).encode() for place in (tmp_path, shop.cache)]
    for entry, content in contents(shop, digest):
        assert not [mark for mark in marks if mark in content], entry.name
    config = shop.layout.read_manifest(digest)["config"]["digest"]
    assert str(tmp_path).encode() not in shop.layout.blob(config).read_bytes()


def test_entries_tell_neither_time_nor_owner(shop: Workshop, hello: Path) -> None:
    for entry, _ in contents(shop, shop.built(hello)):
        assert (entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) == (315532801, 0, 0, "", "")


def test_skopeo_reads_the_image(shop: Workshop, hello: Path) -> None:
    workshop.need("skopeo")
    digest = shop.built(hello)
    address = f"oci:{shop.layout.path}:shop/hello:v1"
    done = subprocess.run(["skopeo", "inspect", address], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["Digest"] == digest
    assert found["Labels"]["org.openfunction.image.base"] == "none"


def test_functions_with_one_lock_share_the_layer_and_the_second_installs_nothing(
    shop: Workshop, hello: Path, trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    one = shop.built(hello)
    capfd.readouterr()
    two = shop.built(trained)
    said = capfd.readouterr().out
    assert "taken from an earlier build with the same lock" in said
    assert "installing" not in said
    assert shop.layers(one)[0] == shop.layers(two)[0]


def test_the_image_runs_when_source_cache_and_unpacked_layers_are_gone(tmp_path: Path, hello: Path) -> None:
    shop = Workshop(tmp_path / "shop", tmp_path / "cache")
    shop.root.mkdir()
    digest = shop.built(hello)
    assert workshop.answer(shop.unpack(digest), CALL) == "hello"
    for gone in (hello, shop.cache, shop.root / "layers"):
        shutil.rmtree(gone)
    assert workshop.answer(shop.unpack(digest), CALL) == "hello"


def test_an_image_of_an_earlier_version_still_runs_by_its_digest(shop: Workshop, hello: Path) -> None:
    before = shop.built(hello)
    (hello / "main.py").write_text("def hello(request):\n    return 'again'\n")
    after = shop.built(hello)
    assert workshop.answer(shop.unpack(before), CALL) == "hello"
    assert workshop.answer(shop.unpack(after), CALL) == "again"


def test_unpacking_twice_at_once_gives_one_whole_image(shop: Workshop, hello: Path) -> None:
    digest = shop.built(hello)
    found: list[launch.Image] = []
    threads = [threading.Thread(target=lambda: found.append(shop.unpack(digest))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert {workshop.answer(image, CALL) for image in found} == {"hello"}
    assert not list(shop.root.rglob(".part-*"))


def test_other_users_can_read_what_was_unpacked_whatever_the_umask(shop: Workshop, hello: Path) -> None:
    digest = shop.built(hello)
    before = os.umask(0o077)
    try:
        image = shop.unpack(digest)
    finally:
        os.umask(before)
    places = [*(shop.root / "layers").rglob("*"), *image.root.rglob("*")]
    hidden = [
        path for path in places if not path.is_symlink() and not stat.S_IMODE(path.stat().st_mode) & 0o004
    ]
    closed = [path for path in places if path.is_dir() and not stat.S_IMODE(path.stat().st_mode) & 0o001]
    assert not hidden
    assert not closed


def test_a_damaged_layer_is_not_run(shop: Workshop, hello: Path) -> None:
    digest = shop.built(hello)
    layer = shop.layout.blob(shop.layers(digest)[-1])
    layer.write_bytes(layer.read_bytes()[:-2048] + b"x" * 2048)
    with pytest.raises(
        launch.LaunchError, match="damaged in the image store; build the image again"
    ) as caught:
        shop.unpack(digest)
    assert caught.value.reason == "ImageNotRunnable"
    assert not list((shop.root / "layers").glob(".part-*"))


def test_a_missing_layer_is_named(shop: Workshop, hello: Path) -> None:
    digest = shop.built(hello)
    shop.layout.blob(shop.layers(digest)[0]).unlink()
    with pytest.raises(launch.LaunchError, match="is not in the image store; build the image again"):
        shop.unpack(digest)


def test_a_process_type_that_is_not_there_is_named(shop: Workshop, hello: Path) -> None:
    with pytest.raises(launch.LaunchError, match=r"no process 'worker'; it has \['web'\]"):
        shop.unpack(shop.built(hello)).process("worker")


def test_the_image_names_interpreter_framework_and_lock(shop: Workshop, hello: Path) -> None:
    found = shop.build(hello)
    image = shop.unpack(found.digest)
    assert image.framework
    assert image.python_abi.startswith("cp3")
    assert image.labels["org.openfunction.lock"] == found.lock
    assert found.processes == ("web",)
    assert found.size > 0


def test_environment_files_and_exec_d_say_what_a_process_sees(tmp_path: Path) -> None:
    layer = workshop.write(
        tmp_path / "layers" / "some_pack" / "one",
        {
            "env/REPLACED": "one\n",
            "env.launch/JOINED.append": "two",
            "env.launch/JOINED.delim": ":",
            "env.launch/JOINED.default": "never",
            "env.launch/web/ONLY_WEB": "yes",
            "env.launch/ODD.txt": "no variable",
            "bin/tool": "",
            "lib/libtool.so": "",
            "exec.d/all": "#!/bin/sh\necho 'SAID = \"in '$CNB_APP_DIR'\"' >&3\n",
            "exec.d/web/more": "#!/bin/sh\necho 'WEB = \"web\"' >&3\n",
            "exec.d/worker/more": "#!/bin/sh\nexit 1\n",
        },
    )
    for program in layer.glob("exec.d/**/*"):
        program.chmod(0o755)
    (tmp_path / "workspace").mkdir()
    told = {launch.PROCESSES: json.dumps({"processes": [{"type": "web", "command": ["true"]}]})}
    env = launch.Image("sha256:0", tmp_path, told).process().env
    assert env["REPLACED"] == "one\n"
    assert env["JOINED"] == "two"
    assert env["ONLY_WEB"] == "yes"
    assert "ODD" not in env
    assert env["PATH"] == f"{layer}/bin:{launch.PATH}"
    assert env["LD_LIBRARY_PATH"] == f"{layer}/lib"
    assert (env["SAID"], env["WEB"]) == (f"in {tmp_path}/workspace", "web")
