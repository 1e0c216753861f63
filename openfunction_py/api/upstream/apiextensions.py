"""apiextensions.k8s.io/v1: CustomResourceDefinition.

Slices: a field that has no name here passes through unchanged.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from openfunction_py.api.meta import Condition, Object, Open


class Names(Open):
    """How a kind is called."""

    plural: str = ""
    singular: str = ""
    kind: str = ""
    list_kind: str = ""
    short_names: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)


class Version(Open):
    """One served version of a kind."""

    name: str
    served: bool = True
    storage: bool = True
    json_schema: dict[str, Any] = Field(default_factory=dict, alias="schema")
    subresources: dict[str, Any] = Field(default_factory=dict)
    additional_printer_columns: list[dict[str, Any]] = Field(default_factory=list)


class CustomResourceDefinitionSpec(Open):
    """A kind that is not built in."""

    group: str = ""
    names: Names = Field(default_factory=Names)
    scope: str = ""
    versions: list[Version] = Field(default_factory=list)


class CustomResourceDefinitionStatus(Open):
    """Whether the kind is served."""

    accepted_names: Names | None = None
    stored_versions: list[str] = Field(default_factory=list)
    conditions: list[Condition] = Field(default_factory=list)


class CustomResourceDefinition(Object):
    """The definition of a kind."""

    api_version: str = "apiextensions.k8s.io/v1"
    kind: str = "CustomResourceDefinition"
    spec: CustomResourceDefinitionSpec = Field(default_factory=CustomResourceDefinitionSpec)
    status: CustomResourceDefinitionStatus = Field(default_factory=CustomResourceDefinitionStatus)
