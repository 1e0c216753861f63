"""KEDA for the embedded platform: ScaledObjects move replicas and ScaledJobs make Jobs by the backlog they read.

The formulas are in `autoscaling`; here is what reads, writes and wakes.
"""

from __future__ import annotations

from openfunction_py.controller import manager as managers
from openfunction_py.providers.keda import parameters, readers, scaledjobs, scaledobjects, usage


def install(manager: managers.Manager, *, instances: usage.Instances) -> None:
    """Run the controllers of ScaledObjects and ScaledJobs; `instances` lists what the node runs, with its use."""
    sources = parameters.Sources(manager)
    reading = readers.Readers(manager, instances)
    scaledobjects.install(manager, reading=reading, sources=sources)
    scaledjobs.install(manager, reading=reading, sources=sources)
