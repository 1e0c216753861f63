"""A real embedded API server for a test, with the admission that puts every Pod on the one node."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from openfunction_py.api import admission, scheme
from openfunction_py.apiserver import testing

Document = dict[str, Any]


def admit(
    resource: scheme.Resource, operation: str, new: Document, old: Document | None
) -> admission.Admitted:
    """The embedded platform's admission: our rules, and one node for every Pod."""
    admitted = testing.admit(resource, operation, new, old)
    if resource.kind == "Pod":
        admitted.object["spec"].setdefault("nodeName", "local")
    return admitted


def start(folder: Path) -> AbstractContextManager[testing.Server]:
    """Serve the store of a folder until the block ends."""
    return testing.start(folder, testing.Parts(admission=admit))
