"""Function → Builder: what decides a build, and the object of one attempt.

It does not decide when an attempt is due.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta, references
from openfunction_py.api.builders import Builder
from openfunction_py.api.functions import Function
from openfunction_py.lib import naming
from openfunction_py.resources import labels

# Settings of a build that leave its result the same: a change of one makes no new Builder.
_BESIDE_INTENT = (
    "successfulBuildsHistoryLimit",
    "failedBuildsHistoryLimit",
    "builderMaxAge",
    "timeout",
    "state",
)


def intent(function: Function) -> dict[str, Any]:
    """What the image depends on."""
    spec = _spec(function)
    for name in _BESIDE_INTENT:
        spec.pop(name, None)
    return spec


def intent_hash(function: Function) -> str:
    """Digest of the build intent, as status.build.resourceHash keeps it."""
    return naming.digest_of(intent(function))


def next_name(function: Function, *, previous: str) -> str:
    """Name of the next attempt: it holds the intent and the attempt before.

    Asked for twice through a lagging cache it is one name, and an intent that comes back is a new attempt.
    """
    seed = {"intent": intent_hash(function), "uid": function.metadata.uid, "previous": previous}
    return naming.child_name(function.metadata.name, f"-builder-{naming.digest_of(seed)}")


def make(function: Function, *, name: str) -> Builder:
    """The Builder of one attempt."""
    metadata = function.metadata
    return Builder.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": metadata.namespace,
                "labels": labels.of_function(metadata.name),
                "ownerReferences": [meta.owner_of(function).to_wire()],
            },
            "spec": _spec(function),
        }
    )


def _spec(function: Function) -> dict[str, Any]:
    build = function.spec.build.to_wire() if function.spec.build else {}
    spec: dict[str, Any] = {**build, "image": references.clean(function.spec.image)}
    if function.spec.image_credentials:
        spec["imageCredentials"] = function.spec.image_credentials.to_wire()
    return spec
