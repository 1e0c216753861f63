"""Whether somebody has the name that a sink gives: a Function, or a Service.

It reads what it is given; a host outside the cluster is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from openfunction_py.api import meta
from openfunction_py.api.events import Sink
from openfunction_py.api.triggers import Trigger
from openfunction_py.resources import labels, sinks
from openfunction_py.resources.sinks import Place


class Known(Protocol):
    """Objects of one kind by namespace and name."""

    def get(self, namespace: str, name: str) -> meta.Object | None:
        """The object, or None."""
        ...


def lost(given: Iterable[Sink], place: Place, *, functions: Known, services: Known) -> list[str]:
    """A sentence for each sink that leads nowhere."""
    return [
        f"the sink {urlsplit(sinks.url_of(one, place)).netloc} names {name} in {namespace}, and there is no Function "
        f"and no Service of that name; create it"
        for one in given
        for namespace, name in sinks.services_of(one, place)
        if not _exists(namespace, name, functions, services)
    ]


def _exists(namespace: str, name: str, functions: Known, services: Known) -> bool:
    plain = name.removesuffix(labels.knative_service(""))
    return any(
        found is not None
        for found in (
            functions.get(namespace, name),
            functions.get(namespace, plain),
            services.get(namespace, name),
        )
    )


def names(trigger: Trigger, obj: meta.Object) -> bool:
    """Whether a Trigger speaks of something of this name at all."""
    text = obj.metadata.name
    given = (sink for one in trigger.spec.subscribers for sink in (one.sink, one.dead_letter_sink))
    return any(
        sink is not None and (text in (sink.uri or "") or (sink.ref is not None and sink.ref.name == text))
        for sink in given
    )
