"""What stands between exec and the first answer: which modules are imported by then, and how flags are read."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType

import pytest

from functions_framework import flags, reasons, settings, sse
from functions_framework import program as programs
from tests.framework.conftest import Program
from tests.framework.test_cli import get

LOADED = "import sys\nasync def function(request):\n    return sorted(sys.modules)\n"
# Each takes a millisecond or more of every start; who needs one imports it where it is needed.
LATE = {
    "argparse", "difflib", "email", "gettext", "html", "http", "importlib.metadata", "ipaddress", "multiprocessing",
    "pathlib", "shlex", "tempfile", "typing_extensions", "unittest", "urllib", "xml", "zipfile",
    "cloudevents", "dapr", "flask", "grpc", "h2", "opentelemetry", "pydantic", "starlette", "werkzeug", "wsproto",
    "functions_framework.cloudevent", "functions_framework.control", "functions_framework.dapr",
    "functions_framework.hooks", "functions_framework.logs", "functions_framework.multipart",
    "functions_framework.serving.link", "functions_framework.serving.rescue",
    "functions_framework.signatures.parameters", "functions_framework.templates",
    "functions_framework.testing", "functions_framework.tracing",
}  # fmt: skip


def test_the_first_answer_needs_none_of_these(program: Callable[..., Program]) -> None:
    loaded = set(json.loads(get(program(LOADED).port)))
    assert {"functions_framework.serving.server", "uvloop"} <= loaded
    assert loaded & LATE == set()


WORDS = (
    (), ("--target", "hello"), ("--target=hello", "--port", "8080"), ("--source", "a b.py", "--host", "::1"),
    ("--signature-type", "http", "--asgi", "--debug"), ("--check",), ("--dry-run", "--workers", "2"),
    ("--unix-socket", "/run/f", "--fd=3"), ("--target", "", "--target", "last"), ("--port=",),
)  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("environ", [{}, {"DEBUG": "1", "DRY_RUN": "yes"}])
def test_flags_are_read_as_argparse_reads_them(words: tuple[str, ...], environ: dict[str, str]) -> None:
    quick = flags.quick(words, environ)
    assert quick is not None
    assert vars(quick) == vars(flags.parser().parse_args(words, namespace=flags.Flags(environ)))


@pytest.mark.parametrize(
    "words",
    [("-h",), ("--tar", "x"), ("--port", "-1"), ("--target",), ("main.py",), ("--asgi=1",), ("--describe",)],
)
def test_what_is_unusual_is_argparses_to_judge(words: tuple[str, ...]) -> None:
    assert flags.quick(words, {}) is None


def test_what_argparse_judged_comes_back_whole() -> None:
    read = flags.read(["--tar", "hello", "--describe"], {"DEBUG": "1"})
    assert (read.target, read.describe, read.debug, read.check) == ("hello", "openapi", True, False)


def test_every_status_of_the_standard_library_has_a_reason() -> None:
    assert {status.value for status in HTTPStatus if status >= 200} <= set(reasons.REASONS)


LIMITS = settings.Limits(1, max_head=2)


def test_a_record_is_made_of_what_is_given_and_defaults() -> None:
    assert (LIMITS.max_body, LIMITS.max_head, LIMITS.max_fields) == (1, 2, 256)
    assert settings.Limits(max_body=1, max_head=2) == LIMITS
    assert settings.Limits(1) != LIMITS
    assert len({LIMITS, settings.Limits(1, 2)}) == 1
    assert "max_body=1" in repr(LIMITS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: settings.Limits(1, max_body=2),  # type: ignore[misc]
        lambda: settings.Limits(unknown=1),  # type: ignore[call-arg]
        lambda: programs.Program(checks=()),  # type: ignore[call-arg]
        lambda: sse.Event(1, "", "", 4, 5),  # type: ignore[call-arg]
    ],
)
def test_a_record_refuses_what_does_not_fit(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="takes"):
        make()


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LIMITS.max_body = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del LIMITS.max_body


def test_a_record_is_a_dataclass_to_who_asks() -> None:
    assert dataclasses.is_dataclass(LIMITS)
    assert dataclasses.replace(LIMITS, max_body=9) == settings.Limits(9, 2)
    assert [field.name for field in dataclasses.fields(sse.Event)] == ["data", "event", "id", "retry"]
    assert dataclasses.asdict(sse.Event("x")) == {"data": "x", "event": "", "id": None, "retry": None}


def test_a_record_is_copied_and_pickled() -> None:
    assert copy.copy(LIMITS) == copy.deepcopy(LIMITS) == pickle.loads(pickle.dumps(LIMITS)) == LIMITS


def test_a_records_shared_default_cannot_be_changed() -> None:
    assert type(programs.Program(()).endpoints) is MappingProxyType
