"""Which lists of built-in kinds are maps: the keys that strategic merge and server-side apply join items by.

Lists that are not named here are atomic.
"""

from __future__ import annotations

_CONDITIONS = ("type",)
_OWNERS = ("uid",)

# Field name → merge key, below any Pod spec (k8s.io/api/core/v1/types.go, patchMergeKey and listMapKey).
_POD: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey",),
    "containerStatuses": ("name",),
    "podIPs": ("ip",),
}

_BY_KIND: dict[str, dict[str, tuple[str, ...]]] = {
    "Service": {"ports": ("port",)},
    "ServiceAccount": {"secrets": ("name",), "imagePullSecrets": ("name",)},
    "Node": {"addresses": ("type",), "taints": ("key",)},
}
# Server-side apply uses finer keys than strategic merge where a port may serve two protocols.
_APPLY: dict[str, dict[str, tuple[str, ...]]] = {
    "Service": {"ports": ("port", "protocol")},
    "": {"ports": ("containerPort", "protocol")},
}
_SETS = frozenset({"finalizers"})


def merge_key(kind: str, field: str, *, apply: bool = False) -> tuple[str, ...] | None:
    """The keys that items of list `field` in `kind` are joined by; None when the list is atomic."""
    if field == "conditions":
        return _CONDITIONS
    if field == "ownerReferences":
        return _OWNERS
    if apply:
        finer = _APPLY.get(kind, _APPLY[""]).get(field)
        if finer is not None:
            return finer
    found = _BY_KIND.get(kind, {}).get(field) or _POD.get(field)
    if found is None and field == "ports":
        return ("containerPort",)
    return found


def is_set(field: str) -> bool:
    """Whether a list of scalars is joined value by value."""
    return field in _SETS
