"""Function → Serving: what decides a version, and the object of one version.

It does not decide when a version is due.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta, references
from openfunction_py.api.functions import Function
from openfunction_py.api.servings import Serving
from openfunction_py.lib import naming
from openfunction_py.resources import labels


def intent(function: Function, *, digest: str) -> dict[str, Any]:
    """What a version depends on: its spec with the image pinned, and the annotations that mean something."""
    return {"spec": _spec(function, digest), "annotations": _annotations(function)}


def intent_hash(function: Function, *, digest: str) -> str:
    """Digest of a version's intent, as status.serving.resourceHash keeps it."""
    return naming.digest_of(intent(function, digest=digest))


def next_name(function: Function, *, digest: str, previous: str) -> str:
    """Name of the next version: it holds the intent and the version before.

    Asked for twice through a lagging cache it is one name, and an intent that comes back is a new version.
    """
    hashed = intent_hash(function, digest=digest)
    seed = {"intent": hashed, "uid": function.metadata.uid, "previous": previous}
    return naming.child_name(function.metadata.name, f"-serving-{naming.digest_of(seed)}")


def make(function: Function, *, digest: str, name: str) -> Serving:
    """The Serving of one version."""
    metadata = function.metadata
    body: dict[str, Any] = {
        "name": name,
        "namespace": metadata.namespace,
        "labels": labels.of_function(metadata.name),
        "ownerReferences": [meta.owner_of(function).to_wire()],
    }
    annotations = _annotations(function)
    if annotations:
        body["annotations"] = annotations
    return Serving.model_validate({"metadata": body, "spec": _spec(function, digest)})


def _spec(function: Function, digest: str) -> dict[str, Any]:
    spec = function.spec
    body: dict[str, Any] = spec.serving.to_wire() if spec.serving else {}
    body.pop("runtime", None)
    body["image"] = references.pin(spec.image, digest)
    if spec.version:
        body["version"] = spec.version
    if spec.image_credentials:
        body["imageCredentials"] = spec.image_credentials.to_wire()
    return body


def _annotations(function: Function) -> dict[str, str]:
    given = function.metadata.annotations
    return {key: given[key] for key in labels.MEANT if key in given}
