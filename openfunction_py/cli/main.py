"""The entry point of ofn: finds the command, runs it, and turns failures into sentences and exit codes.

Only the module of the command that is called gets imported; help and completion import all of them.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

import click
import typer
import typer.core

from openfunction_py.cli import failures, options, output

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("platform", "up"),
    "down": ("platform", "down"),
    "status": ("platform", "status"),
    "doctor": ("doctor", "doctor"),
    "new": ("new", "new"),
    "create": ("apply", "create"),
    "apply": ("apply", "apply"),
    "get": ("get", "get"),
    "describe": ("describe", "describe"),
    "delete": ("delete", "delete"),
    "logs": ("logs", "logs"),
    "invoke": ("invoke", "invoke"),
    "publish": ("publish", "publish"),
    "why": ("why", "why"),
    "run": ("run", "run"),
    "version": ("version", "version"),
}


def build(names: list[str]) -> click.Command:
    """The application with the given commands."""
    typer.core.HAS_RICH = False  # our help is plain; for rich, typer would escape its brackets
    app = typer.Typer(
        name="ofn",
        help="Functions from a manifest or a Python file to an answer: on this machine, or on a cluster.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        module, function = COMMANDS[name]
        command: Callable[..., None] = getattr(
            importlib.import_module(f"openfunction_py.cli.{module}"), function
        )
        settings = {"allow_extra_args": False}
        app.command(name, context_settings=settings)(command)
    found = typer.main.get_command(app)
    for each in (found, *getattr(found, "commands", {}).values()):
        for parameter in each.params:
            if isinstance(parameter, click.Option):
                parameter.show_envvar = False  # none has a variable, and click would name the one called None
    return found


def _root(context: options.Context = None) -> None:
    """Functions from a manifest or a Python file to an answer: on this machine, or on a cluster."""
    if context:
        os.environ["OFN_CONTEXT"] = context


def main() -> None:
    """Run ofn with the arguments of this process."""
    word = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    app = build([word] if word in COMMANDS and "_OFN_COMPLETE" not in os.environ else list(COMMANDS))
    try:
        code = app(prog_name="ofn", standalone_mode=False)
    except click.ClickException as usage:
        usage.show()
        sys.exit(usage.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        # the root: whatever happens becomes a sentence and an exit code
        if os.environ.get("OFN_DEBUG"):
            raise
        failure = failures.of(error)
        output.talk(f"ofn: {failure}")
        sys.exit(failure.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
