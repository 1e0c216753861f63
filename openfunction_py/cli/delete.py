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
    namespace: options.Namespace = None,
    wait: options.Wait = True,
    timeout: options.Timeout = 60.0,
    context: options.Context = None,
) -> None:
    """Delete the objects that are named, and wait until they are gone.

    Example: ofn delete hello-python
    """
    there = target.resolve(context)
    named = _of_files(file or [], there, namespace) + _of_words(words or [], there, namespace)
    if not named:
        raise failures.Failure("nothing is named: give the names of Functions, KIND NAME, or -f FILE")
    for kind, scope, name in named:
        found = there.get(kind, name, scope)
        there.call("DELETE", f"{kind.path(scope)}/{name}")
        if wait:
            _until_gone(there, kind, scope, found["metadata"]["name"], found["metadata"]["uid"], timeout)
        output.data(f"{kind.kind.lower()} {name} deleted")


Named = tuple[kinds.Kind, str, str]


def _of_files(files: list[str], there: target.Target, namespace: str | None) -> list[Named]:
    named = []
    for document in (found for file in files for found in manifests.read(file)):
        value = document.value
        kind = kinds.of_document(value.get("apiVersion", ""), value.get("kind", ""), there.door)
        if kind is None:
            raise failures.Failure(f"{document.place()}: the server has no kind {value.get('kind')}")
        scope = namespace or value["metadata"].get("namespace") or there.namespace
        named.append((kind, scope, value["metadata"]["name"]))
    return named


def _of_words(words: list[str], there: target.Target, namespace: str | None) -> list[Named]:
    scope = namespace or there.namespace
    if len(words) > 1:
        kind = next((known for known in kinds.KNOWN if known.is_called(words[0])), None)
        if kind is not None:
            return [(kind, scope, name) for name in words[1:]]
    return [(kinds.FUNCTION, scope, name) for name in words]


def _until_gone(
    there: target.Target, kind: kinds.Kind, scope: str, name: str, uid: str, timeout: float
) -> None:
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
