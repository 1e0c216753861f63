"""A lifecycle with buildpacks of a test: groups, plans, restored layers, and what a cluster's lifecycle refuses too."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from openfunction_builder import lifecycle, package, request, result, toml
from tests.builder import workshop
from tests.builder.workshop import Workshop

PASS = "#!/bin/sh\nexit 0\n"
FAIL = "#!/bin/sh\necho ERROR BuilderUnsupported: not mine\nexit 100\n"
COUNT = """#!/bin/sh
set -e
cd "$CNB_LAYERS_DIR"
n=$(cat kept/n 2>/dev/null || echo 0)
mkdir -p kept && echo $((n + 1)) > kept/n
printf '[types]\\ncache = true\\n[metadata]\\nn = "%s"\\n' "$n" > kept.toml
cat > launch.toml <<X
[[labels]]
key = "builds-before"
value = "$n"
X
"""
AGAIN = """#!/bin/sh
set -e
cd "$CNB_LAYERS_DIR"
if [ ! -e once.toml ]; then mkdir once; echo first > once/file; fi
printf '[types]\\nlaunch = true\\n' > once.toml
"""


def buildpack(root: Path, name: str, *, detect: str = PASS, build: str = PASS, more: str = "") -> None:
    """Write a buildpack of shell programs."""
    about = f'api = "0.11"\n[buildpack]\nid = "{name}"\nversion = "1"\n{more}'
    workshop.write(root / name, {"buildpack.toml": about, "bin/detect": detect, "bin/build": build})
    for program in ("detect", "build"):
        (root / name / "bin" / program).chmod(0o755)


@pytest.fixture
def packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the lifecycle takes its buildpacks from."""
    folder = tmp_path / "packs"
    folder.mkdir()
    monkeypatch.setattr(package, "buildpacks", lambda _: folder)
    return folder


def build(shop: Workshop, source: Path) -> result.BuildResult:
    return lifecycle.build(shop.asked(request.Source(folder=str(source))))


def labels(shop: Workshop, digest: str) -> Mapping[str, str]:
    config = shop.layout.read_json(shop.layout.read_manifest(digest)["config"]["digest"])
    found: Mapping[str, str] = config["config"]["Labels"]
    return found


def test_the_first_group_that_takes_the_source_builds_it(shop: Workshop, hello: Path, packs: Path) -> None:
    buildpack(packs, "a", detect=FAIL)
    buildpack(packs, "b")
    order = "".join(f'[[order]]\n[[order.group]]\nid = "{name}"\nversion = "1"\n' for name in ("a", "b"))
    (packs / "order.toml").write_text(order)
    about = json.loads(labels(shop, build(shop, hello).digest)["io.buildpacks.build.metadata"])
    assert about["buildpacks"] == [{"id": "b", "version": "1"}]


def test_a_source_that_nobody_takes_has_the_reason_of_a_buildpack(
    shop: Workshop, hello: Path, packs: Path
) -> None:
    buildpack(packs, "a", detect=FAIL)
    found = build(shop, hello)
    assert (found.reason, found.message) == ("BuilderUnsupported", "not mine")


def test_a_detection_that_ends_with_an_error_leaves_the_source_to_the_next_group(
    shop: Workshop, hello: Path, packs: Path
) -> None:
    buildpack(packs, "a", detect="#!/bin/sh\necho out of order\nexit 3\n")
    buildpack(packs, "b", detect=FAIL)
    found = build(shop, hello)
    assert found.reason == "BuildFailed"
    assert found.message == "detect of a ended with 3\nout of order"
    buildpack(packs, "c")
    assert build(shop, hello).digest


