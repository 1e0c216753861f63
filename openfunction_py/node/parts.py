"""What every Pod's worker works with: one of each, made once by the node.

Values and doors alone; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from openfunction_py.controller.events import Recorder
from openfunction_py.kube.client import Client
from openfunction_py.lib.clock import Clock
from openfunction_py.lib.home import Home
from openfunction_py.node.addresses import Addresses
from openfunction_py.node.images import Images
from openfunction_py.node.instances import Instances
from openfunction_py.node.logs import Shelf
from openfunction_py.node.restarts import BackOff
from openfunction_py.node.runtime import InstanceRuntime
from openfunction_py.node.sandbox import Level
from openfunction_py.node.unused import Times
from openfunction_py.wire.messages import Load


@dataclass(frozen=True, slots=True)
class Settings:
    """Times of the node in seconds, and what it keeps warm."""

    drain_delay: float = 0.3  # until gateways have seen that an instance is leaving
    status_pause: float = 0.15  # in which a state that soon passes is not written
    probe_pause: float = 0.05  # between probes until the first success
    stop_seconds: float = 3.0  # for instances when the node itself is stopped
    retry_pause: float = 1.0  # after a failure of the API server or of a worker
    back_off: BackOff = field(default_factory=BackOff)
    pull_back_off: BackOff = field(default_factory=lambda: BackOff(base=5.0))
    zygote: bool = True
    warm_sidecars: bool = True  # where Pods get another sidecar, nobody forks from a warm one of ours
    collecting: Times = field(default_factory=Times)


@dataclass(frozen=True, slots=True)
class Parts:
    """Client, places, doors and runtimes of one node."""

    client: Client
    home: Home
    clock: Clock
    recorder: Recorder
    settings: Settings
    instances: Instances
    shelf: Shelf
    addresses: Addresses
    images: Images
    level: Level
    process: InstanceRuntime
    zygote: InstanceRuntime
    publish: Callable[[Load], None]

    def runtime(self, name: str) -> InstanceRuntime:
        """The runtime of that name."""
        return self.zygote if name == "zygote" else self.process
