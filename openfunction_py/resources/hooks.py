"""Plugins around a function and its tracing, from the manifest or the older annotations.

The manifest's own fields win over annotations.
"""

from __future__ import annotations

from typing import Any

import yaml

from openfunction_py.api.servings import Serving
from openfunction_py.resources import labels

Names = list[str]


def of(serving: Serving) -> tuple[Names, Names]:
    """Names of plugins before and after the function; an enabled tracer comes last before and first after."""
    declared = serving.spec.hooks
    before, after = (list(declared.pre), list(declared.post)) if declared else _annotated(serving)
    tracer = _tracer(serving)
    if tracer:
        before = [*(name for name in before if name != tracer), tracer]
        after = [tracer, *(name for name in after if name != tracer)]
    return before, after


def tracing(serving: Serving) -> dict[str, Any]:
    """The tracing in force; empty when there is none."""
    if serving.spec.tracing is not None:
        return serving.spec.tracing.to_wire()
    return _document(serving.metadata.annotations.get(labels.PLUGINS_TRACING, ""))


def _tracer(serving: Serving) -> str:
    settings = tracing(serving)
    provider = settings.get("provider") or {}
    return str(provider.get("name") or "") if settings.get("enabled") else ""


def _annotated(serving: Serving) -> tuple[Names, Names]:
    """`order` names both sides at once, the second reversed; explicit lists win."""
    given = _document(serving.metadata.annotations.get(labels.PLUGINS, ""))
    order = _names(given.get("order"))
    return _names(given.get("pre")) or order, _names(given.get("post")) or order[::-1]


def _names(value: object) -> Names:
    return [str(one) for one in value] if isinstance(value, list) else []


def _document(text: str) -> dict[str, Any]:
    """A YAML annotation; one that is no map counts as absent, as its author cannot be asked here."""
    try:
        value = yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}
