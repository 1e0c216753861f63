"""ofn version: which version this is, and which the server."""

from __future__ import annotations

import platform
from importlib import metadata

from openfunction_py.cli import failures, options, output, target
from openfunction_py.kube import errors


def version(context: options.Context = None) -> None:
    """Print the version of ofn, of Python, and of the server when there is one.

    Example: ofn version
    """
    output.data(f"ofn {metadata.version('openfunction-py')}")
    output.data(f"python {platform.python_version()}")
    try:
        found = target.resolve(context).call("GET", "/version")
    except (failures.Failure, errors.ApiError) as error:
        output.talk(f"server: {failures.of(error)}")
        return
    output.data(f"server {found['gitVersion']}")
