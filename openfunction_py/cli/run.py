"""ofn run: one function from a folder, built and served in the foreground, without a platform."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from openfunction_py.cli import failures, output
from openfunction_py.lib import home as homes


def run(
    folder: Annotated[Path, typer.Argument(help="Folder with main.py.")],
    function: Annotated[
        str | None, typer.Option("--function", help="Function to call; main when not given.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """Build a folder and serve its function on this port until Ctrl-C.

    Example: ofn run samples/hello-python --function hello
    """
    if not folder.is_dir():
        raise failures.Failure(f"{folder} is no folder")
    from openfunction_builder import images, launch, lifecycle, request  # noqa: PLC0415 - only this command builds

    work = Path(tempfile.mkdtemp(prefix="ofn-run-"))
    asked = request.BuildRequest.from_json(
        {
            "image": "functions/run:latest",
            "source": {"folder": str(folder.resolve())},
            "env": {"FUNC_NAME": function or _manifest_function(folder) or "main"},
            "layout": str(work / "images"),
            "cache": str(homes.cache_dir(os.environ)),
        }
    )
    result = lifecycle.build(asked)
    if result.reason:
        raise failures.FunctionFailure(f"{result.reason}: {result.message}")
    image = launch.unpack(
        images.Layout(work / "images"),
        result.digest,
        layers_root=work / "layers",
        images_root=work / "unpacked",
    )
    process = image.process("web")
    output.talk(f"serving http://127.0.0.1:{port}/ from {folder}; Ctrl-C ends it")
    os.chdir(process.cwd)
    os.execve(  # noqa: S606 - this process becomes the function
        process.argv[0], process.argv, {**os.environ, **process.env, "HOST": "127.0.0.1", "PORT": str(port)}
    )


def _manifest_function(folder: Path) -> str | None:
    """The FUNC_NAME of the manifest in the folder, when there is one."""
    import yaml  # noqa: PLC0415

    try:
        value = yaml.safe_load((folder / "function.yaml").read_text())
    except FileNotFoundError:
        return None
    found = (((value or {}).get("spec") or {}).get("build") or {}).get("env", {}).get("FUNC_NAME")
    return str(found) if found else None
