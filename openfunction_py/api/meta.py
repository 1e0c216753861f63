"""What every object has: metadata, owners, conditions, and the base of all models.

It knows no kinds and does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

_CAPITALS = {"ip": "IP", "ips": "IPs", "id": "ID"}


def wire_name(field: str) -> str:
    """`pod_ip` → `podIP`, as Kubernetes spells its fields."""
    head, *rest = field.split("_")
    return head + "".join(_CAPITALS.get(word, word.capitalize()) for word in rest)


class Model(BaseModel):
    """A frozen value with Kubernetes' spelling on the wire; null counts as absent."""

    model_config = ConfigDict(
        frozen=True, alias_generator=wire_name, populate_by_name=True, extra="ignore", protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if isinstance(data, dict) and None in data.values():
            return {key: value for key, value in data.items() if value is not None}
        return data

    def to_wire(self) -> dict[str, Any]:
        """What was set, as JSON values under wire names."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude_unset=True, mode="json")


class Open(Model):
    """A slice of an upstream value: fields we do not name pass through unchanged."""

    model_config = ConfigDict(extra="allow")


class OwnerReference(Model):
    """The parent of an object."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Model):
    """Identity, labels and life of an object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    finalizers: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)


class Condition(Model):
    """One fact about an object's state, with its reason."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None
    observed_generation: int | None = None


class LocalRef(Model):
    """An object of the same namespace, by name."""

    name: str = ""


class Object(Model):
    """Anything the API serves; each kind gives `api_version` and `kind` their defaults."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    def to_wire(self) -> dict[str, Any]:
        """What was set, always with apiVersion, kind and metadata."""
        body = super().to_wire()
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": body.pop("metadata", None) or self.metadata.to_wire(),
            **{key: value for key, value in body.items() if key not in ("apiVersion", "kind")},
        }


def owner_of(obj: Object) -> OwnerReference:
    """A controlling reference to `obj`."""
    return OwnerReference(
        api_version=obj.api_version,
        kind=obj.kind,
        name=obj.metadata.name,
        uid=obj.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def controller_of(obj: Object) -> OwnerReference | None:
    """The reference of the one owner that controls `obj`."""
    return next((owner for owner in obj.metadata.owner_references if owner.controller), None)


def find_condition(conditions: Iterable[Condition], type: str) -> Condition | None:  # noqa: A002 - the wire's word
    """The condition of that type."""
    return next((condition for condition in conditions if condition.type == type), None)


def is_true(conditions: Iterable[Condition], type: str) -> bool:  # noqa: A002 - the wire's word
    """Whether the condition of that type is True."""
    found = find_condition(conditions, type)
    return found is not None and found.status == "True"


def set_condition(conditions: Sequence[Condition], new: Condition, *, now: str) -> list[Condition]:
    """`conditions` with `new` in its place; the transition time moves only when the status does."""
    old = find_condition(conditions, new.type)
    since = old.last_transition_time if old is not None and old.status == new.status else None
    placed = new.model_copy(update={"last_transition_time": since or now})
    if old is None:
        return [*conditions, placed]
    return [placed if condition.type == new.type else condition for condition in conditions]
