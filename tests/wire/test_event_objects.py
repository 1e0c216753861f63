"""What is written for KEDA, Dapr and Kubernetes is taken by both servers, strictly, and stored alike.

The definitions are those that the projects publish. `ignored_fields.txt` names what may differ: what a server
makes up by itself, and defaults of Kubernetes that nobody here reads.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
import pytest

from openfunction_py.api import scheme
from openfunction_py.kube.oneshot import OneShot
from tests.wire import event_objects, servers

Document = dict[str, Any]
Key = tuple[str, str]
IGNORED = Path(__file__).parent / "ignored_fields.txt"
JSON = {"Content-Type": "application/json"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}}


def ignored() -> list[str]:
    """Patterns `Kind path`."""
    lines = (line.partition("#")[0].strip() for line in IGNORED.read_text().splitlines())
    return [line for line in lines if line]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of everything that holds nothing further."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def differences(one: dict[Key, Document], other: dict[Key, Document]) -> tuple[int, list[str]]:
    """How many fields were compared, and those that differ although they are not ignored."""
    patterns = [pattern.replace("[", "[[]") for pattern in ignored()]
    compared, found = 0, []
    for key in sorted(one.keys() | other.keys()):
        left, right = dict(leaves(one.get(key, {}))), dict(leaves(other.get(key, {})))
        for path in sorted(left.keys() | right.keys()):
            if any(fnmatchcase(f"{key[0]} {path}", pattern) for pattern in patterns):
                continue
            compared += 1
            if left.get(path) != right.get(path):
                found.append(f"{key[0]} {key[1]} {path}: {left.get(path)!r} is not {right.get(path)!r}")
    return compared, found


def stored(server: servers.Server) -> dict[Key, Document]:
    """Everything as the server stored it; a refusal fails the test."""
    door = OneShot(server.endpoint)
    code, body = door.request("POST", "/api/v1/namespaces", body=orjson.dumps(NAMESPACE), headers=JSON)
    assert code == 201, body.decode()
    found = {}
    for resource, document in event_objects.everything():
        found[resource.kind, document["metadata"]["name"]] = _create(door, resource, document)
    door.close()
    return found


def _create(door: OneShot, resource: scheme.Resource, document: Document) -> Document:
    path = resource.path(document["metadata"].get("namespace", ""))
    strict = {"fieldValidation": "Strict"}
    code, body = door.request("POST", path, params=strict, body=orjson.dumps(document), headers=JSON)
    assert code == 201, f"{resource.kind} {document['metadata']['name']}: {body.decode()}"
    answer: Document = orjson.loads(body)
    return answer


@pytest.fixture(scope="module")
def on_embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[Key, Document]:
    """Everything on the embedded server."""
    with servers.embedded(tmp_path_factory.mktemp("embedded")) as server:
        return stored(server)


def test_everything_is_stored_as_it_was_written(on_embedded: dict[Key, Document]) -> None:
    for _, document in event_objects.everything():
        answer = dict(leaves(on_embedded[document["kind"], document["metadata"]["name"]]))
        written = [one for one in leaves(document) if not one[0].startswith("stringData")]
        assert [(path, value) for path, value in written if answer.get(path, {}) != value] == []


@pytest.mark.wire
def test_both_servers_take_everything_and_store_it_alike(
    on_embedded: dict[Key, Document], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers.require_real()
    with servers.kubernetes(tmp_path) as server:
        on_real = stored(server)
    compared, found = differences(on_embedded, on_real)
    with capsys.disabled():
        print(f"\nwire: {len(on_real)} objects, {compared} fields compared")  # noqa: T201 - asked for
    assert found == []
    assert compared > 500


def test_a_seeded_difference_is_found(on_embedded: dict[Key, Document]) -> None:
    seeded = copy.deepcopy(on_embedded)
    seeded["ScaledObject", "fn-scaler"]["spec"]["maxReplicaCount"] = 6
    _, found = differences(on_embedded, seeded)
    assert found == ["ScaledObject fn-scaler spec.maxReplicaCount: 5 is not 6"]
