"""Path templates and methods: which of several functions answers a request.

`{name}` is one segment, `{name:regex}` what the expression matches; OpenFunction's own spelling (chi's).
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence

from functions_framework import errors, exits, response
from functions_framework.function import Function
from functions_framework.request import Request

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::((?:[^{}]|\{[0-9,]+\})+))?\}")

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2, a token

_REMEMBERED = 256  # paths; whoever asks for ever new ones fills no memory


class Router:
    """Templates in the order of the most literal first; built once, asked for each request."""

    def __init__(self, functions: Sequence[Function]) -> None:
        ordered = sorted(functions, key=_specificity)
        self._routes = [(compiled(function.path), function) for function in ordered]
        self._known: dict[tuple[str, bytes], Function] = {}  # what was asked at paths without variables

    def find(self, request: Request) -> Function:
        """The function that answers this request; its path variables are in `request.path_params` afterwards.

        OPTIONS of a path whose functions name their methods and not this one is answered with those.

        Raises:
            HttpError: 404 for a path that no function has, 405 for a method that none of its functions has.
        """
        asked = (request.method, request.raw_path)
        known = self._known.get(asked)
        if known is not None:
            return known
        allowed: set[str] = set()
        path = request.path
        for pattern, function in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if _accepts(function, request.method):
                if pattern.groups:
                    request.path_params = found.groupdict()
                elif function.path and len(self._known) < _REMEMBERED:
                    self._known[asked] = function
                return function
            allowed |= function.methods
        if allowed:
            return _options(allowed, request.method)
        raise errors.HttpError(404, f"No function answers {path}.")


def spread(functions: Sequence[Function]) -> tuple[Function, ...]:
    """The functions with a path each: one of several without a path answers at `/{name}`; a single one everything.

    Raises:
        StartError: InvalidFunction for two functions that would answer the same request, or a path that is none.
    """
    several = len(functions) > 1
    placed = tuple(
        dataclasses.replace(each, path=f"/{each.name}") if several and not each.path else each
        for each in functions
    )
    for each in placed:
        _check_declared(each)
    for one, other in itertools.combinations(placed, 2):
        _check_apart(one, other)
    return placed


def _check_declared(function: Function) -> None:
    if not isinstance(function.concurrency, int) or function.concurrency < 0:
        raise exits.StartError(
            "InvalidFunction", f"{function.name}: concurrency is {function.concurrency!r}; use 0 or more"
        )
    for method in function.methods:
        if not _METHOD.fullmatch(method):
            raise exits.StartError("InvalidFunction", f"{function.name}: {method!r} is no method of HTTP")
    try:
        compiled(function.path)
    except ValueError as error:
        raise exits.StartError("InvalidFunction", f"{function.name}: {error}") from error
    if function.path and not function.path.startswith("/"):
        raise exits.StartError(
            "InvalidFunction", f"{function.name}: the path {function.path!r} does not begin with a slash"
        )


def _check_apart(one: Function, other: Function) -> None:
    if _shape(one.path) != _shape(other.path) or bool(one.methods) != bool(other.methods):
        return
    shared = one.methods & other.methods
    if shared or not one.methods:
        raise exits.StartError(
            "InvalidFunction",
            f"{one.name} and {other.name} both answer {' and '.join(sorted(shared)) or 'every method'} at "
            f"{one.path}; give one another path or method",
        )


def _shape(template: str) -> str:
    """The template without the names of its variables."""
    return _VARIABLE.sub(lambda found: f"{{{found[2] or ''}}}", template)


def _options(allowed: Iterable[str], method: str) -> Function:
    """What answers for a path without this method."""
    if method != "OPTIONS":
        raise errors.MethodNotAllowed(allowed)
    told = response.Response(None, 204, {"allow": ", ".join(errors.with_implied(allowed))})
    return Function("OPTIONS", lambda _: told, "http", is_async=False, inline=True)


def compiled(template: str) -> re.Pattern[str]:
    """The expression of a template; the empty template matches every path; raises ValueError for a broken one."""
    if not template:
        return re.compile(r".*", re.DOTALL)
    parts, end = [], 0
    found = list(_VARIABLE.finditer(template))
    for variable, after in itertools.zip_longest(found, found[1:]):
        parts.append(re.escape(template[end : variable.start()]))
        end = variable.end()
        told = variable[2] or _text_before(template[end : after.start()] if after else "/", template)
        parts.append(f"(?P<{variable[1]}>{told})")
    parts.append(re.escape(template[end:]))
    if "{" in _VARIABLE.sub("", template) or "}" in _VARIABLE.sub("", template):
        raise ValueError(
            f"the path {template!r} is no template: write a variable as {{name}} or {{name:regex}}"
        )
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise ValueError(f"the path {template!r} is no template: {error}") from error


def _text_before(between: str, template: str) -> str:
    """The expression of a variable, given what stands between it and the next.

    Of two in one segment the first ends where that text first begins, as in chi: were every split tried, a long path
    that fits none would hold the loop for seconds.
    """
    if not between:
        raise ValueError(f"the path {template!r} is no template: two variables have nothing between them")
    return "[^/]+" if "/" in between else f"[^/{re.escape(between[0])}]+"


def variables(template: str) -> list[str]:
    """The names of a template's variables, in order."""
    return [found[1] for found in _VARIABLE.finditer(template)]


def expressions(template: str) -> dict[str, str]:
    """The expression of each of a template's variables, by name; empty for one segment of any text."""
    return {found[1]: found[2] or "" for found in _VARIABLE.finditer(template)}


def plain(template: str) -> str:
    """The template with its variables' names alone, as OpenAPI writes it."""
    return _VARIABLE.sub(r"{\1}", template)


def _accepts(function: Function, method: str) -> bool:
    methods = function.methods
    return not methods or method in methods or (method == "HEAD" and "GET" in methods)


def _specificity(function: Function) -> tuple[bool, int, int, bool]:
    """Literal paths first, then few variables, then long templates; what answers every path or method comes last."""
    count = len(_VARIABLE.findall(function.path))
    return not function.path, count, -len(function.path), not function.methods
