"""The exit codes of the builder: one per reason, grouped by the phase that gives it.

A code never changes its meaning, for the platform reads it when no result was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXIT_CODES: Final[Mapping[str, int]] = {
    "InvalidRequest": 2,  # the request cannot be read (argparse's own code)
    "SourceNotFound": 10,  # fetch: folder, bundle, revision, sub path or file of the function does not exist
    "BuilderUnsupported": 20,  # detect: no buildpack here builds this source
    "SyntaxError": 51,  # build: the function's file is no valid Python
    "FunctionNotFound": 52,  # build: the file has no function of that name
    "DependencyFailed": 53,  # build: requirements cannot be resolved or installed
    "BuildStepFailed": 54,  # build: a step that pyproject.toml declares failed
    "BuildFailed": 60,  # export, or anything else
    "BuildTimeout": 70,  # any phase: the time was up
    "BuildStopped": 71,  # any phase: the builder was told to stop
}
