"""The OCI layout: names, digests, damage, collection and simultaneous writers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from openfunction_builder import images
from tests.builder import workshop

HOST = "registry.example.org"


def stored(layout: images.Layout, text: str) -> images.Descriptor:
    """A small image."""
    layer = layout.stream_blob(lambda out: out.write(text.encode()), images.LAYER)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "config": layout.write_blob(json.dumps(config).encode(), images.CONFIG),
        "layers": [layer],
    }
    return layout.write_blob(json.dumps(manifest).encode(), images.MANIFEST)


@pytest.fixture
def layout(tmp_path: Path) -> images.Layout:
    """A layout that nothing was written to."""
    return images.Layout(tmp_path / "images")


def test_a_name_resolves_to_the_digest_it_was_given(layout: images.Layout) -> None:
    one = stored(layout, "one")
    layout.tag("shop/x:v1", one)
    assert layout.resolve("shop/x:v1") == one["digest"]
    assert layout.resolve(f"shop/x:v1@{one['digest']}") == one["digest"]
    assert layout.resolve(one["digest"]) == one["digest"]


@pytest.mark.parametrize("name", ["shop/y:v1", "x", "sha256:" + "0" * 64, "shop/x@sha256:" + "0" * 64])
def test_what_is_not_there_resolves_to_nothing(layout: images.Layout, name: str) -> None:
    layout.tag("shop/x:v1", stored(layout, "one"))
    assert layout.resolve(name) is None


def test_a_name_moves_and_the_earlier_image_stays_reachable_by_digest(layout: images.Layout) -> None:
    one, two = stored(layout, "one"), stored(layout, "two")
    layout.tag("shop/x:v1", one)
    layout.tag("shop/x:v1", two)
    assert layout.resolve("shop/x:v1") == two["digest"]
    assert layout.read_manifest(one["digest"])["layers"]
    assert len(workshop.index(layout)) == 2


def test_giving_the_same_name_twice_changes_nothing(layout: images.Layout) -> None:
    one = stored(layout, "one")
    layout.tag("shop/x:v1", one)
    before = workshop.index(layout)
    layout.tag("shop/x:v1", one)
    assert workshop.index(layout) == before


def test_one_image_can_have_several_names(layout: images.Layout) -> None:
    one = stored(layout, "one")
    for name in ("shop/x:v1", "shop/x:v2", f"{HOST}:5000/x:v1"):
        layout.tag(name, one)
    assert layout.resolve("shop/x:v1") == layout.resolve(f"{HOST}:5000/x:v1") == one["digest"]


def test_a_damaged_document_is_refused(layout: images.Layout) -> None:
    one = stored(layout, "one")
    layout.blob(one["digest"]).write_text("{}")
    with pytest.raises(images.ImageError, match="damaged in the image store; build the image again"):
        layout.read_manifest(one["digest"])


def test_what_is_no_digest_is_refused(layout: images.Layout) -> None:
    with pytest.raises(images.ImageError, match="is no digest"):
        layout.blob("sha256:../../etc/passwd")


def test_collecting_keeps_names_and_what_someone_keeps(layout: images.Layout) -> None:
    one, two, three = stored(layout, "one"), stored(layout, "two"), stored(layout, "three")
    for image in (one, two, three):
        layout.tag("shop/x:v1", image)
    freed = layout.collect(lambda digest: digest == one["digest"], grace=-60)
    assert freed > 0
    assert layout.resolve(two["digest"]) is None
    assert layout.read_manifest(one["digest"])
    assert layout.read_manifest("shop/x:v1")["layers"] == layout.read_manifest(three["digest"])["layers"]


def test_a_name_made_for_objects_goes_when_no_object_wants_it_and_any_other_stays(
    layout: images.Layout,
) -> None:
    built, brought = stored(layout, "built"), stored(layout, "brought")
    layout.tag("shop/built:v1", built, for_objects=True)
    layout.tag("shop/brought:v1", brought)
    assert layout.collect(lambda _: False, grace=-60) == 0
    layout.collect(lambda _: False, wanted=lambda _: False)  # both were written just now
    assert set(layout.names()) == {"shop/built:v1", "shop/brought:v1"}
    assert layout.collect(lambda _: False, grace=-60, wanted=lambda _: False) > 0
    assert set(layout.names()) == {"shop/brought:v1"}
    assert layout.resolve(built["digest"]) is None


def test_the_grace_of_a_name_begins_when_an_object_last_wanted_it(layout: images.Layout) -> None:
    built = stored(layout, "built")
    layout.tag("shop/built:v1", built, for_objects=True)
    os.utime(layout.blob(built["digest"]), (0, 0))
    layout.collect(lambda _: False, grace=3600, wanted=lambda _: True)
    layout.collect(lambda _: False, grace=3600, wanted=lambda _: False)
    assert set(layout.names()) == {"shop/built:v1"}
    os.utime(layout.blob(built["digest"]), (0, 0))
    layout.collect(lambda _: False, grace=3600, wanted=lambda _: False)
    assert layout.names() == {}


def test_collecting_leaves_alone_what_a_build_has_just_written(layout: images.Layout) -> None:
    layout.tag("shop/x:v1", stored(layout, "one"))
    unnamed = stored(layout, "two")
    assert layout.collect(lambda _: False) == 0
    assert layout.resolve(unnamed["digest"]) == unnamed["digest"]


def test_collecting_passes_a_damaged_image(layout: images.Layout) -> None:
    one, two = stored(layout, "one"), stored(layout, "two")
    layout.tag("shop/x:v1", one)
    layout.tag("shop/y:v1", two)
    layout.blob(one["digest"]).write_text("{}")
    layout.collect(lambda _: False, grace=-60)
    assert layout.read_manifest("shop/y:v1")


@pytest.mark.parametrize("again", ["used", "written"])
def test_a_blob_that_is_taken_up_while_it_is_removed_is_not_lost(
    layout: images.Layout, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.tag("shop/x:v1", stored(layout, "one"))
    digest = layout.write_blob(b"old", images.LAYER)["digest"]
    os.utime(layout.blob(digest), (0, 0))
    there: list[bool] = []

    def take_up() -> None:
        if again == "written":
            layout.stream_blob(lambda out: out.write(b"old"), images.LAYER)
        there.append(again == "written" or layout.use_blob(digest))

    builder, unlink = threading.Thread(target=take_up), Path.unlink

    def late(path: Path, **options: bool) -> None:
        if path == layout.blob(digest):
            builder.start()
            builder.join(0.2)  # time to get in between, where nothing kept it out
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", late)
    assert layout.collect(lambda _: False) == len(b"old")
    builder.join()
    assert there == [layout.blob(digest).exists()]


def test_a_write_that_fails_leaves_nothing(layout: images.Layout) -> None:
    stored(layout, "one")
    before = sorted(path.name for path in layout.path.rglob("*"))

    def fail(_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        layout.stream_blob(fail, images.LAYER)
    assert sorted(path.name for path in layout.path.rglob("*")) == before


def test_threads_that_name_images_at_once_lose_none(layout: images.Layout) -> None:
    def work(number: int) -> None:
        for turn in range(5):
            layout.tag(f"shop/x{number}:v{turn}", stored(layout, f"{number} {turn}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(layout.resolve(f"shop/x{number}:v{turn}") for number in range(6) for turn in range(5))


def test_processes_that_begin_a_layout_at_once_lose_none(layout: images.Layout) -> None:
    code = (
        "import sys, pathlib; from openfunction_builder import images\n"
        "layout = images.Layout(pathlib.Path(sys.argv[1]))\n"
        "layout.tag(sys.argv[2], layout.write_blob(sys.argv[2].encode(), images.MANIFEST))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(layout.path), f"shop/x{number}"])
        for number in range(6)
    ]
    assert [process.wait() for process in running] == [0] * 6
    assert all(layout.resolve(f"shop/x{number}") for number in range(6))


@pytest.mark.parametrize("name", ["shop/x:v1", f"{HOST}/x:v1", f"{HOST}:5000/x/y:v1.2-3_4", "plain"])
def test_skopeo_reads_the_layout(layout: images.Layout, name: str) -> None:
    workshop.need("skopeo")
    one = stored(layout, "one")
    layout.tag("other/z:v1", stored(layout, "two"))
    layout.tag(name, one)
    address = f"oci:{layout.path}:{name}"
    done = subprocess.run(["skopeo", "inspect", address], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Digest"] == one["digest"]
