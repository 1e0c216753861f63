"""ofn apply and create: manifests to the server, local folders packed into source bundles on the way."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from openfunction_py.cli import failures, kinds, manifests, options, output, target, waiting
from openfunction_py.kube import errors

APPLY = {"Content-Type": "application/apply-patch+yaml"}


def apply(
    file: Annotated[
        list[str],
        typer.Option("-f", "--filename", help="Manifest, folder of manifests, or -."),
    ],
    namespace: options.Namespace = None,
    wait: options.Wait = False,
    timeout: options.Timeout = 600.0,
    context: options.Context = None,
) -> None:
    """Make the server hold what the manifests say; nothing is stored when one of them is refused.

    A `srcRepo.url` that is a folder, such as ./, is packed and stored beside the images.

    Example: ofn apply -f samples/hello-python --wait
    """
    there = target.resolve(context)
    documents = [document for name in file for document in manifests.read(name)]
    planned = [plan(there, document, namespace) for document in documents]
    # what lives in a namespace of the same manifests can be stored after it, and tried only then
    planned.sort(key=lambda entry: entry.kind.plural != "namespaces")
    made = {entry.name for entry in planned if entry.kind.plural == "namespaces"}
    known = [entry for entry in planned if entry.namespace not in made or _exists(there, entry.namespace)]
    refused = [line for entry in known for line in send(there, entry, dry=True)[1]]
    if refused:
        raise failures.Failure("nothing was applied:\n  " + "\n  ".join(refused))
    for entry in planned:
        stored, problems = send(there, entry, dry=False)
        if problems:
            raise failures.Failure("\n  ".join(problems))
        output.data(f"{entry.kind.kind.lower()} {stored['metadata']['name']} {_verb(stored)}")
    if wait:
        for entry in planned:
            if entry.kind is kinds.FUNCTION:
                item = waiting.until_ready(there, entry.name, entry.namespace, timeout)
                output.data(waiting.url(item) or f"{entry.name} is ready")


def _exists(there: target.Target, namespace: str) -> bool:
    code, _ = there.door.request("GET", kinds.NAMESPACE.place("", namespace))
    return code < 400


class Planned:
    """A document with its kind and place on the server, local folders replaced by bundles."""

    __slots__ = ("document", "kind", "name", "namespace", "value")

    def __init__(self, document: manifests.Document, kind: kinds.Kind, namespace: str) -> None:
        """Plan one document."""
        self.document, self.kind, self.namespace = document, kind, namespace
        self.value = copy.deepcopy(document.value)
        self.name: str = self.value["metadata"]["name"]


def plan(there: target.Target, document: manifests.Document, namespace: str | None) -> Planned:
    """Find the kind of a document and pack its local source.

    Raises:
        Failure: unknown kind or version, no name, or a folder that cannot be packed.
    """
    value = document.value
    api_version, kind = str(value.get("apiVersion", "")), str(value.get("kind", ""))
    found = kinds.of_document(api_version, kind, there.door)
    if found is None:
        raise failures.Failure(_unknown(there, document, api_version, kind))
    meta = value.get("metadata", {})
    if not meta.get("name"):
        raise failures.Failure(f"{document.place('metadata')}: metadata.name is missing")
    scope = meta.get("namespace") or namespace or there.namespace
    try:
        found.place(scope, meta["name"])
    except failures.UsageFailure as failure:
        raise failures.Failure(f"{document.place('metadata.name')}: {failure}") from failure
    if found.namespaced and namespace and scope != namespace:
        raise failures.Failure(
            f"{document.place('metadata.namespace')}: {meta['name']} belongs to namespace {scope}, and -n says "
            f"{namespace}; leave one of them out"
        )
    entry = Planned(document, found, scope)
    if found.namespaced:
        entry.value["metadata"]["namespace"] = scope
    if found is kinds.FUNCTION:
        _pack_local_source(there, entry)
    return entry


def _unknown(there: target.Target, document: manifests.Document, api_version: str, kind: str) -> str:
    place = document.place("kind")
    if not api_version or not kind:
        return f"{place}: a manifest needs apiVersion and kind, such as {kinds.FUNCTION.api_version} Function"
    known = sorted({k.api_version for k in [*kinds.KNOWN, *kinds.discover(there.door)] if k.kind == kind})
    if known:
        return f"{place}: {kind} is not served as {api_version}; use apiVersion: {' or '.join(known)}"
    return f"{place}: the server has no kind {kind} ({api_version}); start what serves it, or take it out"


def _pack_local_source(there: target.Target, entry: Planned) -> None:
    repo: Any = entry.value
    for key in ("spec", "build", "srcRepo"):
        repo = repo.get(key) if isinstance(repo, dict) else None
    url = repo.get("url") if isinstance(repo, dict) else None
    if not isinstance(url, str) or not re.match(r"^(\.{1,2}(/|$)|/|file:(?!//))", url):
        return
    folder = (entry.document.origin.parent / url.removeprefix("file:")).resolve()
    place = entry.document.place("spec.build.srcRepo.url")
    if not folder.is_dir():
        raise failures.Failure(f"{place}: {url} is no folder ({folder})")
    if there.home is None:
        raise failures.Failure(
            f"{place}: a local folder needs a registry on a cluster; give a git URL, or use ofn up"
        )
    from openfunction_builder import images, reasons, sources  # noqa: PLC0415 - only when something is packed

    name = f"openfunction/source/{entry.namespace}/{entry.name}"
    try:
        digest = sources.bundle(folder, images.Layout(there.home.images), name)
    except (reasons.BuildError, OSError) as error:
        raise failures.Failure(f"{place}: {url} cannot be packed: {error}") from error
    repo.pop("url")
    repo["bundleContainer"] = {"image": f"{name}@{digest}"}


def send(there: target.Target, entry: Planned, *, dry: bool) -> tuple[dict[str, Any], list[str]]:
    """Server-side apply of one document; the stored object, or a line per error with file and line."""
    params = {"fieldManager": target.MANAGER, "force": "true", "fieldValidation": "Warn"}
    if dry:
        params["dryRun"] = "All"
    path = entry.kind.place(entry.namespace, entry.name)
    body = json.dumps(entry.value).encode()
    code, content = there.door.request("PATCH", path, params=params, body=body, headers=APPLY)
    if code < 400:
        answer = json.loads(content)
        if dry:
            for warning in there.door.warnings:
                output.talk(f"{entry.document.place()}: warning: {warning}")
        return {**answer, "_created": code == 201}, []
    error = errors.from_status(code, content)
    causes = error.details.get("causes") or []
    if not causes:
        return {}, [f"{entry.document.place()}: {error.message}"]
    return {}, [
        f"{entry.document.place(c.get('field', ''))}: {c.get('field', '')}: {c['message']}" for c in causes
    ]


def _verb(stored: dict[str, Any]) -> str:
    return "created" if stored.get("_created") else "configured"


def create(
    name: Annotated[str, typer.Argument(help="Name of the Function.")],
    source: Annotated[Path, typer.Option("--source", help="Folder with main.py.")],
    function: Annotated[str, typer.Option("--function", help="Function in main.py to call.")] = "main",
    image: Annotated[str | None, typer.Option(help="Name of the image.")] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="KEY=VALUE for the running function.")
    ] = None,
    namespace: options.Namespace = None,
    wait: options.Wait = True,
    timeout: options.Timeout = 600.0,
    context: options.Context = None,
) -> None:
    """Build a folder and serve it, without a manifest of your own.

    Example: ofn create hello --source samples/hello-python --function hello
    """
    if not source.is_dir():
        raise failures.UsageFailure(f"--source {source} is no folder")
    there = target.resolve(context)
    params = dict(_variable(pair) for pair in env or [])
    value = manifest(
        name,
        function=function,
        image=image or f"functions/{name}:latest",
        url=f"{source.resolve()}/",
        params=params,
    )
    document = manifests.Document(value, source, {})
    entry = plan(there, document, namespace)
    stored, problems = send(there, entry, dry=False)
    if problems:
        raise failures.Failure("\n  ".join(problems))
    output.talk(f"function {name} {_verb(stored)}")
    if wait:
        output.data(waiting.url(waiting.until_ready(there, name, entry.namespace, timeout)))


def _variable(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise failures.UsageFailure(f"--env {pair!r} is no variable; write it as KEY=VALUE")
    return name, value


def manifest(
    name: str, *, function: str, image: str, url: str, params: dict[str, str] | None = None
) -> dict[str, Any]:
    """A Function manifest for a folder or a git URL."""
    serving: dict[str, Any] = {"triggers": {"http": {}}}
    if params:
        serving["params"] = params
    return {
        "apiVersion": kinds.FUNCTION.api_version,
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "image": image,
            "build": {"env": {"FUNC_NAME": function}, "srcRepo": {"url": url}},
            "serving": serving,
        },
    }
