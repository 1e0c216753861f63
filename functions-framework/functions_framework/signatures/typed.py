"""Typed functions: each parameter is filled in by its annotation, from body, path, query, headers or the event.

What a request lacks or has wrong is answered 422 with every path at once; a path variable that does not fit, 404.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from functions_framework import cloudevent, errors, exits, response, settings, signatures
from functions_framework.function import Function, Prepare, Render
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply
from functions_framework.signatures import checks, parameters
from functions_framework.signatures.parameters import Parameter

Fill = Callable[[Request, checks.Problems], Any]
_EMPTY: Reply = (200, b"", b"")


@dataclasses.dataclass(frozen=True, slots=True)
class Arguments:
    """What one call is given."""

    positional: tuple[Any, ...]
    named: dict[str, Any]


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of annotated parameters; raises StartError for a type that nothing checks."""
    surface = parameters.describe(written, note.path)
    _refuse_untyped(name, surface, note)
    single = len(surface.parameters) == 1 and not surface.parameters[0].by_name
    prepare = _one(surface.parameters[0]) if single else _all(surface.parameters)
    checked = any(each.type not in {bytes, str} for each in surface.of("body"))
    return Function(
        name=name,
        call=written if single else _unpacked(written),
        signature="typed",
        is_async=signatures.is_async(written),
        inline=note.inline,
        makes_generator=signatures.is_generator(written),
        concurrency=note.concurrency,
        prepare=_bounded(prepare, note.options.get("max_typed", settings.MAX_TYPED)) if checked else prepare,
        render=render(note),
        path=note.path,
        methods=note.methods,
        written=written,
    )


def render(note: Note) -> Render | None:
    """Declared with `@typed`, a function without result is answered 200 and nothing, as Google's framework does."""
    return _render if note.signature == "typed" else None


def _render(result: object) -> Reply:
    return _EMPTY if result is None else response.answer(result)


def _refuse_untyped(name: str, surface: parameters.Surface, note: Note) -> None:
    first = surface.parameters[0] if surface.parameters else None
    if note.signature == "typed" and first is not None and first.type is parameters.UNKNOWN and not note.path:
        raise exits.StartError(
            "InvalidFunction",
            f"{name} is declared with @typed and says no type; annotate {first.name!r} or write @typed(Type)",
        )


def _unpacked(written: Callable[..., Any]) -> Callable[[Arguments], Any]:
    return lambda given: written(*given.positional, **given.named)


def _bounded(prepare: Prepare, most: int) -> Prepare:
    """A body is checked on the loop, and by pydantic in one piece, so a thread would not let others go on either."""

    def bounded(request: Request) -> Any:
        if len(request.body) > most:
            raise errors.HttpError(
                413, f"The body has {len(request.body)} bytes; OFN_MAX_TYPED_BYTES lets {most} be checked."
            )
        return prepare(request)

    return bounded


def _one(parameter: Parameter) -> Prepare:
    fill = filler(parameter)

    def prepare(request: Request) -> Any:
        problems: checks.Problems = []
        value = fill(request, problems)
        if problems:
            raise refusal(request, problems)
        return value

    return prepare


def _all(filled: tuple[Parameter, ...]) -> Prepare:
    positional = [filler(each) for each in filled if not each.by_name]
    named = [(each.name, filler(each)) for each in filled if each.by_name]

    def prepare(request: Request) -> Arguments:
        problems: checks.Problems = []
        given = Arguments(
            tuple([fill(request, problems) for fill in positional]),
            {name: fill(request, problems) for name, fill in named},
        )
        if problems:
            raise refusal(request, problems)
        return given

    return prepare


def refusal(request: Request, problems: checks.Problems) -> errors.HttpError:
    """404 when the path itself is wrong, which then names nothing; else 422."""
    for path, message in problems:
        if path.startswith("path."):
            return errors.HttpError(404, f"Nothing is at {request.path}: {path[5:]} {message}.")
    return errors.InvalidInput(problems[: checks.MOST])


def filler(parameter: Parameter) -> Fill:
    """What takes the value of one parameter out of a request."""
    match parameter.source:
        case "request":
            return lambda request, _: request
        case "cloudevent":
            return lambda request, _: cloudevent.from_request(request)
        case "context":
            return _context()
        case "body":
            return _body(parameter)
        case "path":
            return _text(parameter, lambda request: request.path_params.get(parameter.key))
        case "header":
            return _text(parameter, lambda request: request.headers.get(parameter.key))
        case "query":
            return _query(parameter)
    raise exits.StartError(
        "InvalidFunction",
        f"the parameter {parameter.name!r} is a {parameter.source}, which stands alone: take nothing beside it",
    )


def _context() -> Fill:
    from functions_framework import context  # noqa: PLC0415  # it brings Dapr, which few functions need
    from functions_framework.context import serving  # noqa: PLC0415  # as above

    runtime = context.shared()
    return lambda request, _: serving.of_request(request, runtime)


def _query(parameter: Parameter) -> Fill:
    if parameters.takes_many(parameter.type):
        return _text(parameter, lambda request: request.args.getlist(parameter.key) or None)
    return _text(parameter, lambda request: request.args.get(parameter.key))


def _text(parameter: Parameter, read: Callable[[Request], Any]) -> Fill:
    is_pydantic = checks.is_pydantic(parameter.type)
    check = (checks.pydantic_check if is_pydantic else checks.text_check)(parameter.type)
    where = f"{parameter.source}.{parameter.key}"

    def fill(request: Request, problems: checks.Problems) -> Any:
        value = read(request)
        if value is not None:
            return check(value, where, problems)
        if parameter.required:
            problems.append((where, "is missing"))
        return parameter.default

    return fill


def _body(parameter: Parameter) -> Fill:
    if parameter.type is bytes:
        return lambda request, _: request.body
    if parameter.type is str:
        return lambda request, _: request.text
    content = _pydantic_body(parameter) if checks.is_pydantic(parameter.type) else _json_body(parameter)

    def fill(request: Request, problems: checks.Problems) -> Any:
        if request.body:
            return content(request, problems)
        if parameter.required:
            problems.append(("body", "is missing"))
        return parameter.default

    return fill


def _json_body(parameter: Parameter) -> Fill:
    check = checks.check(parameter.type)

    def fill(request: Request, problems: checks.Problems) -> Any:
        try:
            return check(request.get_json(force=True), "body", problems)
        except RecursionError:  # a type that holds itself; the chain would log a thousand frames
            raise errors.BadRequest("The body is nested too deeply.") from None

    return fill


def _is_no_json(error: Any) -> bool:
    return bool(error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid")


def _pydantic_body(parameter: Parameter) -> Fill:
    """Validates the bytes themselves, which is faster than the values that they hold."""
    import pydantic  # noqa: PLC0415  # the annotation is pydantic's, so it is here

    validate = checks.pydantic_adapter(parameter.type).validate_json

    def fill(request: Request, problems: checks.Problems) -> Any:
        try:
            return validate(request.body)
        except pydantic.ValidationError as error:
            found = checks.pydantic_problems(error, "body")
            if error.error_count() == 1 and _is_no_json(error):
                raise errors.BadRequest(f"The body is no JSON: {found[0][1]}.") from error
            problems += found
            return None

    return fill
