"""Source bundles: the same files give the same digest, and what .gitignore names stays out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from openfunction_builder import reasons, request, sources
from tests.builder import workshop
from tests.builder.workshop import Workshop


def packed(shop: Workshop, folder: Path) -> set[str]:
    """Names of the files that a bundle of a folder holds, as a build gets them."""
    digest = sources.bundle(folder, shop.layout, "bundles/test")
    into = shop.root / f"got-{digest[-8:]}"
    sources.fetch(shop.asked(request.Source(bundle=f"bundles/test@{digest}")), shop.layout, into)
    return {str(path.relative_to(into)) for path in into.rglob("*") if not path.is_dir()}


def test_two_copies_of_a_folder_have_one_digest(shop: Workshop, tmp_path: Path) -> None:
    one = workshop.write(tmp_path / "one", {"main.py": "x = 1\n", "sub/data.txt": "data"})
    two = tmp_path / "two"
    shutil.copytree(one, two)
    os.utime(two / "main.py", (1, 1))
    (two / "main.py").chmod(0o600)
    assert sources.bundle(one, shop.layout, "a") == sources.bundle(two, shop.layout, "b")


def test_an_edit_changes_the_digest(shop: Workshop, hello: Path) -> None:
    before = sources.bundle(hello, shop.layout, "a")
    (hello / "main.py").write_text("def hello(request):\n    return 'again'\n")
    assert sources.bundle(hello, shop.layout, "a") != before


def test_a_program_stays_a_program(shop: Workshop, hello: Path) -> None:
    before = sources.bundle(hello, shop.layout, "a")
    (hello / "main.py").chmod(0o755)
    assert sources.bundle(hello, shop.layout, "a") != before


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({".gitignore": "*.log\n", "a.log": "", "b.txt": ""}, {".gitignore", "b.txt"}),
        ({".gitignore": "*.log\n!keep.log\n", "a.log": "", "keep.log": ""}, {".gitignore", "keep.log"}),
        ({".gitignore": "data/\n", "data/a": "", "sub/data/b": "", "c": ""}, {".gitignore", "c"}),
        ({".gitignore": "/data\n", "data/a": "", "sub/data/b": ""}, {".gitignore", "sub/data/b"}),
        ({"sub/.gitignore": "*.bin\n", "a.bin": "", "sub/b.bin": ""}, {"sub/.gitignore", "a.bin"}),
        (
            {".gitignore": "*.bin\n", "sub/.gitignore": "!b.bin\n", "a.bin": "", "sub/b.bin": ""},
            {".gitignore", "sub/.gitignore", "sub/b.bin"},
        ),
        ({"a.py": "", "__pycache__/a.pyc": "", ".venv/bin/python": "", "x/.git/HEAD": ""}, {"a.py"}),
        ({".gitignore": "", "ümläut und leer.txt": ""}, {".gitignore", "ümläut und leer.txt"}),
    ],
)
def test_what_gitignore_names_stays_out(
    shop: Workshop, tmp_path: Path, files: Mapping[str, str], kept: set[str]
) -> None:
    workshop.need("git")
    assert packed(shop, workshop.write(tmp_path / "source", files)) == kept


def test_the_gitignore_of_the_repository_above_counts(shop: Workshop, tmp_path: Path) -> None:
    workshop.need("git")
    top = workshop.write(
        tmp_path / "top", {".gitignore": "*.log\n", "functions/one/main.py": "", "functions/one/a.log": ""}
    )
    workshop.git(top, "init", "-q")
    assert packed(shop, top / "functions" / "one") == {"main.py"}


def test_a_gitignore_above_that_belongs_to_no_repository_does_not_count(
    shop: Workshop, tmp_path: Path
) -> None:
    top = workshop.write(tmp_path / "top", {".gitignore": "*\n", "one/main.py": ""})
    assert packed(shop, top / "one") == {"main.py"}


def test_the_users_own_excludes_do_not_count(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.need("git")
    home = workshop.write(tmp_path / "home", {".config/git/ignore": "*.txt\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert "a.txt" in packed(shop, workshop.write(tmp_path / "source", {".gitignore": "b\n", "a.txt": ""}))


def test_a_repository_inside_the_folder_is_packed_with_its_files(shop: Workshop, tmp_path: Path) -> None:
    workshop.need("git")
    folder = workshop.write(tmp_path / "source", {".gitignore": "x\n", "main.py": "", "inner/module.py": ""})
    workshop.git(folder / "inner", "init", "-q")
    workshop.git(folder / "inner", "add", ".")
    workshop.git(folder / "inner", "commit", "-q", "-m", "inner")
    assert "inner/module.py" in packed(shop, folder)


def test_links_within_the_folder_stay_links(shop: Workshop, hello: Path) -> None:
    (hello / "again.py").symlink_to("main.py")
    into = shop.root / "got"
    sources.fetch(shop.asked(request.Source(folder=str(hello))), shop.layout, into)
    assert (into / "again.py").is_symlink()
    assert (into / "again.py").read_text() == workshop.HELLO


def test_a_link_to_a_file_elsewhere_becomes_the_file(shop: Workshop, hello: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("other")
    (hello / "data.txt").symlink_to(tmp_path / "other.txt")
    into = shop.root / "got"
    sources.fetch(shop.asked(request.Source(folder=str(hello))), shop.layout, into)
    assert not (into / "data.txt").is_symlink()
    assert (into / "data.txt").read_text() == "other"


def test_a_pipe_in_the_folder_is_left_out(shop: Workshop, hello: Path) -> None:
    os.mkfifo(hello / "pipe")
    into = shop.root / "got"
    sources.fetch(shop.asked(request.Source(folder=str(hello))), shop.layout, into)
    assert [path.name for path in into.iterdir()] == ["main.py"]


def test_a_bundle_that_is_gone_is_named(shop: Workshop) -> None:
    name = "bundles/gone@sha256:" + "0" * 64
    with pytest.raises(reasons.BuildError, match="source bundle is missing") as caught:
        sources.fetch(shop.asked(request.Source(bundle=name)), shop.layout, shop.root / "got")
    assert caught.value.reason == "SourceNotFound"


def test_a_damaged_bundle_is_refused(shop: Workshop, hello: Path) -> None:
    digest = sources.bundle(hello, shop.layout, "a")
    layer = shop.layout.blob(shop.layers(digest)[0])
    layer.write_bytes(layer.read_bytes().replace(b"hello", b"jello"))
    with pytest.raises(reasons.BuildError, match="damaged") as caught:
        sources.fetch(shop.asked(request.Source(bundle=f"a@{digest}")), shop.layout, shop.root / "got")
    assert caught.value.reason == "SourceNotFound"


def test_a_folder_that_is_gone_is_named(shop: Workshop, tmp_path: Path) -> None:
    found = shop.build(tmp_path / "gone")
    assert (found.reason, found.message) == ("SourceNotFound", "the source folder 'gone' is not there")


@pytest.mark.parametrize("sub_path", [".", "sub", "/sub/", "./sub"])
def test_a_sub_path_is_the_source(shop: Workshop, tmp_path: Path, sub_path: str) -> None:
    folder = workshop.write(tmp_path / "s", {"main.py": "", "sub/main.py": ""})
    into = shop.root / "got"
    asked = shop.asked(request.Source(folder=str(folder)), sub_path=sub_path)
    sources.fetch(asked, shop.layout, into)
    assert (into / "main.py").is_file()
    assert (into / "sub").exists() == (sub_path == ".")


@pytest.mark.parametrize("sub_path", ["gone", "../other", "main.py"])
def test_a_sub_path_that_is_no_folder_of_the_source_is_refused(
    shop: Workshop, tmp_path: Path, sub_path: str
) -> None:
    workshop.write(tmp_path, {"s/main.py": "", "other/main.py": ""})
    asked = shop.asked(request.Source(folder=str(tmp_path / "s")), sub_path=sub_path)
    with pytest.raises(reasons.BuildError, match="the source has no folder") as caught:
        sources.fetch(asked, shop.layout, shop.root / "got")
    assert caught.value.reason == "SourceNotFound"
