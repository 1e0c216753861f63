"""ofn get: objects as a table, as documents or as names."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from openfunction_py.cli import failures, kinds, options, output, target
from openfunction_py.kube import errors

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
FORMS = ("", "wide", "json", "yaml", "name")


def get(
    kind: Annotated[str, typer.Argument(help="Kind: functions, fn, builders, pods, ...")],
    name: Annotated[str | None, typer.Argument(help="Name of one object.")] = None,
    *,
    form: Annotated[str, typer.Option("-o", "--output", help="wide, json, yaml or name.")] = "",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Go on printing what changes.")] = False,
    labels: Annotated[str, typer.Option("-l", "--selector", help="Only objects with these labels.")] = "",
    everywhere: Annotated[bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")] = False,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """List objects, or show one.

    Example: ofn get functions -o wide
    """
    if form not in FORMS:
        raise failures.UsageFailure(f"-o {form} is unknown; use wide, json, yaml or name")
    if watch and form not in ("", "wide"):
        raise failures.UsageFailure(f"-w prints a line per change; leave out -o {form}")
    there = target.resolve(context)
    word, slash, after = kind.partition("/")
    found, name = kinds.find(word, there.door), after if slash else name
    if name is not None:
        found.place("", name)
    scope = "" if everywhere else (namespace or there.namespace)
    if form in ("", "wide"):
        version = _table(there, found, scope, name, labels=labels, wide=form == "wide", everywhere=everywhere)
    else:
        version = _documents(there, found, scope, name, labels=labels, form=form)
    if watch:
        _follow(there, found, scope, name, labels=labels, version=version)


def _selection(name: str | None, labels: str) -> dict[str, str]:
    params = {"labelSelector": labels} if labels else {}
    return {**params, "fieldSelector": f"metadata.name={name}"} if name else params


def _table(
    there: target.Target,
    kind: kinds.Kind,
    scope: str,
    name: str | None,
    *,
    labels: str,
    wide: bool,
    everywhere: bool,
) -> str:
    params = _selection(name, labels)
    code, body = there.door.request("GET", kind.path(scope), params=params, body=None, headers=TABLE)
    if code >= 400:
        raise errors.from_status(code, body)
    answer = json.loads(body)
    if name and not answer["rows"]:
        raise failures.NotFoundFailure(there.missing(kind, name, scope))
    if not answer["rows"]:
        output.talk(
            f"no {kind.plural} found" + (f" in namespace {scope}" if scope and kind.namespaced else "")
        )
        return str(answer["metadata"].get("resourceVersion", ""))
    shown = [i for i, column in enumerate(answer["columnDefinitions"]) if wide or not column.get("priority")]
    header = [answer["columnDefinitions"][i]["name"] for i in shown]
    rows = [_row(row, shown, everywhere=everywhere and kind.namespaced) for row in answer["rows"]]
    output.table(["namespace", *header] if everywhere and kind.namespaced else header, rows)
    return str(answer["metadata"].get("resourceVersion", ""))


def _row(row: dict[str, Any], shown: list[int], *, everywhere: bool) -> list[Any]:
    cells = [row["cells"][i] for i in shown]
    return [row["object"]["metadata"].get("namespace", ""), *cells] if everywhere else cells


def _documents(
    there: target.Target, kind: kinds.Kind, scope: str, name: str | None, *, labels: str, form: str
) -> str:
    if name:
        found = there.get(kind, name, scope)
        items, version = [found], found["metadata"]["resourceVersion"]
    else:
        listed = there.call("GET", kind.path(scope), params=_selection(None, labels))
        version = listed["metadata"].get("resourceVersion", "")
        items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in listed["items"]]
        found = {"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}}
    if form == "name":
        for item in items:
            output.data(f"{kind.kind.lower()}{kind.group and '.'}{kind.group}/{item['metadata']['name']}")
    else:
        output.document(found, form)
    return str(version)


def _follow(
    there: target.Target, kind: kinds.Kind, scope: str, name: str | None, *, labels: str, version: str
) -> None:
    """Print a line per change until interrupted; the columns are those of a table of one object."""
    while True:
        for event, item in there.watch(kind, scope, resourceVersion=version, **_selection(name, labels)):
            if event == "ERROR":
                raise failures.Failure(item.get("message", "the watch ended with an error"))
            version = item["metadata"]["resourceVersion"]
            if event != "BOOKMARK":
                output.data(f"{event.lower()}   {item['metadata']['name']}   {summary(item)}")


def summary(item: dict[str, Any]) -> str:
    """The Ready condition of an object in a few words, or its phase."""
    status = item.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["type"] in ("Ready", "Succeeded"):
            return f"{condition['type']}={condition['status']} {condition.get('reason', '')}".rstrip()
    return str(status.get("phase") or status.get("state") or "")
