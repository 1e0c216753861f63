"""Names of objects, labels and annotations: what Kubernetes and the objects made from ours allow.

It checks; it never shortens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from openfunction_py.api.fields import TOO_LONG, Field, FieldError
from openfunction_py.api.scheme import Resource

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123's, as a container is named
_NUMBERED_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_WORD = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

# The longest name made from a Function's is that of its Deployment.
FUNCTION_LIMIT = 63 - len("-ksvc-00001-deployment")
_LABEL_LIMITS = {"Function": FUNCTION_LIMIT, "Service": 63}
_DNS_LABEL = "lower case letters, digits and '-', starting with a letter and ending with a letter or digit"


def errors(resource: Resource, metadata: dict[str, Any]) -> Iterator[FieldError]:
    """What is wrong with an object's name, labels and annotations."""
    here = Field("metadata", metadata)
    if here["name"].text:
        yield from _name(resource, here["name"])
    elif not here["generateName"].text:
        yield here["name"].required("name or generateName must be given")
    for key, value in here["labels"].entries():
        yield from _label(key, value)
    for key, value in here["annotations"].entries():
        if not _KEY.fullmatch(key.lower()):
            yield value.invalid(f"{key!r} is no annotation key; write it like example.com/name")


def _name(resource: Resource, name: Field) -> Iterator[FieldError]:
    limit = _LABEL_LIMITS.get(resource.kind)
    form, words = (
        (_LABEL, _DNS_LABEL) if limit else (_SUBDOMAIN, f"{_DNS_LABEL.partition(',')[0]}, '-' or '.'")
    )
    if resource.kind == "Namespace":
        limit, form, words = 63, _NUMBERED_LABEL, "lower case letters, digits and '-'"
    if not form.fullmatch(name.text):
        yield name.invalid(f"{name.text!r} is no name for a {resource.kind}; use {words}")
    if len(name.text) > (limit or 253):
        yield FieldError(
            name.path,
            TOO_LONG,
            f"is {len(name.text)} characters long; a {resource.kind} name may have {limit or 253}"
            " because names of further objects are made from it",
        )


def _label(key: str, value: Field) -> Iterator[FieldError]:
    if not _KEY.fullmatch(key) or len(key.rpartition("/")[2]) > 63:
        yield value.invalid(f"{key!r} is no label key; write it like example.com/name")
    if isinstance(value.value, str) and (len(value.text) > 63 or not _WORD.fullmatch(value.text)):
        yield value.invalid(
            f"{value.text!r} is no label value; use at most 63 letters, digits, '-', '_' and '.',"
            " starting and ending with a letter or digit"
        )
