"""Trigger documents compiled: rules by topic, an index over their filters, and who keeps state.

Pure, and never changed: another set of documents makes another plan.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from functions_framework import errors
from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import conditions
from openfunction_eventing.conditions import Condition
from openfunction_eventing.documents import Subscriber, Trigger
from openfunction_eventing.filters import dialects, index
from openfunction_eventing.filters.clause import Clause
from openfunction_eventing.filters.facts import Facts
from openfunction_eventing.filters.syntax import ParseError

# Beyond so many inputs nobody tries all combinations: the condition simply keeps state.
_TRIED = 8


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One subscriber of one trigger, compiled; `stateful` when an event alone does not decide its condition."""

    trigger: Trigger
    number: int
    subscriber: Subscriber
    condition: Condition
    clause: Clause
    stateful: bool

    @property
    def name(self) -> str:
        """The subscriber for the journal and the log."""
        return f"{self.trigger.namespace}/{self.trigger.name}[{self.number}]"

    @property
    def key(self) -> str:
        """The subscriber for what is remembered: another for an object made anew."""
        return f"{self.trigger.key}[{self.number}]"

    def inputs(self, topic: str) -> list[str]:
        """The inputs of a topic that the condition names."""
        return [
            one.name
            for one in self.trigger.inputs
            if one.topic == topic and one.name in self.condition.inputs
        ]


@dataclass(frozen=True, slots=True)
class Fault:
    """A subscriber that cannot be used, and why."""

    trigger: str
    problem: str


class Plan:
    """Every rule of a bus."""

    def __init__(self, triggers: Iterable[Trigger] = ()) -> None:
        """Compile; what cannot be is in `faults`, and the rest works."""
        self.faults: list[Fault] = []
        self.rules: list[Rule] = []
        self._by_topic: defaultdict[str, list[Rule]] = defaultdict(list)
        self._stateful: defaultdict[str, list[Trigger]] = defaultdict(list)
        for trigger in triggers:
            self._add(trigger)
        self._index = index.Index(
            index.Entry(rule, rule.clause, frozenset(_topics(rule))) for rule in self.rules
        )

    def _add(self, trigger: Trigger) -> None:
        made = [
            rule
            for number, one in enumerate(trigger.subscribers)
            for rule in self._rule(trigger, number, one)
        ]
        self.rules += made
        for rule in made:
            for topic in _topics(rule):
                self._by_topic[topic].append(rule)
        watched = {one for rule in made if rule.stateful for one in _topics(rule)}
        for topic in watched:
            self._stateful[topic].append(trigger)

    def _rule(self, trigger: Trigger, number: int, subscriber: Subscriber) -> Iterator[Rule]:
        try:
            condition = conditions.compile(subscriber.condition, [one.name for one in trigger.inputs])
            clause = dialects.compile(list(subscriber.filters))
        except (ParseError, dialects.FilterError) as error:
            self.faults.append(
                Fault(f"{trigger.namespace}/{trigger.name}", f"subscribers[{number}]: {error}")
            )
            return
        yield Rule(trigger, number, subscriber, condition, clause, _is_stateful(condition))

    @property
    def topics(self) -> frozenset[str]:
        """What has to be read."""
        return frozenset(self._by_topic)

    def of(self, topic: str) -> Sequence[Rule]:
        """The rules that look at a topic."""
        return self._by_topic.get(topic, ())

    def matches(self, topic: str, event: CloudEvent) -> list[Rule]:
        """The rules whose filters an event passes; conditions come after."""
        return [entry.owner for entry in self._index.matches(topic, facts(event))]

    def stateful(self, topic: str) -> Sequence[Trigger]:
        """The triggers that have to remember an event of a topic."""
        return self._stateful.get(topic, ())


def facts(event: CloudEvent) -> Facts:
    """What filters see of an event."""

    def decode() -> object:
        try:
            return event.data
        except errors.BadRequest as error:
            raise ValueError(error.message) from error

    return Facts(event._get_attributes(), decode)  # noqa: SLF001 - not copied, and only read


def _topics(rule: Rule) -> set[str]:
    return {one.topic for one in rule.trigger.inputs if one.name in rule.condition.inputs}


def _is_stateful(condition: Condition) -> bool:
    """Whether some input's event fires the condition or not depending on the others."""
    names = sorted(condition.inputs)
    if len(names) > _TRIED:
        return True
    subsets = itertools.chain.from_iterable(
        itertools.combinations(names, size) for size in range(1, len(names) + 1)
    )
    return not all(condition.holds(set(subset)) for subset in subsets)
