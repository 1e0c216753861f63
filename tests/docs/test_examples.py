"""The examples of the help pages work as they stand, on the documents' platform, in the order of a user's day.

Two go on until Ctrl-C, `run` and `logs -f`; they get theirs once they have printed what they are for.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator

import pytest

from openfunction_py.cli import main
from tests.docs import checkout, test_reference

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# `run` takes the port it is given where its own default may be taken
ENDLESS = {"run": ("--port 0", "listening on"), "logs": ("", "asked for")}
ORDER = (
    *(
        "down",
        "up",
        "status",
        "doctor",
        "version",
        "new",
        "create",
        "apply",
        "get",
        "describe",
        "invoke",
        "logs",
    ),
    *("delete", "run"),
)
ON_A_BUS = ("publish", "why")  # these ask for a bus and an event: tests/e2e/test_event_line.py runs them
TALKATIVE = """\
apiVersion: core.openfunction.io/v1beta2
kind: Function
metadata: {name: hello-python}
spec:
  image: samples/hello-python:talkative
  build:
    env: {FUNC_NAME: hello}
    srcRepo:
      inline: {main.py: "def hello(request):\\n    print('asked for', request.path, flush=True)\\n    return 'x'\\n"}
  serving: {triggers: {http: {}}}
"""


def examples(command: str) -> list[str]:
    """The examples of a command's help page."""
    said = test_reference.COMMANDS[f"ofn {command}"].help or ""
    return re.findall(r"^ *Example: (ofn .*)$", said, re.MULTILINE)


def until(lines: Iterator[str], wanted: str) -> bool:
    """Read up to the line that has the words; False when the output ends before."""
    return any(wanted in line for line in lines)


def test_every_command_is_in_the_order() -> None:
    assert sorted((*ORDER, *ON_A_BUS)) == sorted(main.COMMANDS)
    assert all(examples(command) for command in (*ORDER, *ON_A_BUS))


@pytest.mark.parametrize("command", ON_A_BUS)
def test_an_example_that_needs_a_bus_has_only_words_that_its_command_takes(command: str) -> None:
    for example in examples(command):
        parsed = test_reference.COMMANDS[f"ofn {command}"].make_context(command, shlex.split(example)[2:])
        assert parsed.params


def test_the_examples_of_the_help_pages_work_one_after_the_other(there: checkout.Checkout) -> None:
    for command in ORDER:
        for example in examples(command):
            if command in ENDLESS:
                ended_by_ctrl_c(there, command, example)
            else:
                there.must(f"./{example}")


def ended_by_ctrl_c(there: checkout.Checkout, command: str, example: str) -> None:
    """Run what goes on, end it as a user does when it has printed what it is for."""
    more, wanted = ENDLESS[command]
    if command == "logs":  # the sample says nothing of its own; this one does
        there.must("./ofn apply -f - --wait", text=TALKATIVE)
        there.must("./ofn invoke hello-python")
    process = subprocess.Popen(
        ["bash", "-c", f"exec ./{example} {more}"],
        cwd=there.folder, env=there.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            assert until(process.stdout, wanted), f"{example} never printed {wanted!r}"
        finally:
            os.killpg(process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the whole group
            rest = process.communicate(timeout=30)[0]
        assert process.returncode in (0, 130), rest
