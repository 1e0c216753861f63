"""One metric instead of all triggers, where scalingModifiers say how it is made of them.

cpu and memory stay as they are: the HPA alone looks at them.
"""

from __future__ import annotations

from dataclasses import replace

from openfunction_py.api.keda import RESOURCES
from openfunction_py.api.upstream import keda as objects
from openfunction_py.autoscaling import keda
from openfunction_py.autoscaling.formula import FormulaError
from openfunction_py.autoscaling.scalers import Reading
from openfunction_py.providers.keda import specs
from openfunction_py.providers.keda.memories import Memory, Seen
from openfunction_py.providers.keda.specs import Modifiers

COMPOSITE = "composite-metric"


def compose(current: objects.ScaledObject, seen: Seen, memory: Memory) -> Seen:
    """What was seen, as the formula makes it; what was seen itself without one."""
    places = enumerate(current.spec.triggers)
    own = {one.name or f"s{place}-{one.type}" for place, one in places if one.type in RESOURCES}
    try:
        modifiers = specs.modifiers(current)
        if modifiers is None:
            return seen
        made = _made(modifiers, seen, own)
    except FormulaError as error:
        made, problems = {}, {**seen.problems, COMPOSITE: str(error)}
    else:
        problems = dict(seen.problems)
    kind = modifiers.metric_type if made and modifiers else "AverageValue"
    memory.failures[COMPOSITE] = keda.failures(memory.failures.get(COMPOSITE, 0), failed=not made)
    kept = {name: one for name, one in seen.readings.items() if name in own}
    kinds = {name: one for name, one in seen.kinds.items() if name in own}
    return replace(seen, readings={**kept, **made}, kinds={**kinds, COMPOSITE: kind}, problems=problems)


def _made(modifiers: Modifiers, seen: Seen, own: set[str]) -> dict[str, Reading]:
    """A trigger that could not be read is nil in the formula; raises FormulaError."""
    values = {name: one.value for name, one in seen.readings.items() if name not in own}
    unknown = sorted(modifiers.formula.names - values.keys() - seen.problems.keys())
    if unknown:
        raise FormulaError(
            f"the formula names {', '.join(unknown)}, and no trigger has that name; name the triggers"
        )
    value = keda.exported(modifiers.formula.value(values))
    return {COMPOSITE: Reading(value, modifiers.target, value > modifiers.activation)}
