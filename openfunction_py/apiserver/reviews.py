"""The self reviews: who am I, and may I. Until roles are evaluated, a valid token may do everything.

They are answered and never stored.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

AUTHENTICATION = "authentication.k8s.io"
AUTHORIZATION = "authorization.k8s.io"
KINDS = {
    (AUTHENTICATION, "selfsubjectreviews"): "SelfSubjectReview",
    (AUTHORIZATION, "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    (AUTHORIZATION, "selfsubjectrulesreviews"): "SelfSubjectRulesReview",
}
GROUPS = ("system:masters", "system:authenticated")
_EVERYTHING = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


def answer(group: str, plural: str, *, spec: Document, user: str) -> Document | None:
    """The review with its status; None when the path names no review."""
    kind = KINDS.get((group, plural))
    if kind is None:
        return None
    found: Document = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {}}
    if kind == "SelfSubjectReview":
        return {**found, "status": {"userInfo": {"username": user, "groups": list(GROUPS)}}}
    if kind == "SelfSubjectRulesReview":
        return {**found, "spec": spec, "status": _EVERYTHING}
    return {
        **found,
        "spec": spec,
        "status": {"allowed": True, "reason": "this server evaluates no roles yet"},
    }
