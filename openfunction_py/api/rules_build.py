"""Rules of `spec.build` and of a Builder's spec.

`build.builder` may be missing: the strategy has a default.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from openfunction_py.api.fields import Field, FieldError
from openfunction_py.api.rules_values import at_least, duration, one_of

# A ConfigMap holds the files; the API server refuses one above a mebibyte.
INLINE_LIMIT = 900_000


def errors(build: Field) -> Iterator[FieldError]:
    """What is wrong with a build."""
    yield from _source(build["srcRepo"])
    for name in ("timeout", "builderMaxAge", "shipwright.timeout"):
        yield from duration(build[name])
    for name in ("successfulBuildsHistoryLimit", "failedBuildsHistoryLimit"):
        yield from at_least(build[name], 0)
    yield from one_of(build["shipwright.strategy.kind"], "BuildStrategy", "ClusterBuildStrategy")
    yield from _params(build["shipwright.params"])
    for key, value in build["env"].entries():
        if not key or "=" in key or "\0" in key:
            yield value.invalid(f"{key!r} is no name of a variable; it may not be empty or hold '='")


def _source(source: Field) -> Iterator[FieldError]:
    if source.present and not isinstance(source.value, dict):
        return
    named = [name for name in ("url", "inline") if source[name].value]
    named += ["bundleContainer"] if source["bundleContainer"].present else []
    if not named:
        yield source.required(
            "say where the source is: inline (file name → text), url (git), or bundleContainer"
        )
    if source["bundleContainer"].present and not source["bundleContainer.image"].text:
        yield source["bundleContainer.image"].required("name the image that holds the source")
    if source["inline"].value and len(named) > 1:
        yield source["inline"].forbidden("inline source stands alone; remove url and bundleContainer")
    yield from _inline(source["inline"])
    if _leaves(source["sourceSubPath"].text):
        yield source["sourceSubPath"].invalid("must stay inside the source; remove '..' and a leading '/'")


def _inline(inline: Field) -> Iterator[FieldError]:
    size = 0
    for name, text in inline.entries():
        size += len(text.text.encode())
        if not name or name.endswith("/") or _leaves(name):
            yield text.invalid(f"{name!r} is no file name inside the source")
    if size > INLINE_LIMIT:
        yield inline.invalid(f"holds {size} bytes; above {INLINE_LIMIT}, use git or a source bundle")


def _leaves(path: str) -> bool:
    return path.startswith("/") or posixpath.normpath(path or ".").split("/")[0] == ".."


def _params(params: Field) -> Iterator[FieldError]:
    seen: set[str] = set()
    for param in params.items():
        name = param["name"].text
        if name in seen:
            yield param["name"].invalid(f"{name!r} is given twice")
        seen.add(name)
        given = [one for one in ("value", "configMapValue", "secretValue", "values") if param[one].present]
        if len(given) != 1:
            yield param.invalid("give exactly one of value, values, configMapValue and secretValue")
