"""Whether the gateways have a Route's traffic: what they said, and the condition that follows.

What is programmed stays so: a gateway that dies takes no Route's readiness, only what is new waits for one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative, traffic
from openfunction_py.providers.knative import verdicts
from openfunction_py.wire import messages, route_tables

KIND = "IngressReady"
Following = Callable[[], AsyncIterator[messages.Routes]]


class Acknowledged:
    """The route tables of the gateways that are connected, as they told them."""

    def __init__(self) -> None:
        """Know no gateway."""
        self._tables: dict[str, dict[str, str]] = {}

    def take(self, said: messages.Routes) -> None:
        """Take in what a gateway says, or that it is gone."""
        if said.gone and not said.gateway:
            self._tables.clear()
        elif said.gone:
            self._tables.pop(said.gateway, None)
        else:
            self._tables[said.gateway] = route_tables.taken(self._tables.get(said.gateway, {}), said)

    def verdict(self, route: knative.Route, published: Sequence[knative.TrafficTarget]) -> verdicts.Verdict:
        """Whether requests find this traffic: every connected gateway has it, or it was so before."""
        wanted = traffic.key(published)
        uid = route.metadata.uid or ""
        if self._tables and all(table.get(uid) == wanted for table in self._tables.values()):
            return verdicts.true(KIND)
        if _stood(route, wanted):
            return verdicts.true(KIND)
        if not self._tables:
            sentence = "no gateway runs that could answer; `ofn status` says why"
            return verdicts.Verdict(KIND, "Unknown", "NoGateway", sentence)
        return verdicts.Verdict(KIND, "Unknown", "GatewayPending", "the gateway has not taken the route yet")


def _stood(route: knative.Route, wanted: str) -> bool:
    return meta.is_true(route.status.conditions, KIND) and traffic.key(route.status.traffic) == wanted


def is_waiting(route: knative.Route) -> bool:
    """Whether a Route waits for a gateway's word."""
    return bool(route.status.traffic) and not meta.is_true(route.status.conditions, KIND)
