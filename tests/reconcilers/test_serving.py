"""A Serving: whose turn it is to write the Knative Service, and what it reports of it."""

from __future__ import annotations

from openfunction_py.api.functions import Function
from openfunction_py.api.meta import Condition
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.kube import errors
from tests.reconcilers import play


async def test_a_new_version_is_a_new_template_of_the_same_service_owned_by_the_function() -> None:
    there = play.world()
    await play.running(there)
    first = play.service(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    second = play.service(there)
    assert second.metadata.uid == first.metadata.uid
    assert second.metadata.generation == 2
    assert [owner.kind for owner in second.metadata.owner_references] == ["Function"]


async def test_an_older_serving_never_takes_the_template_back() -> None:
    there = play.world()
    await play.running(there)
    (old,) = play.servings(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    before = play.service(there)
    there.wake("serving", "default", old.metadata.name)
    await there.settle()
    assert play.service(there) == before


async def test_a_template_that_someone_changed_is_put_right() -> None:
    there = play.world()
    await play.running(there)
    body = play.service(there).to_wire()
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "mine:v9"
    there.store(body)
    await there.settle()
    assert play.service(there).spec.template.spec.containers[0].image == f"hello:v1@{play.DIGEST}"


async def test_fields_that_a_server_adds_are_left_alone() -> None:
    there = play.world()
    await play.running(there)
    body = play.service(there).to_wire()
    body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    there.store(body)
    there.writes.clear()
    await there.settle()
    assert "apply Service hello-ksvc" not in there.writes


async def test_it_fails_with_the_cause_nearest_to_the_container() -> None:
    there = play.world()
    there.put(play.hello(build=None))
    await there.settle()
    broken = Condition(type="Ready", status="False", reason="ImageNotRunnable", message="no Python here")
    await play.revise(there, broken)
    (serving,) = play.servings(there)
    assert (serving.status.state, serving.status.reason) == ("Failed", "ImageNotRunnable")
    assert ("Warning", "ServingFailed") in there.recorder.seen


async def test_a_version_that_mends_itself_becomes_running() -> None:
    there = play.world()
    there.put(play.hello(build=None))
    await there.settle()
    await play.revise(there, Condition(type="Ready", status="False", reason="CrashLoop"))
    await play.revise(there)
    assert play.condition(there).status == "True"


async def test_it_gives_up_waiting_after_its_timeout_but_not_once_it_runs() -> None:
    there = play.world()
    there.put(play.hello(build=None, serving={"timeout": "30s"}))
    await there.settle()
    there.clock.advance(31)
    (serving,) = play.servings(there)
    there.wake("serving", "default", serving.metadata.name)
    await there.settle()
    assert play.condition(there).reason == "ServingTimeout"
    await play.revise(there)
    there.wake("serving", "default", serving.metadata.name)
    await there.settle()
    assert play.condition(there).status == "True"


async def test_a_status_of_the_revision_before_is_not_taken_for_this_version() -> None:
    there = play.world()
    await play.running(there)
    there.put(play.hello(serving={"params": {"A": "1"}}))
    await there.settle()
    stale = play.service(there).status.to_wire()
    there.set_status(KnativeService, "hello-ksvc", {**stale, "observedGeneration": 2})
    await there.settle()
    assert play.condition(there).status == "Unknown"


async def test_a_function_started_by_dapr_alone_says_what_is_missing() -> None:
    there = play.world()
    there.put(
        play.hello(build=None, serving={"triggers": {"dapr": [{"name": "queue", "type": "bindings.kafka"}]}})
    )
    await there.settle()
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "ComponentMissing")
    assert not there.lister(KnativeService).list()


async def test_deleting_the_function_ends_its_reconcilers_quietly() -> None:
    there = play.world()
    await play.running(there)
    there.remove(Function, "default", "hello")
    await there.settle()
    assert there.lister(Function).get("default", "hello") is None


async def test_what_runs_stays_running_while_its_service_is_undecided() -> None:
    there = play.world()
    await play.running(there, play.hello(build=None))
    status = play.service(there).status.to_wire()
    undecided = {"type": "Ready", "status": "Unknown", "reason": "Deploying"}
    there.set_status(KnativeService, "hello-ksvc", {**status, "conditions": [undecided]})
    await there.settle()
    assert play.condition(there).status == "True"


async def test_a_service_of_somebody_else_is_not_taken() -> None:
    there = play.world()
    there.put(KnativeService.model_validate({"metadata": {"name": "hello-ksvc", "namespace": "default"}}))
    there.put(play.hello(build=None))
    await there.settle()
    assert play.condition(there).reason == "NotOwned"
    assert play.service(there).metadata.owner_references == []


async def test_a_service_that_an_earlier_function_left_is_waited_for() -> None:
    there = play.world()
    await play.running(there, play.hello(build=None))
    there.remove(Function, "default", "hello")
    for serving in play.servings(there):
        there.remove(type(serving), "default", serving.metadata.name)
    there.put(play.hello(build=None))
    await there.settle()
    assert play.condition(there).status == "Unknown"
    there.remove(KnativeService, "default", "hello-ksvc")
    await there.settle()
    await play.revise(there)
    assert play.condition(there).status == "True"


async def test_a_template_that_the_server_refuses_fails_with_its_words() -> None:
    there = play.world()
    there.client.refuse["Service"] = errors.ApiError("must not set hostPID", code=400, reason="BadRequest")
    there.put(play.hello(build=None))
    await there.settle()
    ready = play.condition(there)
    assert (ready.reason, ready.message) == ("TemplateRejected", "must not set hostPID")
