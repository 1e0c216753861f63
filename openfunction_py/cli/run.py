"""ofn run: one function from a folder, built and served in the foreground, without a platform."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openfunction_py.cli import failures, output
from openfunction_py.lib import home as homes

if TYPE_CHECKING:
    from openfunction_builder import launch


def run(
    folder: Annotated[Path, typer.Argument(help="Folder with main.py.")],
    function: Annotated[
        str | None, typer.Option("--function", help="Function to call; main when not given.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8080,
) -> None:
    """Build a folder and serve its function on this port until Ctrl-C.

    Example: ofn run samples/hello-python --function hello
    """
    if not folder.is_dir():
        raise failures.UsageFailure(f"{folder} is no folder")
    chosen = function or _manifest_function(folder) or "main"
    with tempfile.TemporaryDirectory(prefix="ofn-run-") as work:
        code = _serve(_built(folder, chosen, Path(work)), folder, port)
    raise typer.Exit(code)


def _built(folder: Path, function: str, work: Path) -> launch.Process:
    """The command that serves a folder's function, from an image built in `work`.

    Raises:
        FunctionFailure: it cannot be built, with the reason.
    """
    from openfunction_builder import images, launch, lifecycle, request  # noqa: PLC0415 - only this command builds

    asked = request.BuildRequest.from_json(
        {
            "image": "functions/run:latest",
            "source": {"folder": str(folder.resolve())},
            "env": {"FUNC_NAME": function},
            "layout": str(work / "images"),
            "cache": str(homes.cache_dir(os.environ)),
        }
    )
    with contextlib.redirect_stdout(sys.stderr):  # a build talks; standard output is the function's
        result = lifecycle.build(asked)
    if result.reason:
        raise failures.FunctionFailure(f"{result.reason}: {result.message}")
    image = launch.unpack(
        images.Layout(work / "images"),
        result.digest,
        layers_root=work / "layers",
        images_root=work / "unpacked",
    )
    return image.process("web")


def _serve(process: launch.Process, folder: Path, port: int) -> int:
    """Run the function until it ends; Ctrl-C reaches it as it reaches this process."""
    output.talk(f"serving {folder}; Ctrl-C ends it")
    environ = {**os.environ, **process.env, "HOST": "127.0.0.1", "PORT": str(port)}
    with subprocess.Popen(process.argv, env=environ, cwd=process.cwd) as child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    return 0 if code in (0, -signal.SIGINT, -signal.SIGTERM) else abs(code)


def _manifest_function(folder: Path) -> str | None:
    """The FUNC_NAME of the manifest in the folder, when there is one."""
    import yaml  # noqa: PLC0415

    try:
        value = yaml.safe_load((folder / "function.yaml").read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise failures.Failure(f"{folder / 'function.yaml'} cannot be read: {error}") from error
    for key in ("spec", "build", "env", "FUNC_NAME"):
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if value else None
