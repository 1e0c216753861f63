"""What Pods of a function have alike, whatever runs them: the container, its variables, its labels.

It decides nothing about how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openfunction_py.api import servings
from openfunction_py.api.servings import Serving
from openfunction_py.resources import contexts, sidecars

CONTAINER = servings.CONTAINER
_LABEL = 63

Document = dict[str, Any]


def label_value(text: str) -> str:
    """A version is free text; a label is not."""
    kept = "".join(char if char.isalnum() or char in "-_." else "-" for char in text)
    return kept[:_LABEL].strip("-_.")


def split(serving: Serving) -> tuple[Document, Document, list[Document]]:
    """The user's Pod without containers, its container `function`, and the containers beside it."""
    spec = serving.spec
    pod: Document = spec.template.to_wire() if spec.template else {}
    given = pod.pop("containers", [])
    own: Document = next((one for one in given if one.get("name") == CONTAINER), {})
    if spec.image_credentials and spec.image_credentials.name:
        secrets = pod.get("imagePullSecrets", [])
        pod["imagePullSecrets"] = [*secrets, {"name": spec.image_credentials.name}]
    return pod, own, [one for one in given if one.get("name") != CONTAINER]


def environment(
    serving: Serving, function: str, given: list[Document], known: Mapping[str, str] = contexts.NOTHING
) -> list[Document]:
    """Variables in the order of openfunction.md 2.3; a later one of the same name replaces an earlier one."""
    spec = serving.spec
    protocol = [{"name": "APP_PROTOCOL", "value": sidecars.protocol(spec)}] if sidecars.is_used(spec) else []
    own: list[Document] = [
        *protocol,
        {"name": "FUNC_CONTEXT", "value": contexts.function_context(serving, function=function, known=known)},
        {
            "name": "FUNC_CONTEXT_V1BETA2",
            "value": contexts.function_context_v1beta2(serving, function=function, known=known),
        },
        *({"name": name, "value": spec.params[name]} for name in sorted(spec.params)),
        {"name": "POD_NAMESPACE", "value": serving.metadata.namespace},
    ]
    named: dict[str, Document] = {}
    for variable in (*given, *own):
        named[variable["name"]] = variable
    return list(named.values())
