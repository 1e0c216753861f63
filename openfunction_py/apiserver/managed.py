"""`managedFields`: who owns which field, kept through updates, patches and server-side apply.

It changes ownership and, for apply, the document; it checks no values. After structured-merge-diff's
`merge/update.go`, for kinds in one version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from openfunction_py.apiserver import fieldset, status
from openfunction_py.apiserver.fieldset import FieldSet, ListTypes, Path

Document = dict[str, Any]


class Manager(NamedTuple):
    """Identity of an owner: the same name applies and updates as two owners, as in Kubernetes."""

    name: str
    operation: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes now, through which version, when; `force` takes fields over from others."""

    manager: Manager
    api_version: str
    now: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of an object an apply is about: one field at the top, or all but some."""

    only: str = ""
    excluded: frozenset[str] = frozenset()

    def holds(self, name: str) -> bool:
        """Whether a field at the top belongs to the part."""
        return name == self.only if self.only else name not in self.excluded


Owners = dict[Manager, FieldSet]


def read(document: Mapping[str, Any]) -> Owners:
    """The owners named in a document."""
    owners: Owners = {}
    for entry in document.get("metadata", {}).get("managedFields") or ():
        if entry.get("manager") and entry.get("fieldsV1"):
            manager = Manager(
                entry["manager"], entry.get("operation", "Update"), entry.get("subresource", "")
            )
            owners[manager] = owners.get(manager, frozenset()) | fieldset.from_wire(entry["fieldsV1"])
    return owners


def write(document: Document, owners: Owners, *, previous: Mapping[str, Any], writer: Writer) -> None:
    """Put the owners into a document; an entry that did not change keeps its time."""
    old = {
        Manager(
            entry.get("manager", ""), entry.get("operation", "Update"), entry.get("subresource", "")
        ): entry
        for entry in previous.get("metadata", {}).get("managedFields") or ()
    }
    entries = []
    for manager, fields in owners.items():
        if not fields:
            continue
        wire = fieldset.to_wire(fields)
        if manager in old and old[manager].get("fieldsV1") == wire:
            entries.append(old[manager])
        else:
            entries.append(_entry(manager, wire, writer))
    metadata = document.setdefault("metadata", {})
    metadata.pop("managedFields", None)
    if entries:
        metadata["managedFields"] = sorted(entries, key=_order)


def _entry(manager: Manager, wire: dict[str, Any], writer: Writer) -> dict[str, Any]:
    entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": writer.api_version,
        "time": writer.now,
        "fieldsType": "FieldsV1",
        "fieldsV1": wire,
    }
    return {**entry, "subresource": manager.subresource} if manager.subresource else entry


def _order(entry: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Kubernetes sorts by operation, then time, then manager and subresource."""
    return (entry["operation"], entry.get("time", ""), entry["manager"], entry.get("subresource", ""))


def update(new: Document, *, old: Mapping[str, Any] | None, lists: ListTypes, writer: Writer) -> None:
    """Ownership after a create, update or patch: who writes owns what it changed, nobody owns what is gone."""
    before = fieldset.leaves(old, lists) if old is not None else {}
    after = fieldset.leaves(new, lists)
    changed = frozenset(
        path for path, value in after.items() if path not in before or _differs(before[path], value)
    )
    removed = frozenset(path for path in before if path not in after)
    base = new if "managedFields" in new.get("metadata", {}) else old or {}
    owners = {manager: fields - changed - removed for manager, fields in read(base).items()}
    if changed:
        owners[writer.manager] = owners.get(writer.manager, frozenset()) | changed
    write(new, owners, previous=base, writer=writer)


def _differs(one: Any, other: Any) -> bool:
    """Items of keyed lists are owned by their presence; what is in them has owners of its own."""
    return bool(one != other) and not (isinstance(one, dict) and isinstance(other, dict) and one and other)


