"""A Function from manifest to addresses, its changes and its failures."""

from __future__ import annotations

from openfunction_py.api.functions import Function
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.meta import Condition
from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.api.upstream.shipwright import BuildRun
from tests.reconcilers import play


async def test_an_inline_function_becomes_a_build_with_its_source() -> None:
    there = play.world()
    there.put(play.hello())
    await there.settle()
    (builder,) = play.builders(there)
    source = there.lister(ConfigMap).get("default", f"{builder.metadata.name}-source")
    assert source is not None
    assert source.data == play.SOURCE
    assert there.lister(BuildRun).get("default", f"{builder.metadata.name}-run") is not None
    assert play.condition(there).status == "Unknown"
    assert not play.servings(there)


async def test_a_built_function_is_served_at_its_digest_and_becomes_ready() -> None:
    there = play.world()
    await play.running(there)
    container = play.service(there).spec.template.spec.containers[0]
    assert container.image == f"hello:v1@{play.DIGEST}"
    assert play.condition(there).status == "True"
    assert play.condition(there).observed_generation == 1
    assert [(one.type, one.value) for one in play.seen(there).addresses] == [
        ("External", "http://hello.default.localhost:8080/"),
        ("External", "http://127.0.0.1:8080/default/hello/"),
        ("Internal", "http://hello.default.svc.cluster.local/"),
    ]


async def test_a_change_that_keeps_the_build_intent_makes_no_new_builder() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(build=play.build(timeout="9m", builderMaxAge="24h"), serving={"params": {"A": "1"}}))
    await there.settle()
    assert len(play.builders(there)) == 1
    assert play.service(there).metadata.generation == 2


async def test_the_same_manifest_twice_changes_nothing() -> None:
    there = play.world()
    await play.running(there)
    there.writes.clear()
    there.put(play.hello())
    there.wake("function", "default", "hello")
    await there.settle()
    assert there.writes == []


async def test_a_change_of_source_cancels_the_unfinished_builder() -> None:
    there = play.world()
    there.put(play.hello())
    await there.settle()
    (first,) = play.builders(there)
    there.put(play.hello(build=play.build(env={"FUNC_NAME": "other"})))
    await there.settle()
    run = there.lister(BuildRun).get("default", f"{first.metadata.name}-run")
    assert run is not None
    assert run.spec.state == "BuildRunCanceled"
    states = {one.metadata.name: one.status.state for one in play.builders(there)}
    assert states.pop(first.metadata.name) == "Canceled"
    assert list(states.values()) == ["Building"]


async def test_a_source_that_comes_back_is_a_new_attempt() -> None:
    there = play.world()
    for name in ("one", "two", "one"):
        there.put(play.hello(build=play.build(env={"FUNC_NAME": name}, failedBuildsHistoryLimit=9)))
        await there.settle()
    assert len(play.builders(there)) == 3


async def test_a_failed_build_gives_its_reason_and_message_to_the_function() -> None:
    there = play.world()
    there.put(play.hello())
    await there.settle()
    await play.fail_build(there, "FunctionNotFound", "there is no hello in main.py")
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "FunctionNotFound")
    assert ready.message == "there is no hello in main.py"
    assert ("Warning", "BuildFailed") in there.recorder.seen


async def test_the_old_version_keeps_serving_until_the_new_one_runs() -> None:
    there = play.world()
    await play.running(there)
    (old,) = play.servings(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    assert len(play.servings(there)) == 2
    assert play.seen(there).addresses
    await play.revise(there)
    (new,) = play.servings(there)
    assert new.metadata.name != old.metadata.name
    assert new.status.revision == "hello-ksvc-00002"
    assert play.condition(there).status == "True"


async def test_a_failed_version_keeps_the_old_one_and_says_why() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    await play.revise(there, Condition(type="Ready", status="False", reason="CrashLoop", message="boom"))
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "CrashLoop")
    assert "boom" in ready.message
    assert "keeps serving" in ready.message
    assert len(play.servings(there)) == 2
    assert play.seen(there).addresses


async def test_a_failed_version_is_no_verdict_on_a_change_that_is_still_being_built() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    await play.revise(there, Condition(type="Ready", status="False", reason="CrashLoop", message="boom"))
    there.put(play.hello(build=play.build(env={"FUNC_NAME": "other"})))
    await there.settle()
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("Unknown", "Building")
    assert ready.observed_generation == 3


