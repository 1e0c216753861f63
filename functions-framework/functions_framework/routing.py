"""Path templates and methods: which of several functions answers a request.

`{name}` is one segment, `{name:regex}` what the expression matches; OpenFunction's own spelling (chi's).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from functions_framework import errors
from functions_framework.function import Function
from functions_framework.request import Request

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::((?:[^{}]|\{[0-9,]+\})+))?\}")


class Router:
    """Templates in the order of the most literal first; built once, asked for each request."""

    def __init__(self, functions: Sequence[Function]) -> None:
        ordered = sorted(functions, key=_specificity)
        self._routes = [(compiled(function.path), function) for function in ordered]

    def find(self, request: Request) -> Function:
        """The function that answers this request; its path variables are in `request.path_params` afterwards.

        Raises:
            HttpError: 404 for a path that no function has, 405 for a method that none of its functions has.
        """
        allowed: set[str] = set()
        path = request.path
        for pattern, function in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if _accepts(function, request.method):
                request.path_params = found.groupdict()
                return function
            allowed |= function.methods
        if allowed:
            raise errors.MethodNotAllowed(allowed)
        raise errors.HttpError(404, f"No function answers {path}.")


def compiled(template: str) -> re.Pattern[str]:
    """The expression of a template; the empty template matches every path; raises ValueError for a broken one."""
    if not template:
        return re.compile(r".*", re.DOTALL)
    parts, end = [], 0
    for variable in _VARIABLE.finditer(template):
        parts.append(re.escape(template[end : variable.start()]))
        parts.append(f"(?P<{variable[1]}>{variable[2] or '[^/]+'})")
        end = variable.end()
    parts.append(re.escape(template[end:]))
    try:
        return re.compile("".join(parts))
    except re.error as error:
        raise ValueError(f"the path {template!r} is no template: {error}") from error


def variables(template: str) -> list[str]:
    """The names of a template's variables, in order."""
    return [found[1] for found in _VARIABLE.finditer(template)]


def _accepts(function: Function, method: str) -> bool:
    methods = function.methods
    return not methods or method in methods or (method == "HEAD" and "GET" in methods)


def _specificity(function: Function) -> tuple[bool, int, int]:
    """Literal paths first, then few variables, then long templates; what answers every path comes last."""
    variables = len(_VARIABLE.findall(function.path))
    return not function.path, variables, -len(function.path)
