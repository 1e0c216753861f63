"""Functions in the forms of public code answer as their authors expect, to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conformance.shapes import event_shapes, http_shapes, other_shapes, running
from tests.conformance.shapes.shape import Shape
from tests.framework import sidecar

GROUPS: dict[str, tuple[Shape, ...]] = {
    "flask_style": http_shapes.FLASK,
    "plain": http_shapes.PLAIN,
    "events": event_shapes.EVENTS,
    "background": event_shapes.BACKGROUND,
    "aio": other_shapes.AIO,
    "typed": other_shapes.TYPED,
    "openfunction": event_shapes.CONTEXTS,
}


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, running.Host]]:
    """The process of each group that a test of this module has asked for."""
    found: dict[str, running.Host] = {}
    yield found
    left = {group: host.close() for group, host in found.items()}
    assert not any(left.values()), f"printed and not expected: {left}"


@pytest.fixture(scope="module")
def dapr() -> Iterator[sidecar.FakeSidecar]:
    """The sidecar of OpenFunction's group."""
    with sidecar.running() as made:
        yield made


def host_of(group: str, hosts: dict[str, running.Host], dapr: sidecar.FakeSidecar) -> running.Host:
    if group not in hosts:
        environ = {"SHAPE_COLOUR": "green"}
        if group == "openfunction":
            environ |= {"FUNC_CONTEXT": json.dumps(event_shapes.CONTEXT), "DAPR_HTTP_PORT": str(dapr.port)}
        hosts[group] = running.start(group, GROUPS[group], environ)
    return hosts[group]


@pytest.mark.parametrize(
    ("group", "shape"),
    [
        pytest.param(group, shape, id=f"{group}-{shape.function}")
        for group in GROUPS
        for shape in GROUPS[group]
    ],
)
def test_a_shape_of_public_code_answers(
    hosts: dict[str, running.Host], dapr: sidecar.FakeSidecar, group: str, shape: Shape
) -> None:
    host = host_of(group, hosts, dapr)
    for ask, expected in shape.exchanges:
        assert host.ask(shape.function, ask, len(expected.printed)) == expected, f"{shape.function}: {ask}"


def test_what_a_function_sends_reaches_the_sidecar(
    hosts: dict[str, running.Host], dapr: sidecar.FakeSidecar
) -> None:
    dapr.asked.clear()
    host_of("openfunction", hosts, dapr).ask("sends_on", event_shapes.tick(b"abc"))
    sent = [(each.method, each.target, each.body) for each in dapr.asked if "health" not in each.target]
    assert sent == [
        ("POST", "/v1.0/bindings/store", b'{"operation":"create","data":"raw abc","metadata":{}}'),
        ("POST", "/v1.0/publish/bus/done", b'{"length":3}'),
    ]


def test_there_are_thirty_shapes_and_more_of_many_repositories() -> None:
    shapes = [shape for group in GROUPS.values() for shape in group]
    assert len(shapes) >= 30
    assert len({shape.source.partition(":")[0] for shape in shapes}) >= 10
    assert all(shape.source.count("/") >= 1 and ": " in shape.source for shape in shapes)
