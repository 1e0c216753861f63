"""A testing kit: call a function as a caller, an event source or a sidecar would, without server and sidecar.

What runs between the bytes of a request and those of its answer is what runs when the function is served.

    client = testing.load("main.py", target="hello")
    assert client.get("/?name=Ada").text == "Hello, Ada!"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from functions_framework import settings
from functions_framework.dapr.fake.sidecar import Dapr, Sent
from functions_framework.program import Program
from functions_framework.registry import Signature
from functions_framework.testing import programs
from functions_framework.testing.answers import Answer
from functions_framework.testing.client import Client, Delivered, Streamed
from functions_framework.testing.conversation import Conversation, RefusedError
from functions_framework.testing.deliveries import NoSuchInputError
from functions_framework.testing.programs import Context
from functions_framework.testing.stage import StageError
from functions_framework.testing.wire import BrokenAnswerError

__all__ = [
    "Answer",
    "BrokenAnswerError",
    "Client",
    "Conversation",
    "Dapr",
    "Delivered",
    "NoSuchInputError",
    "RefusedError",
    "Sent",
    "Setting",
    "StageError",
    "Streamed",
    "client",
    "load",
]


class Setting(TypedDict, total=False):
    """What surrounds the functions of a client.

    `context` is FUNC_CONTEXT as a document or its text; `dapr` the sidecar, a new fake when left out; `environ` is
    added to the process's environment; `timeout` says how many seconds a call may take.
    """

    context: Context
    dapr: Dapr
    environ: Mapping[str, str]
    timeout: float


def client(
    *functions: Callable[..., Any], signature: Signature = "http", **setting: Unpack[Setting]
) -> Client:
    """A client of functions at hand.

    Args:
        functions: at least one; decorated or plain. The hooks of the first one's module are around them; what starts
            and stops belongs to a file, so `load` runs it.
        signature: of those without decorator, as FUNCTION_SIGNATURE_TYPE.
        setting: what surrounds them.

    Raises:
        StartError: what serving them would end with.
        TypeError: what is given is no function, or a setting is not known.
    """
    if not functions or not all(map(callable, functions)):
        raise TypeError("give one function or several; a file is for `load`")
    return _client(setting, partial(programs.of_functions, functions, signature=signature))


def load(
    source: str | Path, *, target: str = "", signature: Signature | None = None, **setting: Unpack[Setting]
) -> Client:
    """A client of a file, which is imported anew.

    Args:
        source: the file, or a folder with a main.py.
        target: the function's name, as FUNCTION_TARGET; every decorated one when empty.
        signature: as for `client`, and so is `setting`.
        setting: what surrounds them.

    Raises:
        StartError: what serving it would end with.
    """
    return _client(setting, partial(programs.of_file, Path(source), target, signature=signature))


def _client(setting: Setting, make: Callable[..., Program]) -> Client:
    if unknown := setting.keys() - Setting.__annotations__.keys():
        raise TypeError(
            f"{', '.join(sorted(unknown))} says nothing; use {', '.join(Setting.__annotations__)}"
        )
    environ = programs.environment(setting.get("environ"), setting.get("context"))
    if "timeout" in setting:
        environ["OFN_TIMEOUT_SECONDS"] = repr(setting["timeout"])
    fake = setting.get("dapr") or Dapr()
    runtime = programs.runtime(environ, fake)
    made = make(environ=environ, runtime=runtime)
    chosen = settings.instance_settings(environ)
    return Client(made, chosen, dapr=fake, inputs=programs.inputs(runtime))
