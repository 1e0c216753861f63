"""Builds from source to image: detection, what the function's environment gets, and every reason of a failure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from openfunction_builder import reasons, request, result
from tests.builder import workshop
from tests.builder.workshop import Workshop

OTHER = "def other(request):\n    return 'other'\n"
STEP = '[tool.openfunction]\nbuild-steps = ["{}"]\n'
TELL = "import json, os; print(json.dumps(dict(os.environ)))"


def launched(shop: Workshop, digest: str) -> tuple[str, str]:
    """The function's name and file as an instance gets them."""
    env = shop.unpack(digest).process().env
    return env["FUNCTION_TARGET"], env["FUNCTION_SOURCE"]


@pytest.mark.parametrize(
    ("files", "env", "found"),
    [
        ({"main.py": workshop.HELLO}, {"FUNC_NAME": "hello"}, ("hello", "main.py")),
        ({"main.py": workshop.HELLO}, {"GOOGLE_FUNCTION_TARGET": "hello"}, ("hello", "main.py")),
        ({"main.py": workshop.HELLO}, {}, ("hello", "main.py")),
        (
            {"main.py": OTHER, "app.py": workshop.HELLO},
            {"FUNC_NAME": "hello", "FUNC_SRC": "app.py"},
            ("hello", "app.py"),
        ),
        (
            {"main.py": OTHER, "src/main.py": workshop.HELLO},
            {"FUNC_NAME": "hello", "FUNC_SRC": "src"},
            ("hello", "src/main.py"),
        ),
        (
            {"app.py": workshop.HELLO},
            {"GOOGLE_FUNCTION_TARGET": "hello", "GOOGLE_FUNCTION_SOURCE": "app.py"},
            ("hello", "app.py"),
        ),
        (
            {"main.py": workshop.HELLO, "package.json": "{}"},
            {"FUNC_NAME": "hello"},
            ("hello", "main.py"),
        ),
        (
            {"main.py": workshop.HELLO, "pyproject.toml": "[project]\nname = 'x'\ndependencies = []\n"},
            {"FUNC_NAME": "hello"},
            ("hello", "main.py"),
        ),
    ],
)
def test_the_function_is_found(
    shop: Workshop, tmp_path: Path, files: Mapping[str, str], env: Mapping[str, str], found: tuple[str, str]
) -> None:
    assert launched(shop, shop.built(workshop.write(tmp_path / "source", files), env)) == found


@pytest.mark.parametrize(
    ("files", "env", "reason", "message"),
    [
        ({"app.py": ""}, {}, "SourceNotFound", "there is no main.py in the source"),
        ({"main.py": ""}, {"FUNC_SRC": "gone.py"}, "SourceNotFound", "The folder holds: main.py"),
        ({"main.py": ""}, {"FUNC_SRC": "../x.py"}, "SourceNotFound", "../x.py"),
        ({"main.py": ""}, {"FUNC_SRC": "/etc/passwd"}, "SourceNotFound", "/etc/passwd"),
        ({"main.py": workshop.HELLO}, {"FUNC_NAME": "helo"}, "FunctionNotFound", "'hello'"),
        ({"main.py": "def hello(:\n"}, {"FUNC_NAME": "hello"}, "SyntaxError", "main.py:1"),
        ({"main.py": "x = '\0'\n"}, {"FUNC_NAME": "hello"}, "SyntaxError", "main.py: source code"),
        ({"main.py": workshop.HELLO, "b.py": "x = ("}, {"FUNC_NAME": "hello"}, "SyntaxError", "b.py:1"),
        ({"main.py": workshop.HELLO, "pyproject.toml": "a ="}, {}, "SyntaxError", "pyproject.toml"),
        (
            {"main.py": "import not_there_at_all\n" + workshop.HELLO},
            {"FUNC_NAME": "hello"},
            "DependencyFailed",
            "not_there_at_all",
        ),
        (
            {"main.py": workshop.HELLO, "requirements.txt": "openfunction-no-such-thing==1\n"},
            {"FUNC_NAME": "hello"},
            "DependencyFailed",
            "openfunction-no-such-thing",
        ),
        (
            {"main.py": workshop.HELLO, "requirements.txt": "-r gone.txt\n"},
            {"FUNC_NAME": "hello"},
            "DependencyFailed",
            "gone.txt",
        ),
        (
            {"main.py": "def hello():\n    return 1\n"},
            {"FUNC_NAME": "hello"},
            "ArityMismatch",
            "def hello(request):",
        ),
        (
            {"main.py": "from functions_framework import typed\n@typed\ndef hello(x):\n    return x\n"},
            {"FUNC_NAME": "hello"},
            "InvalidFunction",
            "annotate 'x'",
        ),
        (
            {"main.py": workshop.HELLO},
            {"FUNC_NAME": "hello", "FUNC_TYPE": "soap"},
            "BuilderUnsupported",
            "openfunction",
        ),
        ({"main.go": "", "go.mod": ""}, {}, "BuilderUnsupported", "the source is Go"),
        ({"main.go": ""}, {}, "BuilderUnsupported", "the source is Go"),
        ({"main.mjs": ""}, {"FUNC_SRC": "main.mjs"}, "BuilderUnsupported", "the source is Node.js"),
        ({"main.py": workshop.HELLO}, {"FUNC_RUNTIME": "java"}, "BuilderUnsupported", "java"),
        (
            {"main.py": workshop.HELLO, "pyproject.toml": STEP.format("echo decisive; exit 7")},
            {"FUNC_NAME": "hello"},
            "BuildStepFailed",
            "ended with 7\ndecisive",
        ),
        (
            {"main.py": workshop.HELLO, "pyproject.toml": "[tool.openfunction]\nbuild-steps = 'x'\n"},
            {"FUNC_NAME": "hello"},
            "BuildStepFailed",
            "build-steps",
        ),
        (
            {"main.py": workshop.HELLO, "pyproject.toml": STEP.format("pwd > place.txt")},
            {"FUNC_NAME": "hello"},
            "ExportFailed",
            "place.txt",
        ),
        ({"main.py": workshop.HELLO}, {"A/B": "x"}, "BuildFailed", "'A/B' is no name"),
    ],
)
def test_a_failure_has_a_reason_and_says_what_is_wrong(
    shop: Workshop,
    tmp_path: Path,
    files: Mapping[str, str],
    env: Mapping[str, str],
    reason: str,
    message: str,
) -> None:
    found = shop.build(workshop.write(tmp_path / "source", files), env)
    assert found.reason == reason
    assert message in found.message
    assert "Traceback" not in found.message
    assert shop.layout.resolve("shop/hello:v1") is None


