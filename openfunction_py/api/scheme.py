"""Every kind that is served: where it stands on the wire, how it is typed, listed and scaled.

A table and lookups; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openfunction_py.api import (
    builders,
    columns,
    eventbuses,
    eventsources,
    functions,
    gateways,
    schemas,
    servings,
    triggers,
)
from openfunction_py.api.columns import Column
from openfunction_py.api.meta import Object
from openfunction_py.api.upstream import (
    apiextensions,
    apps,
    autoscaling,
    batch,
    coordination,
    core,
    dapr,
    discovery,
    gatewayapi,
    keda,
    knative,
    shipwright,
    storage,
)

ScalePaths = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    model: type[Object] | None = None
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    columns: tuple[Column, ...] = ()
    schema: dict[str, Any] | None = None
    builtin: bool = False
    scale_paths: ScalePaths | None = None

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """The kind in lower case, as kubectl takes it."""
        return self.kind.lower()

    def path(self, namespace: str = "") -> str:
        """URL path of the collection; of all namespaces when `namespace` is empty."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}"


_STATUS = frozenset({"status"})
_SCALE = frozenset({"status", "scale"})
_REPLICAS = (".spec.replicas", ".status.replicas", ".status.selector")


@dataclass(frozen=True, slots=True)
class _Listed:
    """What differs between kinds when they are entered in the table."""

    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = _STATUS
    namespaced: bool = True
    scale_paths: ScalePaths | None = None
    plural: str = ""


def _enter(model: type[Object], listed: _Listed, *, builtin: bool = False, crd: bool = False) -> Resource:
    api_version = str(model.model_fields["api_version"].default)
    kind = str(model.model_fields["kind"].default)
    group, _, version = api_version.rpartition("/")
    return Resource(
        group=group,
        version=version,
        plural=listed.plural or f"{kind.lower()}s",
        kind=kind,
        namespaced=listed.namespaced,
        model=model,
        short_names=listed.short,
        categories=listed.categories,
        subresources=listed.subresources,
        columns=columns.of(group, kind),
        schema=schemas.of(model) if crd else None,
        builtin=builtin,
        scale_paths=listed.scale_paths,
    )


def _builtin(model: type[Object], listed: _Listed) -> Resource:
    return _enter(model, listed, builtin=True)


def _ours(model: type[Object], *short: str, namespaced: bool = True, plural: str = "") -> Resource:
    listed = _Listed(short=short, categories=("openfunction",), namespaced=namespaced, plural=plural)
    return _enter(model, listed, crd=True)


_ALL = ("all",)
_KNATIVE = ("all", "knative", "serving")

RESOURCES: tuple[Resource, ...] = (
    _ours(functions.Function, "fn"),
    _ours(builders.Builder, "fb"),
    _ours(servings.Serving),
    _ours(gateways.Gateway),
    _ours(eventsources.EventSource, "es"),
    _ours(eventbuses.EventBus, "eb", plural="eventbuses"),
    _ours(eventbuses.ClusterEventBus, "ceb", namespaced=False, plural="clustereventbuses"),
    _ours(triggers.Trigger),
    _builtin(core.Namespace, _Listed(("ns",), namespaced=False)),
    _builtin(core.Node, _Listed(("no",), namespaced=False)),
    _builtin(core.Pod, _Listed(("po",), _ALL)),
    _builtin(core.Service, _Listed(("svc",), _ALL)),
    _builtin(core.Secret, _Listed(subresources=frozenset())),
    _builtin(core.ConfigMap, _Listed(("cm",), subresources=frozenset())),
    _builtin(storage.PersistentVolumeClaim, _Listed(("pvc",))),
    _builtin(core.ServiceAccount, _Listed(("sa",), subresources=frozenset())),
    _builtin(core.Event, _Listed(("ev",), subresources=frozenset())),
    _builtin(apps.Deployment, _Listed(("deploy",), _ALL, _SCALE, scale_paths=_REPLICAS)),
    _builtin(apps.ReplicaSet, _Listed(("rs",), _ALL, _SCALE, scale_paths=_REPLICAS)),
    _builtin(apps.StatefulSet, _Listed(("sts",), _ALL, _SCALE, scale_paths=_REPLICAS)),
    _builtin(batch.Job, _Listed((), _ALL)),
    _builtin(discovery.EndpointSlice, _Listed(subresources=frozenset())),
    _builtin(coordination.Lease, _Listed(subresources=frozenset())),
    _builtin(apiextensions.CustomResourceDefinition, _Listed(("crd", "crds"), namespaced=False)),
    _enter(shipwright.Build, _Listed()),
    _enter(shipwright.BuildRun, _Listed(("br",))),
    _enter(shipwright.BuildStrategy, _Listed(("bs",), subresources=frozenset(), plural="buildstrategies")),
    _enter(
        shipwright.ClusterBuildStrategy,
        _Listed(("cbs",), subresources=frozenset(), namespaced=False, plural="clusterbuildstrategies"),
    ),
    _enter(knative.KnativeService, _Listed(("kservice", "ksvc"), _KNATIVE)),
    _enter(knative.Configuration, _Listed(("config", "cfg"), _KNATIVE)),
    _enter(knative.Revision, _Listed(("rev",), _KNATIVE)),
    _enter(knative.Route, _Listed(("rt",), _KNATIVE)),
    _enter(autoscaling.PodAutoscaler, _Listed(("kpa", "pa"))),
    _enter(knative.ServerlessService, _Listed(("sks",))),
    _enter(dapr.Component, _Listed((), ("all",), frozenset())),
    _enter(dapr.Subscription, _Listed((), ("all",), frozenset())),
    _enter(keda.ScaledObject, _Listed(("so",))),
    _enter(keda.ScaledJob, _Listed(("sj",))),
    _enter(keda.TriggerAuthentication, _Listed(("ta", "triggerauth"))),
    _enter(keda.ClusterTriggerAuthentication, _Listed(("cta", "clustertriggerauth"), namespaced=False)),
    _enter(gatewayapi.GatewayClass, _Listed(("gc",), namespaced=False, plural="gatewayclasses")),
    _enter(gatewayapi.HttpGateway, _Listed(("gtw",))),
    _enter(gatewayapi.HTTPRoute, _Listed()),
)

_BY_PLURAL = {(one.group, one.version, one.plural): one for one in RESOURCES}
_BY_KIND = {(one.api_version, one.kind): one for one in RESOURCES}
_BY_MODEL = {one.model: one for one in RESOURCES}


def by_plural(group: str, version: str, plural: str) -> Resource | None:
    """The resource at a URL path."""
    return _BY_PLURAL.get((group, version, plural))


def by_kind(api_version: str, kind: str) -> Resource | None:
    """The resource of a manifest."""
    return _BY_KIND.get((api_version, kind))


def of(model: type[Object]) -> Resource:
    """The resource of a type.

    Raises:
        KeyError: the type is none that is served.
    """
    return _BY_MODEL[model]


def refusal(api_version: str, kind: str) -> str:
    """Why a kind or version is not served and what would be right; empty when it is."""
    if by_kind(api_version, kind) is not None:
        return ""
    group = api_version.rpartition("/")[0]
    same = sorted({one.api_version for one in RESOURCES if one.kind == kind and one.group == group})
    if same:
        return f"{kind} {api_version} is not served; write apiVersion: {' or '.join(same)}"
    versions = sorted({one.api_version for one in RESOURCES if one.kind == kind})
    if versions:
        return f"there is no {kind} in {api_version}; did you mean apiVersion: {' or '.join(versions)}?"
    return f"kind {kind} ({api_version}) is not served here; install what serves it, or remove the document"
