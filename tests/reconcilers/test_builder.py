"""A Builder: the Shipwright objects it makes, and what it reports of them."""

from __future__ import annotations

from openfunction_py.api.builders import Builder
from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.api.upstream.shipwright import Build, BuildRun
from openfunction_py.controller.types import Request
from openfunction_py.kube import errors
from openfunction_py.reconcilers import builder as reconciler
from tests.reconcilers import play
from tests.reconcilers.world import World


async def started(**build: object) -> tuple[World, Builder]:
    """A Function whose Builder has begun."""
    there = play.world()
    there.put(play.hello(build=play.build(**build)))
    await there.settle()
    (found,) = play.builders(there)
    return there, found


def again(there: World) -> Builder:
    """The one Builder as it is now."""
    (found,) = play.builders(there)
    return found


async def test_it_is_building_and_names_its_objects() -> None:
    _, builder = await started()
    assert (builder.status.phase, builder.status.state) == ("Build", "Building")
    assert builder.status.resource_ref == {
        "shipwright.io/build": f"{builder.metadata.name}-build",
        "shipwright.io/buildRun": f"{builder.metadata.name}-run",
    }


async def test_success_gives_digest_size_and_duration() -> None:
    there, _ = await started()
    await play.finish_build(there)
    found = again(there).status
    assert found.state == "Succeeded"
    assert found.output is not None
    assert (found.output.digest, found.output.size) == (play.DIGEST, 7)
    assert found.build_duration == "7s"


async def test_a_rejected_build_fails_with_the_reason_of_the_rejection() -> None:
    there, builder = await started()
    status = {"registered": "False", "reason": "BuilderUnsupported", "message": "no such strategy"}
    there.set_status(Build, f"{builder.metadata.name}-build", status)
    await there.settle()
    assert (again(there).status.state, again(there).status.reason) == ("Failed", "BuilderUnsupported")
    assert play.condition(there).reason == "BuilderUnsupported"


async def test_its_timeout_stops_the_run_and_reaches_the_function() -> None:
    there, builder = await started(timeout="90s")
    there.clock.advance(91)
    there.wake("builder", "default", builder.metadata.name)
    await there.settle()
    run = there.lister(BuildRun).get("default", f"{builder.metadata.name}-run")
    assert run is not None
    assert run.spec.state == "BuildRunCanceled"
    assert again(there).status.state == "Timeout"
    assert play.condition(there).reason == "BuildTimeout"


async def test_before_its_timeout_it_asks_to_be_looked_at_then() -> None:
    there, builder = await started(timeout="90s")
    there.clock.advance(30)
    result = await reconciler.Reconciler(there.manager).reconcile(Request("default", builder.metadata.name))
    assert result.requeue_after == 60


async def test_a_run_that_timed_out_by_itself_is_a_timeout() -> None:
    there, _ = await started()
    await play.end_run(there, {"type": "Succeeded", "status": "False", "reason": "BuildRunTimeout"})
    assert again(there).status.state == "Timeout"


async def test_inline_files_in_folders_keep_their_paths() -> None:
    inline = {"main.py": "import lib.x", "lib/x.py": "", "lib/y.py": "y = 1"}
    there, builder = await started(srcRepo={"inline": inline})
    build = there.lister(Build).get("default", f"{builder.metadata.name}-build")
    source = there.lister(ConfigMap).get("default", f"{builder.metadata.name}-source")
    assert build is not None
    assert source is not None
    items = build.spec.volumes[0]["configMap"]["items"]
    assert {item["path"]: source.data[item["key"]] for item in items} == inline


async def test_values_of_build_env_travel_unchanged_and_sorted() -> None:
    env = {"Z": "a#b=c d\ne", "A": "1"}
    there, builder = await started(env=env)
    build = there.lister(Build).get("default", f"{builder.metadata.name}-build")
    assert build is not None
    (param,) = build.spec.param_values
    assert [item.value for item in param.values or []] == ["A=1", "Z=a#b=c d\ne"]


async def test_the_commit_that_was_built_reaches_the_function() -> None:
    there, builder = await started(srcRepo={"url": "https://example.com/repo.git", "revision": "v1"})
    there.set_status(
        BuildRun,
        f"{builder.metadata.name}-run",
        {
            "conditions": [{"type": "Succeeded", "status": "True"}],
            "output": {"digest": play.DIGEST},
            "source": {"git": {"commitSha": "abc", "commitAuthor": "x", "branchName": "main"}},
        },
    )
    await there.settle()
    (source,) = play.seen(there).sources
    assert source.git is not None
    assert (source.git.commit_sha, source.git.branch_name) == ("abc", "main")


async def test_a_build_that_the_server_refuses_fails_with_its_words() -> None:
    there = play.world()
    there.client.refuse["Build"] = errors.ApiError("no such field", code=422, reason="Invalid")
    there.put(play.hello())
    await there.settle()
    assert (again(there).status.reason, again(there).status.message) == ("BuildRejected", "no such field")
