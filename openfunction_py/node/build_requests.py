"""The request of a build Pod, completed with the places of this node that only the node knows.

It changes nothing of what is built, only where it is read and written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from openfunction_py.lib import home as homes
from openfunction_py.lib.home import Home
from openfunction_py.node import images
from openfunction_py.node.sandbox import Bind

VARIABLE = "OFN_BUILD_REQUEST"


def complete(
    env: Mapping[str, str], home: Home, environ: Mapping[str, str], *, binds: Sequence[Bind]
) -> dict[str, str]:
    """The environment with layout, cache and folder sources filled in; raises images.NotRunnableError."""
    if VARIABLE not in env:
        return dict(env)
    try:
        request = json.loads(env[VARIABLE])
        source = dict(request.get("source") or {})
    except (ValueError, AttributeError, TypeError) as error:
        raise images.NotRunnableError(
            "InvalidBuildRequest", f"the variable {VARIABLE} holds no build request: {error}"
        ) from error
    if source.get("folder"):
        source["folder"] = mapped(str(source["folder"]), binds)
    request |= {"layout": str(home.images), "cache": str(homes.cache_dir(environ)), "source": source}
    return {**env, VARIABLE: json.dumps(request)}


def mapped(folder: str, binds: Sequence[Bind]) -> str:
    """A folder of the Pod as a folder of this machine, for a program sees no mounts."""
    for bind in binds:
        target = bind.target.rstrip("/")
        if folder == target or folder.startswith(target + "/"):
            return (
                str(bind.source / folder[len(target) :].lstrip("/")) if folder != target else str(bind.source)
            )
    return str(Path(folder))
