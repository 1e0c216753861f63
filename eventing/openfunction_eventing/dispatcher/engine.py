"""The dispatcher: every message of the bus to the subscribers it concerns, settled when all of them are done.

A plan replaces another while messages are under way; those go on by the plan that they began with.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock, conditions, envelope, journal, log
from openfunction_eventing.conditions import State
from openfunction_eventing.delivery import DeadLetter, Delivered
from openfunction_eventing.dispatcher.deliveries import Deliveries, End
from openfunction_eventing.dispatcher.plan import Plan, Rule, facts
from openfunction_eventing.dispatcher.states import Remembers
from openfunction_eventing.documents import Dispatcher as Settings
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.port import ACK, DROP, RETRY, Verdict
from openfunction_eventing.envelope import Message
from openfunction_eventing.errors import EventingError
from openfunction_eventing.journal import Journal, Value

_LOG = log.get("dispatcher")
# So many rules that an event did not pass are named in the journal; the others are counted.
_NAMED = 8
# Messages that will come again, of which something is remembered.
_HALF_DONE = 10_000
Work = Callable[[], Awaitable[End]]


@dataclass(frozen=True, slots=True)
class _Half:
    """Errands that are done, and rules that fired: a condition that held once counts when the message comes again.

    `judged` says that nothing but these rules is to be decided any more: an event counts for conditions at the moment
    when it first came. `over` is why the attempts of an errand ended whose dead letter nobody took yet.
    """

    done: frozenset[str] = frozenset()
    over: Mapping[str, DeadLetter] = field(default_factory=dict)
    fired: frozenset[str] = frozenset()
    judged: bool = False


_NEW = _Half()


class Engine:
    """Decides and settles; `subscriptions` reads the topics."""

    def __init__(
        self, settings: Settings, deliveries: Deliveries, states: Remembers, records: Journal
    ) -> None:
        """Begin without any rule."""
        self.plan = Plan()
        self._settings = settings
        self._deliveries = deliveries
        self._states = states
        self._journal = records
        self._under_way: dict[str, asyncio.Future[Verdict]] = {}
        self._halves: OrderedDict[str, _Half] = OrderedDict()

    async def handle(self, message: Message) -> Verdict:
        """What becomes of a message; returns when every subscriber has it or its dead letter."""
        key = envelope.identity(message)
        earlier = self._under_way.get(key)
        if earlier is not None and message.attempt > 1:
            # The broker grew impatient with what is still being delivered here.
            return await asyncio.shield(earlier)
        mine: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._under_way[key] = mine
        verdict = RETRY
        try:
            verdict = await self._judged(message, key)
        finally:
            if self._under_way.get(key) is mine:
                del self._under_way[key]
            mine.set_result(verdict)
        return verdict

    async def _judged(self, message: Message, key: str) -> Verdict:
        try:
            settled = await self._settle(message, key)
        except EventingError as error:
            # The bus or the state's store fails: nothing is known against the event, so it is never given up.
            _LOG.warning("an event waits for its bus", event=message.event["id"], error=str(error))
            return RETRY(port.retry_delay(message.attempt))
        except Exception:  # noqa: BLE001 - the worker's boundary: one event must not end the dispatcher
            _LOG.exception("an event could not be handled", event=message.event["id"], topic=message.topic)
            settled = False
        if settled:
            self._halves.pop(key, None)
            self._tell(message.event, "acknowledged")
            return ACK
        return self._unsettled(message, key)

    def _unsettled(self, message: Message, key: str) -> Verdict:
        if message.attempt < self._settings.attempts:
            return RETRY(port.retry_delay(message.attempt))
        self._halves.pop(key, None)
        self._tell(message.event, "dropped", why=f"it failed {message.attempt} times, dead letters included")
        _LOG.error(
            "an event is given up", event=message.event["id"], topic=message.topic, tries=message.attempt
        )
        return DROP

    async def _settle(self, message: Message, key: str) -> bool:
        event, plan = message.event, self.plan
        self._tell(event, "received", topic=message.topic, attempt=message.attempt)
        half = await self._before(plan, message, key)
        rules = await self._firing(plan, message, half)
        remembered = frozenset(rule.key for rule in rules if rule.stateful)
        if remembered - half.fired:
            await self._states.note(key, remembered)
        errands = [one for rule in rules for one in self._errands(rule, event, half)]
        ends = await _all([work for _, work in errands])
        if not all(isinstance(end, Delivered) for end in ends):
            named = [(name, end) for (name, _), end in zip(errands, ends, strict=True)]
            done = half.done | {name for name, end in named if isinstance(end, Delivered)}
            over = {name: end for name, end in named if isinstance(end, DeadLetter)}
            self._remember(key, _Half(done, over, frozenset(rule.key for rule in rules), judged=True))
            return False
        if remembered:
            await self._forget(key)
        return True

    async def _before(self, plan: Plan, message: Message, key: str) -> _Half:
        """What is known of a message from an earlier delivery, here or by a dispatcher that is no more."""
        half = self._halves.get(key)
        # Not by the attempt: Kafka gives what a dead member had to another one as if for the first time.
        if half is None and plan.stateful(message.topic):
            return _Half(fired=await self._states.fired(key))
        return half or _NEW

    async def _forget(self, key: str) -> None:
        try:
            await self._states.settled(key)
        except EventingError as error:
            # It goes by itself after a while; for its sake nobody should get the event again.
            _LOG.warning("what an event fired is not forgotten yet", error=str(error))

    def _errands(self, rule: Rule, event: CloudEvent, half: _Half) -> list[tuple[str, Work]]:
        """What a rule asks for and is not done yet."""
        found: list[tuple[str, Work]] = []
        sink, topic = f"{rule.key} sink", f"{rule.key} topic"
        if rule.subscriber.sink and sink not in half.done:
            found.append((sink, lambda: self._deliveries.to_sink(rule, event, half.over.get(sink))))
        if rule.subscriber.topic and topic not in half.done:
            found.append((topic, lambda: self._deliveries.to_topic(rule, event, half.over.get(topic))))
        return found

    def _remember(self, key: str, half: _Half) -> None:
        self._halves[key] = half
        while len(self._halves) > _HALF_DONE:
            self._halves.popitem(last=False)

    async def _firing(self, plan: Plan, message: Message, half: _Half) -> list[Rule]:
        """The rules that an event fires; it is marked for every trigger that has to remember it."""
        if half.judged:
            return [rule for rule in plan.matches(message.topic, message.event) if rule.key in half.fired]
        now, topic = clock.wall(), message.topic
        states: dict[str, State] = {}
        for trigger in plan.stateful(topic):
            names = [one.name for one in trigger.inputs if one.topic == topic]
            states[trigger.key] = await self._states.mark(trigger, names, now)
        passed = plan.matches(topic, message.event)
        self._tell_filtered(plan, message, passed)
        return [
            rule
            for rule in passed
            if rule.key in half.fired or self._fires(rule, message, states.get(rule.trigger.key, {}), now)
        ]

    def _fires(self, rule: Rule, message: Message, state: State, now: float) -> bool:
        window = rule.trigger.window
        fires = not rule.stateful or any(
            conditions.evaluate(rule.condition, state, name, now, window=window)
            for name in rule.inputs(message.topic)
        )
        if fires:
            self._tell(message.event, "matched", subscriber=rule.name)
        else:
            why = conditions.why(rule.condition, state, now, window=window)
            self._tell(message.event, "waiting", subscriber=rule.name, condition=why)
        return fires

    def _tell_filtered(self, plan: Plan, message: Message, passed: Sequence[Rule]) -> None:
        """One record on all rules that an event did not pass: the first few by clause, the others counted."""
        rules = plan.of(message.topic)
        left = len(rules) - len(passed)
        if not rules:
            self._tell(message.event, "filtered", why=f"no trigger looks at topic {message.topic}")
        if left <= 0:
            return
        seen, hit = facts(message.event), set(passed)
        named = itertools.islice((rule for rule in rules if rule not in hit), _NAMED)
        clauses = {rule.name: rule.clause.why(seen) for rule in named}
        others = left - len(clauses)
        self._tell(message.event, "filtered", clauses=clauses, **({"others": others} if others else {}))

    def _tell(self, event: CloudEvent, step: str, **detail: Value) -> None:
        self._journal.add(journal.of(event, clock.wall(), step, **detail))


async def _all(works: Sequence[Work]) -> list[End]:
    """Do everything at once; one that raises does not stop the others, and is raised when they have ended."""
    ended: list[End | BaseException] = [None] * len(works)

    async def one(number: int) -> None:
        try:
            ended[number] = await works[number]()
        except Exception as error:  # noqa: BLE001 - kept, and raised below
            ended[number] = error

    if len(works) == 1:
        return [await works[0]()]
    async with asyncio.TaskGroup() as group:
        for number in range(len(works)):
            group.create_task(one(number))
    ends: list[End] = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        ends.append(result)
    return ends
