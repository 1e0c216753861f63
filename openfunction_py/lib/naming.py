"""Names and digests derived from what they stand for.

It knows no kinds; the caller says what a name is made of.
"""

from __future__ import annotations

import hashlib
import json

_HASH = 32


def child_name(parent: str, suffix: str, *, limit: int = 63) -> str:
    """`parent` + `suffix`, shortened with a hash when longer than `limit` (knative.dev/pkg/kmeta/names.go)."""
    head = limit - _HASH
    if len(parent) <= limit - len(suffix):
        return parent + suffix
    if head - len(suffix) > 0:
        return parent[: head - len(suffix)] + _md5(parent) + suffix
    name = parent[:head] + _md5(parent + suffix)
    return (name + suffix[: limit - len(name)]).rstrip("-.")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest_of(value: object, *, length: int = 10) -> str:
    """Lower hexadecimal sha256 over canonical JSON, cut to `length`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
