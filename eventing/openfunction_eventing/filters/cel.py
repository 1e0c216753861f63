"""Filters written in CEL over `event` (attributes) and `data` (the body): text → clause.

An expression without a value for an event does not pass it.
"""

from __future__ import annotations

import functools

from openfunction_eventing.filters import clause, evaluation, syntax
from openfunction_eventing.filters.clause import Anchor, Clause, Form, Group
from openfunction_eventing.filters.evaluation import EvaluationError
from openfunction_eventing.filters.facts import Facts
from openfunction_eventing.filters.syntax import Node, ParseError

_FORMS = {"startsWith": Form.PREFIX, "endsWith": Form.SUFFIX}


@functools.lru_cache(maxsize=1024)
def compile(text: str) -> Clause:  # noqa: A001 - the field's word; callers write cel.compile
    """The clause of an expression.

    Raises:
        ParseError: it cannot be read, or is known never to give true or false.
    """
    tree = syntax.parse(text)
    value = evaluation.compile(tree)
    if evaluation.is_boolean(tree) is False:
        raise ParseError("gives no truth value; compare something, like data.total > 10", tree.at)

    def passes(facts: Facts) -> bool:
        try:
            return value(facts) is True
        except EvaluationError:
            return False

    def why(facts: Facts) -> str:
        try:
            found = value(facts)
        except EvaluationError as error:
            return f"cel {text}: {error}"
        return "" if found is True else f"cel {text}"

    return Clause(passes, why, groups(tree))


def groups(tree: Node) -> tuple[Group, ...]:
    """What an event must hold for the expression to be true."""
    if isinstance(tree, syntax.Binary):
        if tree.sign == "&&":
            return clause.both(groups(tree.left), groups(tree.right))
        if tree.sign == "||":
            return clause.either(groups(tree.left), groups(tree.right))
        return _compared(tree)
    if isinstance(tree, syntax.Call) and tree.of is not None and tree.name in _FORMS:
        return _part(tree, tree.of)
    return ()


def _compared(tree: syntax.Binary) -> tuple[Group, ...]:
    left, right = tree.left, tree.right
    if tree.sign == "==":
        if isinstance(left, syntax.Literal):
            left, right = right, left
        place = path(left)
        if place and isinstance(right, syntax.Literal):
            return ((Anchor(Form.IS, place, right.value),),)
    if tree.sign == "in" and isinstance(right, syntax.Items):
        place = path(left)
        values = [one.value for one in right.items if isinstance(one, syntax.Literal)]
        if place and values and len(values) == len(right.items):
            return (tuple(Anchor(Form.IS, place, value) for value in values),)
    return ()


def _part(tree: syntax.Call, of: Node) -> tuple[Group, ...]:
    place, argument = path(of), tree.arguments[0]
    if place and isinstance(argument, syntax.Literal) and isinstance(argument.value, str) and argument.value:
        return ((Anchor(_FORMS[tree.name], place, argument.value),),)
    return ()


def path(tree: Node) -> tuple[str, ...]:
    """`data.a["b"]` → ("data", "a", "b"); empty for everything else."""
    if isinstance(tree, syntax.Name):
        return (tree.name,)
    if isinstance(tree, syntax.Select):
        above, key = path(tree.of), tree.field
    elif isinstance(tree, syntax.Index) and isinstance(tree.key, syntax.Literal):
        above, key = path(tree.of), tree.key.value if isinstance(tree.key.value, str) else ""
    else:
        return ()
    return (*above, key) if above and key else ()
