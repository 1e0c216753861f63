"""What the OpenAPI document promises is what real requests are answered with, and what it refuses is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions_framework import testing
from tests.framework.contract import shapes, validators

ID = "11111111-2222-3333-4444-555555555555"
AT = "2024-05-01T12:00:00+00:00"


@pytest.fixture(scope="module")
def client() -> Iterator[testing.Client]:
    with testing.client(*shapes.FUNCTIONS) as made:
        yield made


@pytest.fixture(scope="module")
def document(client: testing.Client) -> dict[str, Any]:
    made: dict[str, Any] = client.get("/.well-known/openfunction/openapi.json").json()
    return made


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"][path][method.lower()]
    return found


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    validators.check_openapi(document)
    assert {one.__name__ for one in shapes.FUNCTIONS} == {
        one["operationId"].removesuffix("_get").removesuffix("_post")
        for item in document["paths"].values()
        for one in item.values()
    }


CALLS = [
    ("PUT", "/orders/{shop}/{number}", "/orders/rome/7?dry=true&tag=a&tag=b", {"id": ID, "lines": [{"sku": "ab"}]}),
    ("POST", "/receipt", "/receipt", {"total": 1, "colour": "red"}),
    ("POST", "/receipt", "/receipt", {"total": 1.5, "colour": "blue", "at": AT, "notes": ["x"]}),
    ("POST", "/tree", "/tree", {"value": 1, "next": {"value": 2, "next": {"value": 3}}}),
    ("POST", "/point", "/point", {"x": 1}),
    ("POST", "/points", "/points", [{"x": 1, "y": 2.5}, {"x": 0}]),
    ("POST", "/money", "/money", {"amount": 5}),
    ("GET", "/search", "/search?text=a&colour=blue&size=m&max=3&since=2024-05-01&price=1.5", None),
    ("POST", "/json", "/json", {"a": [None]}),
    ("POST", "/maybe", "/maybe", {"x": 1}),
    ("POST", "/maybe", "/maybe", {"x": 0}),
    ("GET", "/plain", "/plain", None),
    ("GET", "/text", "/text", None),
    ("GET", "/stream", "/stream", None),
    ("GET", "/events", "/events", None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "template", "path", "body"), CALLS)
def test_a_valid_request_is_answered_as_promised(
    client: testing.Client, document: dict[str, Any], method: str, template: str, path: str, body: Any
) -> None:
    promised = operation(document, method, template)
    if body is not None:
        schema = promised["requestBody"]["content"]["application/json"]["schema"]
        assert validators.problems(body, schema, document) == []
    answer = client.request(method, path, **({} if body is None else {"json": body}))
    kept(answer, promised, document)


def kept(answer: testing.Answer, promised: dict[str, Any], document: dict[str, Any]) -> None:
    """Assert that the answer is one of the promised ones."""
    one = promised["responses"].get(str(answer.status))
    assert one is not None, (answer.status, answer.text)
    content = one.get("content")
    if content is None or (not answer.body and "It may be empty." in one["description"]):
        return
    assert answer.content_type in content
    if answer.content_type == "application/json":
        assert validators.problems(answer.json(), content[answer.content_type]["schema"], document) == []
    if answer.content_type == "application/x-ndjson":
        for line in answer.lines():
            assert validators.problems(line, content[answer.content_type]["x-item-schema"], document) == []


REFUSED = [
    ("PUT", "/orders/{shop}/{number}", "/orders/rome/7", {"lines": [{"sku": "a"}, {}]},
     ["body.id", "body.lines.0.sku", "body.lines.1.sku"]),
    ("POST", "/receipt", "/receipt", {"total": "1", "colour": "green", "at": "noon", "notes": [1]},
     ["body.at", "body.colour", "body.notes.0", "body.total"]),
    ("POST", "/tree", "/tree", {"value": 1, "next": {"value": "2"}}, ["body.next.value"]),
    ("POST", "/point", "/point", {"y": 1}, ["body.x"]),
    ("POST", "/points", "/points", {"x": 1}, ["body"]),
    ("POST", "/points", "/points", [{"x": 1}, {"x": None}], ["body.1.x"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "paths"), [(call, paths) for *call, paths in REFUSED])
def test_what_the_document_refuses_is_refused_with_every_path(
    client: testing.Client,
    document: dict[str, Any],
    call: tuple[str, str, str, Any],
    paths: list[str],
) -> None:
    method, template, path, body = call
    promised = operation(document, method, template)
    schema = promised["requestBody"]["content"]["application/json"]["schema"]
    assert validators.problems(body, schema, document) != []
    answer = client.request(method, path, json=body)
    assert answer.status == 422
    kept(answer, promised, document)
    assert sorted(each["path"] for each in answer.json()["errors"]) == paths


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("", ["query.text"]),
        ("?text=a&max=ten&size=xl&colour=green", ["query.colour", "query.max", "query.size"]),
        ("?text=a&since=yesterday&price=much", ["query.price", "query.since"]),
    ],
)
def test_queries_are_refused_with_every_path(client: testing.Client, query: str, paths: list[str]) -> None:
    answer = client.get(f"/search{query}")
    assert (answer.status, sorted(each["path"] for each in answer.json()["errors"])) == (422, paths)


@pytest.mark.parametrize(("query", "valid"), [("abc", False), ("7", True), ("1.5", False)])
def test_a_query_value_is_what_its_schema_says(
    client: testing.Client, document: dict[str, Any], query: str, *, valid: bool
) -> None:
    listed = {one["name"]: one for one in operation(document, "GET", "/search")["parameters"]}
    number = json.loads(query) if valid or query == "1.5" else query
    assert (validators.problems(number, listed["max"]["schema"], document) == []) is valid
    assert (client.get(f"/search?text=a&max={query}").status == 200) is valid


def test_parameters_say_where_they_are_and_their_defaults(document: dict[str, Any]) -> None:
    listed = operation(document, "GET", "/search")["parameters"]
    assert [(one["name"], one["in"], one["required"], one["schema"].get("default")) for one in listed] == [
        ("text", "query", True, None),
        ("colour", "query", False, "red"),
        ("size", "query", False, "s"),
        ("max", "query", False, 10),
        ("since", "query", False, None),
        ("price", "query", False, None),
        ("User-Agent", "header", False, ""),
    ]
    path = operation(document, "PUT", "/orders/{shop}/{number}")["parameters"][:2]
    assert [(one["name"], one["in"], one["schema"]) for one in path] == [
        ("shop", "path", {"type": "string"}), ("number", "path", {"type": "integer"}),
    ]  # fmt: skip


def test_docstrings_are_told(document: dict[str, Any]) -> None:
    told = operation(document, "PUT", "/orders/{shop}/{number}")
    assert (told["summary"], told["description"]) == ("Take an order.", "It is given back as it was read.")
    assert document["components"]["schemas"]["Receipt"]["description"] == "What was paid."


@pytest.mark.parametrize("mode", ["binary", "structured", "batch"])
@pytest.mark.parametrize("path", ["/taken", "/answered"])
def test_events_are_taken_as_promised(
    client: testing.Client, document: dict[str, Any], mode: Any, path: str
) -> None:
    promised = operation(document, "POST", path)
    event = {"type": "t", "source": "/s", "data": {"n": 1}}
    kept(client.event(event, mode=mode, path=path), promised, document)
    schema = promised["requestBody"]["content"]["application/cloudevents+json"]["schema"]
    assert validators.problems({**event, "id": "1", "specversion": "1.0"}, schema, document) == []
    for lacking in ({"type": "t"}, {"type": "", "source": "/s", "id": "1", "specversion": "1.0"}):
        assert validators.problems(lacking, schema, document) != []
        headers = {"content-type": "application/cloudevents+json"}
        assert client.post(path, data=json.dumps(lacking), headers=headers).status == 400


def test_each_function_has_its_own_schemas_in_the_schema_document(client: testing.Client) -> None:
    document = client.get("/.well-known/openfunction/schema.json").json()
    validators.check_schema(document)
    good = {
        "order": {"body": {"id": ID, "lines": []}, "path": {"shop": "a", "number": 1}, "query": {"dry": True}}
    }
    bad = {"order": {"body": {"id": "x", "lines": 1}, "path": {"shop": "a"}}}
    assert (validators.problems(good, {}, document), len(validators.problems(bad, {}, document))) == ([], 3)