def test_a_relative_place_is_refused(shop: Workshop, hello: Path) -> None:
    asked = request.BuildRequest("x", request.Source(folder=str(hello)), layout="images", cache="cache")
    ended = workshop.run(asked, shop.root / "run")
    assert ended.code == reasons.EXIT_CODES["BuildFailed"]
    assert "give an absolute path" in ended.result.message


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"source": 3}', '{"source": {}}', '{"image": "x"}'])
def test_a_request_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        request.BuildRequest.from_json(text)


def test_a_request_survives_being_written(shop: Workshop) -> None:
    asked = shop.asked(request.Source(git_url="https://example.org/x.git", git_revision="v1"), {"A": "1\n2"})
    assert request.BuildRequest.from_json(asked.to_json()) == asked


def test_a_long_message_keeps_its_end_within_a_termination_message() -> None:
    text = result.BuildResult(reason="BuildFailed", message="x" * 9000 + "ümläut, the end").to_json()
    assert len(text.encode()) <= result.LARGEST
    assert json.loads(text)["message"].endswith("the end")


def test_the_program_ends_with_the_code_of_the_reason(shop: Workshop, tmp_path: Path) -> None:
    source = workshop.write(tmp_path / "source", {"main.py": OTHER})
    ended = workshop.run(shop.asked(request.Source(folder=str(source))), shop.root / "run")
    assert ended.code == reasons.EXIT_CODES["FunctionNotFound"]
    assert ended.result.reason == "FunctionNotFound"
    assert "ERROR FunctionNotFound: " in ended.log


def test_a_framework_among_the_requirements_is_left_out_and_the_log_says_so(
    shop: Workshop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = workshop.write(
        tmp_path / "source",
        {"main.py": workshop.HELLO, "requirements.txt": "# ours\nfunctions_framework==3.*\n"},
    )
    shop.built(source)
    assert "'functions_framework==3.*' is satisfied by" in capfd.readouterr().out


@pytest.mark.parametrize(
    "value", ["a#b", "a=b=c", " two  words ", "one\ntwo\r\nthree\n", "'\"$HOME\\", "ümläut", ""]
)
def test_a_variable_arrives_as_it_was_given(shop: Workshop, tmp_path: Path, value: str) -> None:
    step = "import os, pathlib; pathlib.Path('told.bin').write_bytes(os.fsencode(os.environ['GIVEN']))"
    source = workshop.write(
        tmp_path / "source",
        {"main.py": workshop.HELLO, "step.py": step, "pyproject.toml": STEP.format("python step.py")},
    )
    digest = shop.built(source, {"FUNC_NAME": "hello", "GIVEN": value})
    assert (shop.unpack(digest).root / "workspace" / "told.bin").read_bytes() == value.encode()


def test_the_builders_own_environment_stays_outside(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    source = workshop.write(
        tmp_path / "source",
        {"main.py": workshop.HELLO, "step.py": TELL, "pyproject.toml": STEP.format("python step.py")},
    )
    shop.built(source)
    said = next(line for line in capfd.readouterr().out.splitlines() if line.startswith("{"))
    seen = json.loads(said)
    assert not {"SECRET_OF_THE_SHELL", "LC_ALL", "VIRTUAL_ENV"} & set(seen)
    assert str(tmp_path) not in seen["PYTHONPATH"].split(os.pathsep)
    assert seen["HOME"] == os.environ["HOME"]


def test_a_step_that_talks_without_end_does_not_fill_the_log(
    shop: Workshop, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    step = "print('x' * 30_000_000); print('the end')"
    source = workshop.write(
        tmp_path / "source",
        {"main.py": workshop.HELLO, "step.py": step, "pyproject.toml": STEP.format("python step.py")},
    )
    shop.built(source)
    said = capfd.readouterr().out
    assert "left out of the log" in said
    assert len(said) < 12_000_000


def test_a_step_that_changes_installed_packages_is_refused_and_they_stay_as_they_were(
    shop: Workshop, hello: Path, tmp_path: Path
) -> None:
    before = shop.layers(shop.built(hello))
    step = "import functions_framework, pathlib\npathlib.Path(functions_framework.__file__).write_text('')\n"
    source = workshop.write(
        tmp_path / "source",
        {"main.py": workshop.HELLO, "step.py": step, "pyproject.toml": STEP.format("python step.py")},
    )
    found = shop.build(source)
    assert found.reason == "BuildStepFailed"
    assert "changed the installed packages" in found.message
    (hello / "more.txt").write_text("a new source")
    after = shop.layers(shop.built(hello))
    assert before[0] == after[0]
