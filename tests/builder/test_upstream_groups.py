"""Several buildpacks in several groups: both lifecycles choose, plan and set the environment alike."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.builder import both, test_buildpacks
from tests.builder.both import Pair, Sample

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
        if about.parent.name != both.KEY:
            about.write_text(about.read_text().replace('id = "', 'id = "shop/'))
    (packs / "order.toml").write_text(ORDER)
    sample = Sample(both.HELLO, {"FUNC_NAME": "hello"}, "")
    return both.built(root, warm_cache, sample, packs)


def test_both_choose_the_same_of_several_groups(group: Pair) -> None:
    both.same_plan(group)
    chosen = [step.buildpack.id for step in group.steps]
    assert chosen == ["shop/kit", "openfunction/python", "shop/after", "shop/clear"]
    told = {entry["metadata"]["told"] for entry in group.steps[1].entries if "metadata" in entry}
    assert [set(names.split()) & {"CNB_BUILD_PLAN_PATH", "CNB_LAYERS_DIR"} for names in told] == [
        {"CNB_BUILD_PLAN_PATH"}
    ]
    both.same_flags(group)


@pytest.mark.parametrize("name", ["after", "clear"])
def test_both_show_a_buildpack_the_same_plan_and_environment(group: Pair, name: str) -> None:
    ours, theirs = (root / "layers" / f"shop_{name}" / "seen" for root in (group.ours.root, group.theirs))
    assert tomllib.loads((ours / "plan.toml").read_text()) == tomllib.loads(
        (theirs / "plan.toml").read_text()
    )
    assert (ours / "values").read_text() == (theirs / "values").read_text()
    assert (ours / "found").read_text() == (theirs / "found").read_text()
    seen = [set((folder / "names").read_text().split()) - OF_THE_SHELL for folder in (ours, theirs)]
    assert seen[0] - seen[1] <= both.BUILD_VARIABLES_OF_OURS
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
    env = both.same_environment(group)
    assert env["PATH"].startswith("/layers/shop_kit/kit/bin:")
    assert (env["LATER"], env["JOINED"]) == ("x", "two")