def test_a_later_buildpack_builds_with_the_layers_of_earlier_ones(
    shop: Workshop, hello: Path, packs: Path
) -> None:
    kit = (
        '#!/bin/sh\ncd "$CNB_LAYERS_DIR"; mkdir -p kit/bin kit/env.build kit/env.launch\n'
        "printf '#!/bin/sh\\necho $SAID' > kit/bin/tool; chmod 755 kit/bin/tool; printf in > kit/env.build/SAID\n"
        "printf out > kit/env.launch/SAID; printf '[types]\\nbuild = true\\n' > kit.toml\n"
    )
    use = (
        '#!/bin/sh\ncd "$CNB_LAYERS_DIR"\n'
        'printf \'[[labels]]\\nkey = "tool"\\nvalue = "%s"\\n\' "$(tool)" > launch.toml\n'
    )
    buildpack(packs, "a", build=kit)
    buildpack(packs, "b", build=use)
    (packs / "order.toml").write_text(
        '[[order]]\ngroup = [{id = "a", version = "1"}, {id = "b", version = "1"}]\n'
    )
    assert labels(shop, build(shop, hello).digest)["tool"] == "in"


def test_a_cached_layer_is_there_again_in_the_next_build(shop: Workshop, hello: Path, packs: Path) -> None:
    buildpack(packs, "a", build=COUNT)
    assert [labels(shop, build(shop, hello).digest)["builds-before"] for _ in range(3)] == ["0", "1", "2"]


def test_a_launch_layer_without_a_folder_is_that_of_the_image_before(
    shop: Workshop, hello: Path, packs: Path
) -> None:
    buildpack(packs, "a", build=AGAIN)
    first, second = build(shop, hello), build(shop, hello)
    assert first.digest == second.digest != ""


def test_a_launch_layer_that_never_was_is_refused(shop: Workshop, hello: Path, packs: Path) -> None:
    buildpack(packs, "a", build=AGAIN.replace("mkdir once; echo first > once/file", ":"))
    found = build(shop, hello)
    assert found.reason == "ExportFailed"
    assert "once" in found.message


def test_flags_outside_of_types_are_refused(shop: Workshop, hello: Path, packs: Path) -> None:
    buildpack(packs, "a", build='#!/bin/sh\necho "launch = true" > "$CNB_LAYERS_DIR/x.toml"\n')
    assert "[types]" in build(shop, hello).message


def test_a_layer_that_names_the_cache_is_refused(shop: Workshop, hello: Path, packs: Path) -> None:
    program = (
        '#!/bin/sh\ncd "$CNB_LAYERS_DIR"; mkdir x\n'
        'cp "$CNB_PLATFORM_DIR/env/OFN_BUILD_CACHE" x/where\nprintf "[types]\\nlaunch = true\\n" > x.toml\n'
    )
    buildpack(packs, "a", build=program)
    found = build(shop, hello)
    assert found.reason == "ExportFailed"
    assert "where of the layer x" in found.message


@pytest.mark.parametrize(("more", "seen"), [("", "hello"), ("clear-env = true\n", "")])
def test_the_users_variables_are_cleared_where_a_buildpack_asks_for_it(
    shop: Workshop, hello: Path, packs: Path, more: str, seen: str
) -> None:
    label = '[[labels]]\\nkey = "seen"\\nvalue = "%s"\\n'
    program = f'#!/bin/sh\nprintf \'{label}\' "$FUNC_NAME" > "$CNB_LAYERS_DIR/launch.toml"\n'
    buildpack(packs, "a", build=program, more=more)
    assert labels(shop, build(shop, hello).digest)["seen"] == seen


def test_a_buildpack_of_another_api_is_named(shop: Workshop, hello: Path, packs: Path) -> None:
    buildpack(packs, "a")
    about = packs / "a" / "buildpack.toml"
    about.write_text(about.read_text().replace("0.11", "0.4"))
    assert "API 0.4" in build(shop, hello).message


@pytest.mark.parametrize("text", ["", 'quo"te', "back\\slash", "two\nlines", "tab\t", "ünï", "\x7f"])
def test_what_is_written_as_toml_is_read_again(text: str) -> None:
    document = {"a": text, text or "b": [{"c": True, "d": 1}, text]}
    assert tomllib.loads(toml.dump(document)) == document
