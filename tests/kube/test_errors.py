"""Which exception stands for which answer."""

from __future__ import annotations

import json

import pytest

from openfunction_py.kube import errors


@pytest.mark.parametrize(
    ("code", "reason", "leaf"),
    [
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Gone),
        (410, "Gone", errors.Gone),
        (422, "Invalid", errors.Invalid),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (429, "TooManyRequests", errors.TooManyRequests),
        (409, "", errors.Conflict),
        (500, "InternalError", errors.ApiError),
    ],
)
def test_the_reason_decides_and_else_the_code(code: int, reason: str, leaf: type[errors.ApiError]) -> None:
    error = errors.from_status(code, json.dumps({"reason": reason, "message": "why"}).encode())
    assert type(error) is leaf
    assert (error.code, error.reason, str(error)) == (code, reason, "why")


def test_the_details_name_the_causes() -> None:
    causes = [{"reason": "FieldValueRequired", "field": "spec.image"}]
    assert errors.from_status(422, {"details": {"causes": causes}}).details["causes"] == causes


@pytest.mark.parametrize("body", [b"<html>bad gateway", b'"bad gateway"', b"[1]"])
def test_what_a_proxy_says_is_kept_as_the_message(body: bytes) -> None:
    assert errors.from_status(502, body).message.strip("'\"<html> ") in body.decode()


def test_an_answer_without_a_word_still_makes_a_sentence() -> None:
    assert "503" in errors.from_status(503, b"{}").message
