"""What an update of a built-in kind may not change, in kube-apiserver's words. Pure: two documents in, causes out.

Values are shown as the user wrote them; kube-apiserver shows Pods and templates with the names of its Go fields.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

from openfunction_py.api import scheme
from openfunction_py.api.fields import FORBIDDEN, INVALID
from openfunction_py.apiserver.status import Cause

Document = dict[str, Any]
Rule = Callable[[Document, Document], Iterator[Cause]]

SET_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
POD_RULE = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing"
    " tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def causes(resource: scheme.Resource, new: Document, old: Document) -> list[Cause]:
    """Every rule that an update breaks; none for kinds of ours, whose rules are admission's."""
    rule = _RULES.get((resource.group, resource.kind))
    return list(rule(new, old)) if rule else []


def carry(resource: scheme.Resource, new: Document, old: Document) -> None:
    """What an update that leaves it out keeps: the address of a Service."""
    if (resource.group, resource.kind) == ("", "Service") and _has_address(new) and _has_address(old):
        for field in ("clusterIP", "clusterIPs"):
            if field in old["spec"] and not new["spec"].get(field):
                new["spec"][field] = old["spec"][field]


def _fixed(path: str, new: Any, old: Any) -> Iterator[Cause]:
    if (new or None) != (old or None):
        yield Cause(path, INVALID, f"Invalid value: {_shown(new)}: field is immutable")


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "matchLabels" in value:
        value = {"matchLabels": value["matchLabels"], **value}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _spec(document: Document) -> Document:
    spec: Document = document.get("spec") or {}
    return spec


def _filled(spec: Document) -> Document:
    """The fields that say something: an empty list is an absent one."""
    return {name: value for name, value in spec.items() if value not in (None, [], {})}


def _selector(new: Document, old: Document) -> Iterator[Cause]:
    yield from _fixed("spec.selector", _spec(new).get("selector"), _spec(old).get("selector"))


def _stateful_set(new: Document, old: Document) -> Iterator[Cause]:
    left = [
        {name: value for name, value in _filled(_spec(one)).items() if name not in SET_MUTABLE}
        for one in (new, old)
    ]
    if left[0] != left[1]:
        named = ", ".join(f"'{name}'" for name in SET_MUTABLE[:-1])
        message = (
            f"Forbidden: updates to statefulset spec for fields other than {named} and '{SET_MUTABLE[-1]}'"
            " are forbidden"
        )
        yield Cause("spec", FORBIDDEN, message)


def _job(new: Document, old: Document) -> Iterator[Cause]:
    """An Indexed Job may change its completions together with its parallelism."""
    now, before = _spec(new), _spec(old)
    elastic = now.get("completionMode") == "Indexed" and now.get("completions") == now.get("parallelism")
    if not elastic:
        yield from _fixed("spec.completions", now.get("completions"), before.get("completions"))
    for field in ("selector", "template", "completionMode"):
        yield from _fixed(f"spec.{field}", now.get(field), before.get(field))


def _secret(new: Document, old: Document) -> Iterator[Cause]:
    yield from _fixed("type", new.get("type"), old.get("type"))
    yield from _sealed(new, old, "data")


def _config_map(new: Document, old: Document) -> Iterator[Cause]:
    yield from _sealed(new, old, "data", "binaryData")


def _sealed(new: Document, old: Document, *fields: str) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    broken = [] if new.get("immutable") else ["immutable"]
    broken += [field for field in fields if (new.get(field) or {}) != (old.get(field) or {})]
    for field in broken:
        yield Cause(field, FORBIDDEN, "Forbidden: field is immutable when `immutable` is set")


def _has_address(service: Document) -> bool:
    return bool(_spec(service).get("type") != "ExternalName")


def _service(new: Document, old: Document) -> Iterator[Cause]:
    before, now = _address(old), _address(new)
    if before and _has_address(new) and _has_address(old) and now != before:
        yield Cause("spec.clusterIPs[0]", INVALID, f"Invalid value: {_shown([now])}: may not change once set")


def _address(service: Document) -> str:
    spec = _spec(service)
    return str(spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), ""))


def _pod(new: Document, old: Document) -> Iterator[Cause]:
    now, before = _filled(_spec(new)), _filled(_spec(old))
    for field in ("containers", "initContainers"):
        if len(now.get(field) or ()) != len(before.get(field) or ()):
            yield Cause(f"spec.{field}", FORBIDDEN, "Forbidden: pod updates may not add or remove containers")
            return
    yield from _deadline(now.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    yield from _tolerations(now.get("tolerations") or [], before.get("tolerations") or [])
    munged = _with_what_may_change(now, before)
    if munged != before:
        yield Cause("spec", FORBIDDEN, f"{POD_RULE}\n{_difference(before, munged)}")


def _deadline(now: int | None, before: int | None) -> Iterator[Cause]:
    path = "spec.activeDeadlineSeconds"
    if before is None or now == before:
        return
    if now is None:
        text = "Invalid value: null: must not update from a positive integer to nil value"
        yield Cause(path, INVALID, text)
    elif now > before:
        yield Cause(path, INVALID, f"Invalid value: {now}: must be less than or equal to previous value")


def _tolerations(now: list[Document], before: list[Document]) -> Iterator[Cause]:
    def bare(one: Document) -> Document:
        return {name: value for name, value in one.items() if name != "tolerationSeconds"}

    kept = [bare(one) for one in now]
    if any(bare(one) not in kept for one in before):
        text = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
        yield Cause("spec.tolerations", FORBIDDEN, text)


def _with_what_may_change(now: Document, before: Document) -> Document:
    """The new spec with the old values where an update is free."""
    munged = dict(now)
    for field in ("containers", "initContainers"):
        if field in now:
            pairs = zip(now[field], before[field], strict=True)
            munged[field] = [{**one, "image": old.get("image")} for one, old in pairs]
    free = ["activeDeadlineSeconds", "tolerations"]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and now.get(
        "terminationGracePeriodSeconds"
    ) == 1:
        free.append("terminationGracePeriodSeconds")
    for field in free:
        munged.pop(field, None)
        if field in before:
            munged[field] = before[field]
    return munged


def _difference(before: Document, after: Document) -> str:
    old, new = (json.dumps(one, indent=1, sort_keys=True).splitlines() for one in (before, after))
    return "\n".join(list(difflib.unified_diff(old, new, lineterm=""))[2:])


_RULES: dict[tuple[str, str], Rule] = {
    ("", "ConfigMap"): _config_map,
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apps", "Deployment"): _selector,
    ("apps", "ReplicaSet"): _selector,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
}