def apply(
    live: Document, config: Mapping[str, Any], *, lists: ListTypes, writer: Writer, part: Part = Part()
) -> Document:
    """Merge an applied configuration into the live object and take what it no longer names, if nobody else owns it.

    Raises:
        status.StatusError: 409, another owner has a field with another value.
    """
    config = {
        name: value
        for name, value in config.items()
        if part.holds(name) and name not in ("apiVersion", "kind")
    }
    wanted = fieldset.leaves(config, lists)
    owners = read(live)
    mine = owners.pop(writer.manager, frozenset())
    conflicts = _conflicts(live, wanted, owners)
    if conflicts and not writer.force:
        raise _conflict(conflicts, live)
    for manager, path in conflicts:
        owners[manager] = owners[manager] - {path}
    merged = dict(live)
    merge(merged, config, (), lists)
    _prune(merged, gone=mine - wanted.keys(), kept=_kept(wanted, owners.values()))
    write(merged, {**owners, writer.manager: frozenset(wanted)}, previous=live, writer=writer)
    return merged


def _conflicts(live: Document, wanted: Mapping[Path, Any], owners: Owners) -> list[tuple[Manager, Path]]:
    found = []
    for manager, fields in owners.items():
        for path in sorted(fields & wanted.keys()):
            if _differs(fieldset.get(live, path), wanted[path]):
                found.append((manager, path))
    return found


def _conflict(conflicts: list[tuple[Manager, Path]], live: Document) -> status.StatusError:
    names = {manager: _printed(manager, live) for manager, _ in conflicts}
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {names[manager]}",
            "field": fieldset.text(path),
        }
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {names[manager]}: {fieldset.text(path)}"
    else:
        listed = [
            f"conflicts with {name}:\n"
            + "\n".join(f"- {fieldset.text(path)}" for who, path in conflicts if who == manager)
            for manager, name in sorted(names.items(), key=lambda item: item[1])
        ]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(listed)
    return status.StatusError(409, "Conflict", message, details={"causes": causes})


def _printed(manager: Manager, live: Document) -> str:
    name = f'"{manager.name}"' + (f' with subresource "{manager.subresource}"' if manager.subresource else "")
    if manager.operation != "Update":
        return name
    for entry in live.get("metadata", {}).get("managedFields") or ():
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == tuple(manager):
            at = f" at {entry['time']}" if entry.get("time") else ""
            return f"{name} using {entry.get('apiVersion', '')}{at}"
    return name


def _kept(wanted: Mapping[Path, Any], others: Iterable[FieldSet]) -> set[Path]:
    """What must stay: everything somebody owns, and what it lies in."""
    owned = set(wanted).union(*others)
    return owned | fieldset.ancestors(owned)


def _prune(document: Document, *, gone: FieldSet, kept: set[Path]) -> None:
    """Remove whole fields and items first, then the maps that are left empty by it."""
    for path in sorted(gone - kept, key=len):
        if not _identifies(path, kept):
            fieldset.remove(document, path)
    emptied = fieldset.ancestors(gone) - kept - fieldset.IGNORED
    for path in sorted(emptied, key=len, reverse=True):
        if not fieldset.get(document, path):
            fieldset.remove(document, path)


def _identifies(path: Path, kept: set[Path]) -> bool:
    """A key of a list item stays as long as the item does."""
    item = path[:-1]
    return bool(item) and item in kept and item[-1].startswith("k:") and f'"{path[-1][2:]}":' in item[-1]


def merge(into: dict[str, Any], config: Mapping[str, Any], names: tuple[str, ...], lists: ListTypes) -> None:
    """Put a configuration into a document: maps by field, keyed lists by item, everything else as a whole."""
    for name, value in config.items():
        path = (*names, name)
        present = into.get(name)
        if isinstance(value, Mapping) and isinstance(present, dict) and not lists.atomic(path):
            merge(present, value, path, lists)
        elif isinstance(value, list) and isinstance(present, list) and (keys := lists.keys(path)) is not None:
            _merge_list(present, value, path, (keys, lists))
        else:
            into[name] = value


def _merge_list(
    present: list[Any], config: list[Any], path: tuple[str, ...], how: tuple[tuple[str, ...], ListTypes]
) -> None:
    keys, lists = how
    elements = [fieldset.element_of(item, keys) for item in config]
    if None in elements:
        present[:] = config
        return
    for element, item in zip(elements, config, strict=True):
        found = next((old for old in present if fieldset.matches(old, element)), None)  # type: ignore[arg-type]
        if found is None:
            present.append(item)
        elif keys:
            merge(found, item, path, lists)
