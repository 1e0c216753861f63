"""What a request asks for: its resource, namespace, name, subresource and options, parsed once.

It reads no body and no store; it refuses paths and options that Kubernetes refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openfunction_py.api import scheme
from openfunction_py.apiserver import status
from openfunction_py.apiserver.database import Key

VALIDATIONS = ("Ignore", "Warn", "Strict")
STREAMS = ("exec", "attach", "portforward", "proxy")


@dataclass(frozen=True, slots=True)
class Target:
    """The object or collection a path names."""

    resource: scheme.Resource
    namespace: str
    name: str
    subresource: str

    @property
    def key(self) -> Key:
        """The key of the object."""
        return Key(stored(self.resource), self.namespace, self.name)

    @property
    def subject(self) -> status.Subject:
        """The object in error messages."""
        return subject(self.resource, self.name)

    def named(self, name: str, namespace: str | None = None) -> Target:
        """The same target with another name."""
        return Target(
            self.resource, self.namespace if namespace is None else namespace, name, self.subresource
        )


def stored(resource: scheme.Resource) -> str:
    """The name of a resource in the store; a kind is stored once, whatever its versions."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def subject(resource: scheme.Resource, name: str = "") -> status.Subject:
    """A resource in error messages."""
    return status.Subject(resource.group, resource.plural, resource.kind, name)


def parse_path(group: str, version: str, rest: str) -> Target:
    """The target of a path below a group version, such as `namespaces/a/pods/b/status`.

    Raises:
        status.StatusError: 404, the path names nothing served here.
    """
    parts = [part for part in rest.split("/") if part]
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces" and not (not group and parts[2] in ("status", "finalize")):
        namespace, parts = parts[1], parts[2:]
    if not 1 <= len(parts) <= 3:
        raise status.no_resource()
    plural, name, subresource = (*parts, "", "")[:3]
    resource = scheme.by_plural(group, version, plural)
    if resource is None:
        raise status.no_resource(_hint(group, version, plural))
    if (namespace and not resource.namespaced) or (name and resource.namespaced and not namespace):
        raise status.no_resource()
    return Target(resource, namespace, name, subresource)


def _hint(group: str, version: str, plural: str) -> str:
    """What would have been right, where it can be told."""
    if group == "rbac.authorization.k8s.io":
        return "this server evaluates no RBAC; its tokens are made by `ofn up`"
    served = [item.version for item in scheme.RESOURCES if (item.group, item.plural) == (group, plural)]
    if served:
        return f"{plural} are served in {group or 'core'}/{', '.join(served)}, not in {version}"
    return ""


@dataclass(frozen=True, slots=True)
class Options:
    """The query of a request."""

    query: Mapping[str, str]
    user_agent: str

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        chosen = self.query.get("dryRun", "")
        if chosen not in ("", "All"):
            raise status.bad_request(f'dryRun: Unsupported value: "{chosen}": supported values: "All"')
        return chosen == "All"

    @property
    def validation(self) -> str:
        """What happens to unknown fields: Ignore, Warn or Strict."""
        chosen = self.query.get("fieldValidation") or "Warn"
        if chosen not in VALIDATIONS:
            raise status.bad_request(
                f'fieldValidation: Unsupported value: "{chosen}": use Ignore, Warn or Strict'
            )
        return chosen

    @property
    def manager(self) -> str:
        """The field manager: named by the query, or by the client's user agent."""
        return self.query.get("fieldManager") or self.user_agent.split("/")[0] or "unknown"

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        return self.query.get(name, "").lower() in ("true", "1", "t")

    def number(self, name: str) -> int | None:
        """An integer of the query.

        Raises:
            status.StatusError: 400, it is none.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise status.bad_request(f"{name}: Invalid value: {text!r}: it must be a whole number") from None
