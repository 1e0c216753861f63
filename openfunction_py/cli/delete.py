"""ofn delete: named objects, or those of a manifest; never everything."""

from __future__ import annotations

from typing import Annotated

import typer

from openfunction_py.cli import failures, kinds, manifests, options, output, target


def delete(
    words: Annotated[
        list[str] | None, typer.Argument(help="KIND NAME..., or the names of Functions.")
    ] = None,
    *,
    file: Annotated[
        list[str] | None, typer.Option("-f", "--filename", help="Manifest, folder, or -.")
    ] = None,
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="What is not there counts as deleted.")
    ] = False,
    namespace: options.Namespace = None,
    wait: options.Wait = True,
    timeout: options.Timeout = 60.0,
    context: options.Context = None,
) -> None:
    """Delete the objects that are named, and wait until they are gone.

    Example: ofn delete hello-python
    """
    if not words and not file:
        raise failures.UsageFailure("nothing is named: give the names of Functions, KIND NAME, or -f FILE")
    there = target.resolve(context)
    named = _of_files(file or [], there, namespace) + _of_words(words or [], there, namespace)
    begun: list[tuple[Named, str]] = []
    failed: list[failures.Failure] = []
    for kind, scope, name in named:
        try:
            uid = there.get(kind, name, scope)["metadata"]["uid"]
            there.call("DELETE", kind.place(scope, name), body={"preconditions": {"uid": uid}})
            begun.append(((kind, scope, name), uid))
        except failures.NotFoundFailure as failure:
            if not ignore_not_found:
                failed.append(failure)
        except failures.Failure as failure:
            failed.append(failure)
    for (kind, scope, name), uid in begun:
        if wait:
            _until_gone(there, (kind, scope, name), uid, timeout)
        output.data(f"{kind.kind.lower()} {name} deleted")
    if failed:
        for earlier in failed[:-1]:
            output.talk(f"ofn: {earlier}")
        raise failed[-1]


Named = tuple[kinds.Kind, str, str]


def _of_files(files: list[str], there: target.Target, namespace: str | None) -> list[Named]:
    named = []
    for document in (found for file in files for found in manifests.read(file)):
        value, meta = document.value, document.value.get("metadata", {})
        kind = kinds.of_document(str(value.get("apiVersion", "")), str(value.get("kind", "")), there.door)
        if kind is None:
            raise failures.Failure(f"{document.place()}: the server has no kind {value.get('kind')}")
        if not meta.get("name"):
            raise failures.Failure(f"{document.place('metadata')}: metadata.name is missing")
        named.append((kind, meta.get("namespace") or namespace or there.namespace, meta["name"]))
    return named


def _of_words(words: list[str], there: target.Target, namespace: str | None) -> list[Named]:
    scope = namespace or there.namespace
    if len(words) > 1 and "/" not in words[0] and (kind := kinds.lookup(words[0], there.door)):
        return [(kind, scope, name) for name in words[1:]]
    return [(kind, scope, name) for kind, name in (kinds.split(word, there.door) for word in words)]


def _until_gone(there: target.Target, named: Named, uid: str, timeout: float) -> None:
    kind, scope, name = named
    selection = {"fieldSelector": f"metadata.name={name}"}
    listed = there.call("GET", kind.path(scope), params=selection)
    if not [item for item in listed["items"] if item["metadata"]["uid"] == uid]:
        return
    version = listed["metadata"]["resourceVersion"]
    seconds = str(max(1, int(timeout)))
    for event, item in there.watch(kind, scope, resourceVersion=version, timeoutSeconds=seconds, **selection):
        if event == "DELETED" and item["metadata"]["uid"] == uid:
            return
    raise failures.TimeoutFailure(
        f"{kind.kind} {name} is still there after {timeout:.0f} s; see `ofn describe {name}`"
    )
