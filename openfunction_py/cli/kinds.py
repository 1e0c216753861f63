"""Kinds as people name them on the command line: plural, singular, kind or short name to an API path.

The kinds everybody uses are known here, so that `ofn get` needs one request; others are discovered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from openfunction_py.cli import failures
from openfunction_py.kube import errors, oneshot


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource: where it lives on the wire and what it is called."""

    group: str
    version: str
    plural: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1`, or group/version."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str) -> str:
        """The collection's path; an empty namespace means all of them."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{root}{scope}/{self.plural}"

    def place(self, namespace: str, name: str) -> str:
        """The path of one object.

        Raises:
            UsageFailure: it would be the path of something else, such as the whole collection.
        """
        if not name or name in (".", "..") or set(name) & set("/%"):
            raise failures.UsageFailure(f"{name!r} is no name of an object")
        return f"{self.path(namespace)}/{quote(name, safe='')}"

    def is_called(self, word: str) -> bool:
        """True when a person may mean this kind by the word."""
        names = {self.plural, self.kind.lower(), *self.short}
        return word.lower() in names | {f"{self.plural}.{self.group}", f"{self.kind.lower()}.{self.group}"}


CORE = "core.openfunction.io"
FUNCTION = Kind(CORE, "v1beta2", "functions", "Function", ("fn",))
BUILDER = Kind(CORE, "v1beta2", "builders", "Builder", ("fb",))
SERVING = Kind(CORE, "v1beta2", "servings", "Serving")
NAMESPACE = Kind("", "v1", "namespaces", "Namespace", ("ns",), namespaced=False)
POD = Kind("", "v1", "pods", "Pod", ("po",))
KNOWN = (
    FUNCTION,
    BUILDER,
    SERVING,
    POD,
    Kind("networking.openfunction.io", "v1alpha1", "gateways", "Gateway"),
    Kind("", "v1", "events", "Event", ("ev",)),
    Kind("", "v1", "configmaps", "ConfigMap", ("cm",)),
    Kind("", "v1", "secrets", "Secret"),
    Kind("", "v1", "services", "Service", ("svc",)),
    NAMESPACE,
    Kind("apps", "v1", "deployments", "Deployment", ("deploy",)),
    Kind("serving.knative.dev", "v1", "revisions", "Revision", ("rev",)),
    Kind("serving.knative.dev", "v1", "routes", "Route", ("rt",)),
)


def find(word: str, door: oneshot.OneShot) -> Kind:
    """The kind a word means.

    Raises:
        Failure: the server has no such kind.
    """
    found = lookup(word, door)
    if found is None:
        raise failures.Failure(
            f"the server has no kind called {word!r}; `ofn get functions` is the usual one"
        )
    return found


def lookup(word: str, door: oneshot.OneShot) -> Kind | None:
    """The kind a word means; None when the server has no such kind."""
    known = next((kind for kind in KNOWN if kind.is_called(word)), None)
    return known or next((kind for kind in discover(door) if kind.is_called(word)), None)


def split(word: str, door: oneshot.OneShot) -> tuple[Kind, str]:
    """The kind and name of KIND/NAME, as `ofn get -o name` prints them; a Function when there is no kind."""
    kind, slash, name = word.partition("/")
    return (find(kind, door), name) if slash else (FUNCTION, word)


def of_document(api_version: str, kind: str, door: oneshot.OneShot) -> Kind | None:
    """The kind of a manifest's apiVersion and kind; None when the server does not have it."""
    for known in KNOWN:
        if known.api_version == api_version and known.kind == kind:
            return known
    return next((k for k in discover(door) if k.api_version == api_version and k.kind == kind), None)


def discover(door: oneshot.OneShot) -> list[Kind]:
    """Every kind of the server, by aggregated discovery."""
    found: list[Kind] = []
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    for root in ("/api", "/apis"):
        code, body = door.request("GET", root, params=None, body=None, headers=accept)
        if code >= 400:
            raise errors.from_status(code, body)
        for group in json.loads(body).get("items", []):
            name = group["metadata"].get("name", "")
            found += [
                Kind(
                    name,
                    version["version"],
                    resource["resource"],
                    resource["responseKind"]["kind"],
                    tuple(resource.get("shortNames") or ()),
                    resource["scope"] == "Namespaced",
                )
                for version in group["versions"]
                for resource in version["resources"]
            ]
    return found
