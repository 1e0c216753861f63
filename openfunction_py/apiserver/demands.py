"""What Pods, and what makes them, must say to be stored, in kube-apiserver's words. Pure: a document in, causes out.

Only what somebody here would stumble over: kinds of ours have admission's rules, and values that nothing reads none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from openfunction_py.api import names, scheme
from openfunction_py.api.fields import DUPLICATE, INVALID, NOT_SUPPORTED, REQUIRED
from openfunction_py.apiserver.status import Cause

Document = dict[str, Any]
Rule = Callable[[Document], Iterator[Cause]]

MISMATCH = "`selector` does not match template `labels`"
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
    " with an alphanumeric character, of at most 63 characters"
)


def causes(resource: scheme.Resource, new: Document, old: Document | None) -> list[Cause]:
    """Everything that is missing or wrong; of an update that leaves the spec alone nothing, or it could not end."""
    rule = _RULES.get((resource.group, resource.kind))
    if rule is None or (old is not None and _spec(new) == _spec(old)):
        return []
    return list(rule(_spec(new)))


def _spec(document: Document) -> Document:
    spec: Document = document.get("spec") or {}
    return spec


def _pod(spec: Document) -> Iterator[Cause]:
    yield from _pod_spec(spec, "spec", ("Always", "OnFailure", "Never"))


def _workload(spec: Document) -> Iterator[Cause]:
    template = spec.get("template") or {}
    yield from _counts(spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    yield from _selector(spec.get("selector") or {}, (template.get("metadata") or {}).get("labels") or {})
    yield from _pod_spec(_spec(template), "spec.template.spec", ("Always",))


def _job(spec: Document) -> Iterator[Cause]:
    yield from _counts(spec, "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds")
    inside, path = _spec(spec.get("template") or {}), "spec.template.spec"
    if (inside.get("restartPolicy") or "Always") == "Always":
        yield Cause(f"{path}.restartPolicy", REQUIRED, 'Required value: valid values: "OnFailure", "Never"')
        inside = {**inside, "restartPolicy": "Never"}
    yield from _pod_spec(inside, path, ("OnFailure", "Never"))


def _counts(spec: Document, *fields: str) -> Iterator[Cause]:
    for name in fields:
        value = spec.get(name)
        if isinstance(value, int) and value < 0:
            text = f"Invalid value: {value}: must be greater than or equal to 0"
            yield Cause(f"spec.{name}", INVALID, text)


def _selector(selector: Document, labels: dict[str, str]) -> Iterator[Cause]:
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield Cause("spec.selector", REQUIRED, "Required value")
    elif not _selects(selector, labels):
        shown = json.dumps(labels, separators=(",", ":"), ensure_ascii=False)
        yield Cause("spec.template.metadata.labels", INVALID, f"Invalid value: {shown}: {MISMATCH}")


def _selects(selector: Document, labels: dict[str, str]) -> bool:
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def _holds(expression: Document, labels: dict[str, str]) -> bool:
    key, values = expression.get("key", ""), expression.get("values") or ()
    return {
        "In": key in labels and labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(expression.get("operator", ""), False)


def _pod_spec(spec: Document, path: str, restarts: tuple[str, ...]) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield Cause(f"{path}.containers", REQUIRED, "Required value")
    taken: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield from _container(container, f"{path}.{field}[{index}]", taken)
    restart = spec.get("restartPolicy") or restarts[0]
    if restart not in restarts:
        supported = ", ".join(f'"{one}"' for one in restarts)
        text = f"Unsupported value: {json.dumps(restart)}: supported values: {supported}"
        yield Cause(f"{path}.restartPolicy", NOT_SUPPORTED, text)


def _container(container: Document, path: str, taken: set[str]) -> Iterator[Cause]:
    name = container.get("name") or ""
    if not name:
        yield Cause(f"{path}.name", REQUIRED, "Required value")
    elif not names.DNS_LABEL.fullmatch(name):
        yield Cause(f"{path}.name", INVALID, f"Invalid value: {json.dumps(name)}: {LABEL_RULE}")
    elif name in taken:
        yield Cause(f"{path}.name", DUPLICATE, f"Duplicate value: {json.dumps(name)}")
    taken.add(name)
    if not container.get("image"):
        yield Cause(f"{path}.image", REQUIRED, "Required value")


_RULES: dict[tuple[str, str], Rule] = {
    ("", "Pod"): _pod,
    ("apps", "Deployment"): _workload,
    ("apps", "ReplicaSet"): _workload,
    ("apps", "StatefulSet"): _workload,
    ("batch", "Job"): _job,
}
