"""ofn new: a folder with a function, its requirements and its manifest, ready to apply."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from openfunction_py.cli import apply, failures, output

SOURCE = '''"""What {name} does."""


def main(request):
    """Answer a request; return text, bytes, or anything that JSON can say."""
    return {{"message": f"Hello, {{request.args.get('name', 'World')}}!"}}
'''
REQUIREMENTS = "# One requirement per line; the functions framework comes with the build.\n"


def new(
    name: Annotated[str, typer.Argument(help="Name of the Function and of the folder.")],
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder to make; NAME when not given.")
    ] = None,
) -> None:
    """Make a folder with a function that can be applied at once.

    Example: ofn new greeter
    """
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,39}[a-z0-9])?", name):
        raise failures.Failure(
            f"{name!r} is no name for a Function; use up to 41 lower case letters, digits and '-', "
            "starting with a letter and ending with a letter or digit"
        )
    place = folder or Path(name)
    if place.exists() and any(place.iterdir()):
        raise failures.Failure(f"{place} is there already and not empty; choose another name or --folder")
    import yaml  # noqa: PLC0415

    place.mkdir(parents=True, exist_ok=True)
    (place / "main.py").write_text(SOURCE.format(name=name))
    (place / "requirements.txt").write_text(REQUIREMENTS)
    value = apply.manifest(name, function="main", image=f"functions/{name}:latest", url="./")
    (place / "function.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    output.data(str(place))
    output.talk(f"next: ofn run {place}, then ofn apply -f {place} --wait")
