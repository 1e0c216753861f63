"""The node's pure decisions, one row per behaviour."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from openfunction_py.api.upstream import core
from openfunction_py.lib.home import Home
from openfunction_py.node import (
    addresses,
    build_requests,
    endings,
    environment,
    images,
    launcher,
    programs,
    records,
    restarts,
    status,
)  # fmt: skip
from openfunction_py.node.logs import Run
from openfunction_py.node.records import ContainerRecord, Ended, PodRecord
from openfunction_py.node.restarts import BackOff
from openfunction_py.node.sandbox import Bind
from openfunction_py.node.status import ContainerView, PodView

GOOD, BAD = Ended(0, "Completed"), Ended(1, "Error", "boom")


def view(*containers: ContainerView, failed: tuple[str, str] | None = None) -> PodView:
    """A Pod of these containers."""
    return PodView(containers, "127.0.0.9", "2024-01-01T00:00:00Z", failed=failed)


def container(record: ContainerRecord, *, running: bool = False, ready: bool = False) -> ContainerView:
    """A container with this record."""
    return ContainerView("c", "image", record, running=running, ready=ready)


@pytest.mark.parametrize(
    ("seen", "phase"),
    [
        (view(container(ContainerRecord())), "Pending"),
        (view(container(ContainerRecord(), running=True)), "Running"),
        (view(container(ContainerRecord(last=BAD, restarts=1))), "Running"),
        (view(container(ContainerRecord(last=GOOD, done=True))), "Succeeded"),
        (view(container(ContainerRecord(last=BAD, done=True))), "Failed"),
        (
            view(
                container(ContainerRecord(last=GOOD, done=True)), container(ContainerRecord(), running=True)
            ),
            "Running",
        ),
        (view(container(ContainerRecord(last=GOOD, done=True)), container(ContainerRecord())), "Pending"),
        (view(container(ContainerRecord(), running=True), failed=("DeadlineExceeded", "")), "Failed"),
    ],
)
def test_the_phase_follows_the_kubelets_rules(seen: PodView, phase: str) -> None:
    assert status.phase(seen) == phase


def conditions(seen: PodView, pod: core.Pod | None = None) -> dict[str, tuple[str, str]]:
    """Status and reason by condition type."""
    made = status.make_status(pod or core.Pod(), seen, now="2024-01-01T00:00:00Z")
    return {one.type: (one.status, one.reason) for one in made.conditions}


def test_a_pod_is_ready_when_each_of_its_containers_is() -> None:
    both = view(*[container(ContainerRecord(), running=True, ready=ready) for ready in (True, False)])
    assert conditions(both)["Ready"] == ("False", "ContainersNotReady")
    assert conditions(view(container(ContainerRecord(), running=True, ready=True)))["Ready"][0] == "True"


def test_a_pod_that_leaves_is_not_ready() -> None:
    leaving = core.Pod.model_validate({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}})
    seen = view(container(ContainerRecord(), running=True, ready=True))
    assert conditions(seen, leaving)["Ready"][0] == "False"


def test_a_finished_pod_says_that_it_is_complete() -> None:
    assert conditions(view(container(ContainerRecord(last=GOOD, done=True))))["Ready"] == (
        "False",
        "PodCompleted",
    )


def test_the_last_end_stands_beside_the_run_under_way() -> None:
    seen = view(container(ContainerRecord(last=BAD, restarts=2), running=True))
    [one] = status.make_status(core.Pod(), seen, now="2024-01-01T00:00:00Z").container_statuses
    assert one.state.running is not None
    assert one.last_state.terminated is not None
    assert (one.last_state.terminated.message, one.restart_count) == ("boom", 2)


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_decides_who_starts_again(policy: str, code: int, again: bool) -> None:
    assert restarts.restarts(policy, code) is again


def test_restarts_back_off_from_the_second_on() -> None:
    assert [BackOff().delay(count) for count in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("$(A)-$(B)", "1-$(B)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("$$", "$"), ("$(A", "$(A"), ("", "")],
)
def test_references_between_variables_are_kubernetes_own(text: str, expanded: str) -> None:
    assert environment.expand(text, {"A": "1"}) == expanded


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("openfunction/builder", True),
        ("openfunction/builder:v1", True),
        ("openfunction/builder@sha256:00", True),
        ("registry:5000/openfunction/builder", False),
        ("openfunction/builders", False),
    ],
)
def test_a_program_is_found_whatever_its_tag(image: str, found: bool) -> None:
    assert (programs.find(image) is not None) is found


def test_a_build_request_gets_the_places_of_this_machine(tmp_path: Path) -> None:
    wanted = {"image": "x", "source": {"folder": "/workspace/source-inline/sub"}}
    binds = [Bind(Path("/pods/1/volumes/inline-source"), "/workspace/source-inline")]
    env = build_requests.complete(
        {"OFN_BUILD_REQUEST": json.dumps(wanted)}, Home(tmp_path), {"OFN_CACHE": "/cache"}, binds=binds
    )
    request = json.loads(env["OFN_BUILD_REQUEST"])
    assert request["source"] == {"folder": "/pods/1/volumes/inline-source/sub"}
    assert (request["layout"], request["cache"]) == (str(tmp_path / "images"), "/cache")


def test_a_build_request_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(images.NotRunnableError, match="OFN_BUILD_REQUEST holds no build request"):
        build_requests.complete({"OFN_BUILD_REQUEST": "{"}, Home(tmp_path), {}, binds=[])


@pytest.mark.parametrize(("code", "shown"), [(0, 0), (3, 3), (-9, 137), (-15, 143), (None, 137)])
def test_a_signal_counts_from_128(code: int | None, shown: int) -> None:
    assert endings.exit_code(code) == shown


def ending(
    tmp_path: Path, *, log: str = "", message: str = "", policy: str = "File", code: int | None = 1
) -> object:
    """Reason and message of an end with these files."""
    run = Run(tmp_path / "log", tmp_path / "message", tmp_path / "exit")
    run.log.write_text(log)
    run.message.write_text(message)
    return endings.explain(core.Container(name="c", termination_message_policy=policy), run, code)


def test_an_end_says_what_the_program_left_or_else_its_last_lines(tmp_path: Path) -> None:
    assert ending(tmp_path, log="lines\n", message="said") == ("Error", "said")
    assert ending(tmp_path, log="lines\n") == ("Error", "")
    assert ending(tmp_path, log="lines\n", policy="FallbackToLogsOnError") == ("Error", "lines\n")
    assert ending(tmp_path, code=0, message="said") == ("Completed", "said")


def test_an_end_takes_the_reason_the_framework_gave(tmp_path: Path) -> None:
    line = "functions_framework: FunctionNotFound: main.py has no hello; it has: world\n"
    assert ending(tmp_path, log=line) == ("FunctionNotFound", "main.py has no hello; it has: world")


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    record = PodRecord("u", "n", "p", "127.1.1.1", "2024-01-01T00:00:00Z", ("A", "b"))
    record.containers["c"] = ContainerRecord(restarts=2, last=BAD, runtime="process")
    record.save(tmp_path)
    assert records.load(tmp_path / "u") == record


def test_a_record_that_is_damaged_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"uid": 1')
    assert records.load(tmp_path) is None


def test_an_address_in_use_is_not_given_out(tmp_path: Path) -> None:
    free = addresses.Addresses(tmp_path)
    first = free.choose("a", ports=[18080])
    with socket.create_server((first, 18080)):
        assert addresses.Addresses(tmp_path).choose("a", ports=[18080]) != first
    assert free.choose("b", ports=[18080]) != first
    free.release("a")
    assert addresses.Addresses(tmp_path).choose("a", ports=[18080]) == first


def test_folders_closed_to_others_are_covered_once_and_at_the_top(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner" / "leaf"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    (tmp_path / "closed" / "inner").chmod(0o700)
    tmp_path.chmod(0o755)
    found = launcher.closed_ancestor(str(inner))
    assert str(inner).startswith(found + "/")
    assert launcher.topmost([found, f"{found}/x", "", "/other"]) == sorted([found, "/other"])
    assert launcher.below("/a/b", "/a")
    assert not launcher.below("/ab", "/a")
