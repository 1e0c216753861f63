"""What Google's framework answers in a function's place: the icon and robots file that browsers ask for, a GET.

Only for functions that answer every path; an application decides for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from functions_framework import response
from functions_framework.function import Function
from functions_framework.program import Endpoint
from functions_framework.response import Answer
from functions_framework.signatures import frameworks

_NOT_FOUND = response.plain(404, "Not Found")
_NOTHING: Answer = (200, b"", b"")


def endpoints(functions: Sequence[Function]) -> Mapping[bytes, Endpoint]:
    """The answers by path: of HTTP functions the two files, of one background function a look at its root."""
    if any(function.path for function in functions):
        return {}
    kinds = {function.signature for function in functions}
    if kinds == {"event"}:
        return {b"/": lambda _: _NOTHING}
    if kinds != {"http"} or any(frameworks.is_application(each.written) for each in functions):
        return {}
    return dict.fromkeys((b"/favicon.ico", b"/robots.txt"), lambda _: _NOT_FOUND)
