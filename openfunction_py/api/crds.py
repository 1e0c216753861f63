"""CustomResourceDefinitions of our kinds, generated from the types into config/crd.

It writes manifests, or says which are stale; it installs nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from openfunction_py.api import scheme
from openfunction_py.api.columns import Column
from openfunction_py.api.scheme import Resource

FOLDER = Path(__file__).resolve().parents[2] / "config" / "crd"


def crd(resource: Resource) -> dict[str, Any]:
    """The definition of a kind that has a schema."""
    names: dict[str, Any] = {
        "plural": resource.plural,
        "singular": resource.singular,
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
    }
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [_version(resource)],
        },
    }


def _version(resource: Resource) -> dict[str, Any]:
    return {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": resource.schema},
        "subresources": {name: {} for name in sorted(resource.subresources)},
        "additionalPrinterColumns": [_column(one) for one in resource.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**entry, "priority": column.priority} if column.priority else entry


def manifests() -> dict[str, str]:
    """File name → text of every definition."""
    return {
        f"{one.group}_{one.plural}.yaml": yaml.dump(crd(one), Dumper=_Plain, sort_keys=False, width=110)
        for one in scheme.RESOURCES
        if one.schema is not None
    }


class _Plain(yaml.SafeDumper):
    """Without anchors: readers of manifests expect none."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the dumper's interface
        return True


def stale(folder: Path) -> list[str]:
    """Names of manifests in `folder` that differ from the types."""
    wanted = manifests()
    found = {path.name: path.read_text() for path in folder.glob("*.yaml")} if folder.is_dir() else {}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> None:
    """Make `folder` hold exactly the manifests."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = manifests()
    for path in folder.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)


def main(arguments: list[str]) -> int:
    """Write config/crd, or with --check report what is stale; the exit code says whether all is well."""
    if "--check" not in arguments:
        write(FOLDER)
        return 0
    differing = stale(FOLDER)
    if differing:
        sys.stderr.write(f"stale: {', '.join(differing)}; run `make crds`\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
