"""From what the API holds to a route table: Gateways name the functions, Routes weigh, Revisions limit, slices locate.

Pure; an object that cannot be used leaves its part out and is told in `problems`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from openfunction_py.api import gateways, meta
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.upstream import traffic
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.api.upstream.knative import Revision, Route
from openfunction_py.dataplane import route_table
from openfunction_py.dataplane.route_table import DEFAULT_TIMEOUT, Endpoint, RevisionKey, RouteTable, Target

FUNCTION_LABEL = "openfunction.io/function"
HOSTNAMES = "openfunction.io/hostnames"
REVISION_LABEL = "serving.knative.dev/revision"
SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects a route table is made of."""

    gateways: Iterable[Gateway] = ()
    routes: Iterable[Route] = ()
    revisions: Iterable[Revision] = ()
    slices: Iterable[EndpointSlice] = ()


def make_table(objects: Objects) -> tuple[RouteTable, tuple[str, ...]]:
    """Return the route table, and a sentence for each Gateway that cannot be used."""
    hosts: dict[str, Target] = {}
    prefixes: dict[str, Target] = {}
    problems: list[str] = []
    served = list(objects.gateways)
    for route in objects.routes:
        target = make_target(route)
        for name in route_hosts(route):
            hosts.setdefault(name, target)
        for gateway in served:
            try:
                hosts.update(gateway_hosts(gateway, route, target))
                prefixes[gateways.render_path(gateway, target.function, target.namespace)] = target
            except gateways.TemplateError as error:
                problems.append(f"Gateway {gateway.metadata.namespace}/{gateway.metadata.name}: {error}")
    domains = frozenset(gateway.spec.domain.lower() for gateway in served if gateway.spec.domain)
    taken = domains | inside_domains(served)
    for route in sorted(objects.routes, key=age):
        for name in chosen_hosts(route):
            # No user takes a name that a Gateway or an older Route gave, nor all those that a Gateway may give.
            if not (name.startswith("*.") and lies_in(name[2:], taken)):
                hosts.setdefault(name, make_target(route))
    table = RouteTable(
        hosts=hosts,
        prefixes=prefixes,
        revisions=make_revisions(objects.revisions, endpoints_by_revision(objects.slices)),
        domains=domains,
    )
    return table, tuple(dict.fromkeys(problems))


def inside_domains(served: Iterable[Gateway]) -> frozenset[str]:
    """The domains in which Gateways name functions for other Pods."""
    return frozenset((one.spec.cluster_domain or gateways.CLUSTER_DOMAIN).lower() for one in served)


def lies_in(name: str, domains: Iterable[str]) -> bool:
    """Whether a name is one of the domains, or below one."""
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def age(route: Route) -> tuple[str, str, str]:
    """The oldest first, then by name."""
    about = route.metadata
    return about.creation_timestamp or "", about.namespace, about.name


def chosen_hosts(route: Route) -> list[str]:
    """The host names that a user chose; `*.` stands for any labels below."""
    told = route.metadata.annotations.get(HOSTNAMES, "")
    return [name for one in told.split(",") if (name := one.strip().lower())]


def held_routes(routes: Iterable[Route], table: RouteTable) -> dict[str, str]:
    """The Routes whose traffic the table has, by uid, each as `traffic.key` writes it; of names that users chose
    it says nothing, they follow with the next table.
    """
    held: dict[str, str] = {}
    for route in routes:
        names = [share.revision_name for share in route.status.traffic if share.revision_name]
        keys = [RevisionKey(route.metadata.namespace, name) for name in names]
        if keys and route.metadata.uid and all(key in table.revisions for key in keys):
            held[route.metadata.uid] = traffic.key(route.status.traffic)
    return held


def make_target(route: Route) -> Target:
    """Return the function of a Route with the weights its status reports."""
    function = route.metadata.labels.get(FUNCTION_LABEL) or route.metadata.name
    backends: dict[RevisionKey, float] = {}
    for share in route.status.traffic:
        if share.revision_name and share.percent:
            key = RevisionKey(route.metadata.namespace, share.revision_name)
            backends[key] = backends.get(key, 0.0) + share.percent
    return Target(route.metadata.namespace, function, tuple(backends.items()))


def gateway_hosts(gateway: Gateway, route: Route, target: Target) -> dict[str, Target]:
    """Return the hosts a Gateway gives to a function, and to the tags of its Route.

    Raises:
        TemplateError: a template of the Gateway is wrong.
    """
    names = {target.function: target} | {
        f"{share.tag}-{target.function}": tagged(target, share.revision_name)
        for share in route.status.traffic
        if share.tag and share.revision_name
    }
    hosts: dict[str, Target] = {}
    for name, one in names.items():
        hosts[gateways.render_host(gateway, name, target.namespace).lower()] = one
        hosts[gateways.cluster_host(gateway, name, target.namespace).lower()] = one
    return hosts


def tagged(target: Target, revision: str) -> Target:
    """Return the target of a tag: all of the traffic to one Revision."""
    return Target(target.namespace, target.function, ((RevisionKey(target.namespace, revision), 100.0),))


def route_hosts(route: Route) -> list[str]:
    """Return the hosts that the Route's own status names."""
    urls = [route.status.url, route.status.address.url if route.status.address else ""]
    return [host for host in (urlsplit(url).hostname for url in urls if url) if host]


def make_revisions(
    revisions: Iterable[Revision], endpoints: dict[RevisionKey, set[Endpoint]]
) -> dict[RevisionKey, route_table.Revision]:
    """Return the Revisions with their limits and ready endpoints."""
    table: dict[RevisionKey, route_table.Revision] = {}
    for revision in revisions:
        key = RevisionKey(revision.metadata.namespace, revision.metadata.name)
        table[key] = route_table.Revision(
            key=key,
            concurrency=revision.spec.container_concurrency or 0,
            timeout=float(revision.spec.timeout_seconds or DEFAULT_TIMEOUT),
            endpoints=tuple(sorted(endpoints.get(key, ()))),
            trouble=trouble_of(revision),
        )
    return table


def trouble_of(revision: Revision) -> str:
    """Return why a Revision is not ready, in its own words."""
    ready = meta.find_condition(revision.status.conditions, "Ready")
    if ready is None or ready.status != "False":
        return ""
    return f"{ready.reason}: {ready.message}".strip(": ")


def endpoints_by_revision(slices: Iterable[EndpointSlice]) -> dict[RevisionKey, set[Endpoint]]:
    """Return the ready endpoints of each Revision; one that terminates takes nothing new."""
    found: dict[RevisionKey, set[Endpoint]] = {}
    for piece in slices:
        name = piece.metadata.labels.get(REVISION_LABEL)
        if not name or not piece.metadata.labels.get(SERVICE_LABEL, "-private").endswith("-private"):
            continue
        port = port_of(piece)
        if port is None:
            continue
        ready = found.setdefault(RevisionKey(piece.metadata.namespace, name), set())
        for endpoint in piece.endpoints:
            if endpoint.conditions.ready is not False and not endpoint.conditions.terminating:
                ready.update(Endpoint(address, port) for address in endpoint.addresses[:1])
    return found


def port_of(piece: EndpointSlice) -> int | None:
    """Return the port that serves HTTP: the one named http, else the first."""
    ports = sorted(piece.ports, key=lambda port: not port.name.startswith("http"))
    return ports[0].port if ports else None