async def test_a_failed_build_of_a_change_leaves_the_old_version_alone() -> None:
    there = play.world()
    await play.running(there)
    before = play.service(there)
    there.put(play.hello(build=play.build(env={"FUNC_NAME": "other"})))
    await there.settle()
    await play.fail_build(there, "SyntaxError", "main.py line 1")
    assert play.service(there) == before
    assert play.condition(there).reason == "SyntaxError"
    assert play.condition(there, "ServingReady").status == "True"


async def test_a_serving_only_function_runs_its_image_without_a_builder() -> None:
    there = play.world()
    await play.running(there, play.hello(build=None))
    assert not play.builders(there)
    assert play.service(there).spec.template.spec.containers[0].image == "hello:v1"
    assert play.condition(there).status == "True"


async def test_a_build_only_function_is_ready_when_it_is_built() -> None:
    there = play.world()
    there.put(play.hello(serving=None))
    await there.settle()
    await play.finish_build(there)
    assert play.condition(there).status == "True"
    assert not play.servings(there)
    assert not play.seen(there).addresses


async def test_removing_serving_removes_everything_it_had() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(serving=None))
    await there.settle()
    assert not play.servings(there)
    assert not there.lister(KnativeService).list()
    assert not play.seen(there).addresses


async def test_a_prebuilt_image_in_place_of_a_build_drops_the_digest_and_keeps_the_old_version() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(build=None, image="other:v2"))
    await there.settle()
    assert len(play.servings(there)) == 2
    assert play.seen(there).revision is None
    assert play.service(there).spec.template.spec.containers[0].image == "other:v2"


async def test_a_rebuild_with_the_same_result_makes_no_new_version() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(build=play.build(env={"FUNC_NAME": "hello", "X": "1"})))
    await there.settle()
    await play.finish_build(there)
    assert len(play.servings(there)) == 1
    assert play.condition(there).status == "True"


async def test_history_keeps_the_current_builder_and_as_many_failed_ones_as_asked() -> None:
    there = play.world()
    for name in ("one", "two", "three"):
        there.put(play.hello(build=play.build(env={"FUNC_NAME": name}, failedBuildsHistoryLimit=1)))
        await there.settle()
        await play.fail_build(there, "FunctionNotFound", name)
        there.clock.advance(60)
    assert len(play.builders(there)) == 2


async def test_a_succeeded_builder_goes_at_its_age_and_is_not_built_again() -> None:
    there = play.world()
    await play.running(there, play.hello(build=play.build(builderMaxAge="1h")))
    there.clock.advance(3601)
    there.wake("function", "default", "hello")
    await there.settle()
    assert not play.builders(there)
    assert play.condition(there).status == "True"


async def test_a_builder_that_was_deleted_before_it_succeeded_is_made_again() -> None:
    there = play.world()
    there.put(play.hello())
    await there.settle()
    (builder,) = play.builders(there)
    there.remove(type(builder), "default", builder.metadata.name)
    await there.settle()
    assert [one.metadata.name for one in play.builders(there)] == [builder.metadata.name]


async def test_a_missing_gateway_is_named() -> None:
    there = play.world()
    there.remove(Gateway, "openfunction", "openfunction")
    await play.running(there)
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "GatewayNotFound")
    assert "openfunction/openfunction" in ready.message


async def test_addresses_follow_the_gateway() -> None:
    there = play.world()
    await play.running(there)
    gateway = there.lister(Gateway).get("openfunction", "openfunction")
    assert gateway is not None
    changed = gateway.to_wire()
    changed["spec"]["pathTemplate"] = "fn/{{.Name}}"
    there.store(changed)
    await there.settle()
    assert "http://127.0.0.1:8080/fn/hello/" in [one.value for one in play.seen(there).addresses]


async def test_the_events_tell_the_story_once() -> None:
    there = play.world()
    await play.running(there)
    assert [reason for _, reason in there.recorder.seen] == [
        "BuildStarted",
        "BuildCompleted",
        "Starting",
        "Running",
    ]


async def test_every_child_has_the_function_or_its_builder_as_owner() -> None:
    there = play.world()
    await play.running(there)
    function = there.lister(Function).get("default", "hello")
    assert function is not None
    owned = {function.metadata.uid, *(one.metadata.uid for one in play.builders(there))}
    generated = ("Builder", "Serving", "KnativeService", "Build", "BuildRun", "ConfigMap")
    for (kind, _, _), body in there.objects.items():
        if kind.rpartition("/")[2] in generated:
            assert {one["uid"] for one in body["metadata"]["ownerReferences"]} <= owned
