"""Rules of the Dapr side of a serving: components, and the triggers, inputs and outputs that name them.

A component that the Function does not declare may exist all the same: that is a warning, never a refusal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from openfunction_py.api.fields import DUPLICATE, Field, FieldError
from openfunction_py.api.rules_values import duration

_PREFIXES = {"bindings": "bindings.", "pubsub": "pubsub.", "states": "state."}


def is_used(serving: Field) -> bool:
    """Whether the function speaks to a sidecar."""
    parts = ("triggers.dapr", "triggers.inputs", "outputs", "states")
    return any(serving[part].value for part in parts)


def errors(serving: Field) -> Iterator[FieldError]:
    """What is wrong with components and with those who name them."""
    yield from _declared(serving)
    declared = types(serving)
    triggers = list(serving["triggers.dapr"].items())
    yield from _topics(triggers, declared, trigger=True)
    yield from _twice(triggers)
    for part in ("triggers.inputs", "outputs"):
        yield from _topics([one["dapr"] for one in serving[part].items()], declared, trigger=False)
    yield from _twice([one["dapr"] for one in serving["outputs"].items()])


def _declared(serving: Field) -> Iterator[FieldError]:
    for part in ("bindings", "pubsub"):
        for _, component in serving[part].entries():
            yield from _component(component, _PREFIXES[part])
    for _, state in serving["states"].entries():
        if state["spec"].present:
            yield from _component(state["spec"], _PREFIXES["states"])
    for name, component in serving["pubsub"].entries():
        if name in (serving["bindings"].value or ()):
            yield component.invalid(f"{name!r} is a binding as well; a trigger could not tell them apart")


def _component(component: Field, prefix: str) -> Iterator[FieldError]:
    if not isinstance(component.value, dict):
        return
    for part in ("type", "version"):
        if not component[part].text:
            yield component[part].required(
                f"give the {part} of the Dapr component, like {prefix}{_EXAMPLES[prefix]} and v1"
            )
    kind = component["type"].text
    if kind and not kind.startswith(prefix):
        yield component["type"].invalid(f"{kind!r} does not belong here; a type starts with {prefix!r}")
    if component["initTimeout"].text:
        yield from duration(component["initTimeout"])
    seen: set[str] = set()
    for item in component["metadata"].items():
        name = item["name"].text
        if name and name in seen:
            yield FieldError(item["name"].path, DUPLICATE, f"{name!r} is given twice")
        seen.add(name)


_EXAMPLES = {"bindings.": "cron", "pubsub.": "jetstream", "state.": "redis"}


def types(serving: Field) -> dict[str, str]:
    """Component → type, of what the Function declares for messages."""
    return {
        name: component["type"].text
        for part in ("bindings", "pubsub")
        for name, component in serving[part].entries()
    }


def _topics(items: list[Field], declared: dict[str, str], *, trigger: bool) -> Iterator[FieldError]:
    for item in items:
        name, given = item["name"].text, item["type"].text
        if not name:
            yield item["name"].required("name the Dapr component")
            continue
        kind = declared.get(name) or given
        if given and declared.get(name) and not _same(given, declared[name]):
            yield item["type"].invalid(f"{given!r} is not the type of {name}, which is {declared[name]!r}")
        if _is_pubsub(kind) and not item["topic"].text:
            yield item["topic"].required(f"{name} is a {kind}; say which topic")
        if trigger and kind.startswith("state."):
            yield item["name"].invalid(f"{name} is a {kind}; a store starts no function")


def _is_pubsub(kind: str) -> bool:
    return kind == "pubsub" or kind.startswith("pubsub.")


def _same(given: str, declared: str) -> bool:
    """`pubsub` alone says as much as `pubsub.kafka`."""
    return given == declared or declared.startswith(f"{given}.")


def _twice(items: list[Field]) -> Iterator[FieldError]:
    """Two that are alike would be one message handled twice, or one key for two places."""
    seen: set[tuple[str, ...]] = set()
    for item in items:
        key = tuple(item[part].text for part in ("name", "topic", "operation", "inputName", "outputName"))
        if key[0] and key in seen:
            yield FieldError(item["name"].path, DUPLICATE, f"{key[0]!r} is given twice alike")
        seen.add(key)


def warnings(serving: Field) -> Iterator[str]:
    """Components that must stand elsewhere, names that are no longer needed, and what was renamed."""
    declared = types(serving)
    items = [*serving["triggers.dapr"].items()]
    items += [one["dapr"] for part in ("triggers.inputs", "outputs") for one in serving[part].items()]
    for item in items:
        name = item["name"].text
        if name not in declared:
            near = difflib.get_close_matches(name, declared, 1)
            hint = f"did you mean {near[0]}?" if near else "a Component of that name must exist"
            yield f"{item['name'].path}: {name} is not declared here; {hint}"
        for old in ("inputName", "outputName"):
            if item[old].text:
                yield f"{item[old].path}: is deprecated; the component's name is enough"
    for name, kind in declared.items():
        if kind == "pubsub.natsstreaming":
            path = serving["pubsub"][name].path
            yield f"{path}: NATS Streaming is no more; JetStream at the same address is used"
