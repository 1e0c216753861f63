"""What runs on the node, with its memory, for whoever asks.

It measures when asked and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from openfunction_py.node import processes, worker
from openfunction_py.node.templates import Templates
from openfunction_py.node.worker import Worker
from openfunction_py.wire.messages import ProcessInfo


class Inventory:
    """Lists templates and instances."""

    def __init__(self, known: Templates) -> None:
        """List these templates; instances once `watch` was called."""
        self._templates = known
        self._workers: Callable[[], Iterable[Worker]] = tuple

    def watch(self, workers: Callable[[], Iterable[Worker]]) -> None:
        """List the instances of these workers."""
        self._workers = workers

    def list(self, kind: str) -> list[ProcessInfo]:
        """The `templates` or the `instances`."""
        return list(self._list_templates() if kind == "templates" else self._list_instances())

    def _list_templates(self) -> Iterable[ProcessInfo]:
        for about in self._templates.list():
            pss, uss = processes.memory(about.identity.pid)
            note = "" if about.revision else "the packages of a dependency layer"
            note = f"a warm program, of which every {about.program} is a fork" if about.program else note
            yield ProcessInfo(
                "template", about.namespace, about.revision, about.identity.pid, pss, uss, note=note
            )

    def _list_instances(self) -> Iterable[ProcessInfo]:
        for one in self._workers():
            for name, record in one.record.containers.items():
                if record.identity is None:
                    continue
                pss, uss = processes.session_memory(record.identity.pid)
                yield ProcessInfo(
                    kind="instance",
                    namespace=one.record.namespace,
                    revision=worker.revision_of(one.pod),
                    pid=record.identity.pid,
                    pss=pss,
                    uss=uss,
                    pod=one.record.name,
                    runtime=record.runtime,
                    started=record.started_at or "",
                    note=record.why,
                    container=name,
                    cpu=processes.session_cpu(record.identity.pid),
                )
