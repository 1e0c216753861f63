"""From a message to its settlement: attempts, replies, topics, dead letters, and what the journal tells."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.documents import Delivery, Dispatcher
from openfunction_eventing.envelope import Message
from tests import waiting
from tests.eventing import parts
from tests.eventing.dispatcher.running import dispatcher, to, trigger


async def send(bus: parts.Bus, topic: str = "a", number: int = 1, **attributes: object) -> None:
    await bus.publish(topic, Message(topic, parts.event(number, {"n": number}, **attributes)))


async def test_an_event_reaches_every_subscriber_and_is_acknowledged_once() -> None:
    async with parts.Sink() as one, parts.Sink() as other:
        async with dispatcher([trigger(to(one.url), to(other.url), to(one.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
        assert (len(one.got), len(other.got), run.bus.verdicts) == (2, 1, ["ack"])
        assert run.steps() == ["received", *["matched"] * 3, *["attempt"] * 3, "acknowledged"]


async def test_a_failing_sink_does_not_keep_an_event_from_the_others() -> None:
    async with parts.Sink(503, 503, 200) as slow, parts.Sink(404) as dead, parts.Sink() as well:
        async with dispatcher([trigger(to(slow.url), to(dead.url), to(well.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
        assert (len(slow.got), len(dead.got), len(well.got)) == (3, 3, 1)
        assert run.bus.verdicts == ["ack"]
        assert "dropped" in run.steps(), "there was no dead letter, which is told"


async def test_a_status_that_is_final_goes_to_the_dead_letter_sink_at_once() -> None:
    async with parts.Sink(400) as sink, parts.Sink() as grave:
        async with dispatcher([trigger(to(sink.url, dead_letter_sink=grave.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
        assert len(sink.got) == 1
        ((headers, body),) = grave.got
        assert (headers["ce-id"], body) == ("e1", b'{"n":1}')
        assert headers["ce-knativeerrordest"] == sink.url
        assert (headers["ce-knativeerrorcode"], headers["ce-knativeerrordata"]) == ("400", "status%20400")
        assert "prefer" not in headers


async def test_a_dead_letter_topic_gets_it_too() -> None:
    async with parts.Sink(500) as sink, parts.Sink() as grave:
        who = to(sink.url, dead_letter_sink=grave.url, dead_letter_topic="dead")
        async with dispatcher([trigger(who)]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
            (letter,) = run.bus.published["dead"]
        assert (len(sink.got), grave.ids, letter["id"]) == (3, ["e1"], "e1")
        assert letter["knativeerrorcode"] == "500"
        assert run.steps().count("dead_lettered") == 2


async def test_a_dead_letter_that_nobody_takes_is_tried_a_bounded_number_of_times() -> None:
    async with parts.Sink(400) as sink, parts.Sink(400) as grave:
        async with dispatcher([trigger(to(sink.url, dead_letter_sink=grave.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: "drop" in run.bus.verdicts)
        assert run.bus.verdicts == ["retry", "retry", "drop"]
        assert run.steps()[-1] == "dropped"
        assert len(sink.got) == 1  # its answer was final


async def test_an_event_that_was_given_up_is_delivered_afresh_when_it_is_sent_again() -> None:
    async with parts.Sink(400, 200) as sink, parts.Sink(400) as grave:
        async with dispatcher([trigger(to(sink.url, dead_letter_sink=grave.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: "drop" in run.bus.verdicts)
            await send(run.bus)
            await waiting.until(lambda: "ack" in run.bus.verdicts)
        assert len(sink.got) == 2


async def test_a_subscriber_that_has_the_event_does_not_get_it_again_for_anothers_sake() -> None:
    async with parts.Sink() as well, parts.Sink(400) as sink, parts.Sink(500, 500, 500, 200) as grave:
        async with dispatcher([trigger(to(well.url), to(sink.url, dead_letter_sink=grave.url))]) as run:
            await send(run.bus)
            await waiting.until(lambda: "ack" in run.bus.verdicts)
        assert (len(well.got), len(sink.got), len(grave.got)) == (1, 1, 4)


async def test_a_reply_goes_to_the_topic_and_the_event_too() -> None:
    async def reply(_request: web.Request) -> web.StreamResponse:
        headers = {"ce-id": "r1", "ce-source": "/digits", "ce-type": "digit", "ce-specversion": "1.0"}
        return web.json_response({"label": 7}, headers=headers)

    async with parts.Sink(answer=reply) as sink:
        async with dispatcher([trigger(to(sink.url, topic="out"))]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
            assert {(one["id"], one["type"]) for one in run.bus.published["out"]} == {
                ("e1", "image"),
                ("r1", "digit"),
            }
        assert "replied" in run.steps()


async def test_a_reply_that_cannot_be_stored_makes_the_delivery_fail() -> None:
    async def reply(_request: web.Request) -> web.StreamResponse:
        run.bus.broken = len(sink.got) < 2
        headers = {"ce-id": "r1", "ce-source": "/digits", "ce-type": "digit", "ce-specversion": "1.0"}
        return web.json_response({}, headers=headers)

    async with parts.Sink(answer=reply) as sink:
        async with dispatcher([trigger(to(sink.url, reply_topic="answers"))]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
            assert [one["id"] for one in run.bus.published["answers"]] == ["r1"]
        assert (len(sink.got), run.bus.verdicts) == (2, ["ack"])


async def test_a_trigger_that_feeds_itself_ends() -> None:
    async with dispatcher([trigger(to(topic="a"))]) as run:
        await send(run.bus)
        await waiting.until(lambda: len(run.bus.published["a"]) == 255 and len(run.bus.verdicts) == 255)
        assert set(run.bus.verdicts) == {"ack"}


async def test_a_sink_gets_no_more_at_a_time_than_its_bound() -> None:
    here, most, gate = 0, 0, asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await gate.wait()
        here -= 1
        return web.Response()

    async with parts.Sink(answer=slow) as sink, parts.Sink() as quick:
        settings = Dispatcher("bus", "group", per_sink=3)
        async with dispatcher([trigger(to(sink.url), to(quick.url, "b"))], settings=settings) as run:
            for number in range(20):
                await send(run.bus, number=number)
            await waiting.until(lambda: here == 3)
            await send(run.bus, "b", 99)
            await waiting.until(lambda: run.bus.verdicts == ["ack"])
            gate.set()
            await waiting.until(lambda: len(run.bus.verdicts) == 21)
        assert most == 3


async def test_a_redelivery_of_what_is_under_way_is_not_delivered_twice() -> None:
    gate = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    async with parts.Sink(answer=slow) as sink, dispatcher([trigger(to(sink.url))]) as run:
        message = Message("a", parts.event())
        async with asyncio.TaskGroup() as group:
            first = group.create_task(run.engine.handle(message))
            await waiting.until(lambda: sink.got)
            again = group.create_task(run.engine.handle(Message("a", message.event, attempt=2)))
            gate.set()
        assert (first.result().kind, again.result().kind, len(sink.got)) == ("ack", "ack", 1)


async def test_stopping_ends_the_wait_for_another_attempt_and_gives_the_event_back() -> None:
    async with parts.Sink(500) as sink:
        patient = to(sink.url, delivery=Delivery(retry=5, backoff_delay=3600.0))
        async with dispatcher([trigger(patient)]) as run:
            await send(run.bus)
            await waiting.until(lambda: "attempt" in run.steps())
        assert set(run.bus.verdicts) == {"retry"}, (
            "a bus that has it back may send it once more before the end"
        )


async def test_an_event_nobody_wants_is_acknowledged_and_the_clause_is_told() -> None:
    async with parts.Sink() as sink:
        who = to(sink.url, filters=({"exact": {"type": "video"}},))
        async with dispatcher([trigger(who)]) as run:
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
        assert (run.bus.verdicts, sink.got) == (["ack"], [])
        (record,) = [one for one in run.journal.story("e1") if one.step == "filtered"]
        assert record.detail == {"clauses": {"default/t[0]": "exact type 'video': it is 'image'"}}


async def test_of_many_that_do_not_want_it_eight_are_named() -> None:
    who = to("http://127.0.0.1:1/", filters=({"exact": {"type": "video"}},))
    async with dispatcher([trigger(who, name=f"t{number}") for number in range(100)]) as run:
        await send(run.bus)
        await waiting.until(lambda: run.bus.verdicts)
        (told,) = [one.detail for one in run.journal.story("e1") if one.step == "filtered"]
    assert isinstance(told["clauses"], dict)
    assert (len(told["clauses"]), told["others"]) == (8, 92)


async def test_data_that_is_no_json_passes_no_filter_on_data_and_stops_nobody() -> None:
    async with parts.Sink() as sink:
        curious = to(sink.url, filters=({"cel": "data.n == 1"},))
        async with dispatcher([trigger(curious, to(sink.url))]) as run:
            broken = CloudEvent.received(
                {**parts.event().get_attributes(), "datacontenttype": "application/json"}, b"{"
            )
            await run.bus.publish("a", Message("a", broken))
            await waiting.until(lambda: run.bus.verdicts)
        assert (len(sink.got), sink.got[0][1], run.bus.verdicts) == (1, b"{", ["ack"])


@pytest.mark.parametrize("condition", ["a &&", "nobody", "true"])
async def test_a_trigger_that_cannot_be_compiled_stops_no_other(condition: str) -> None:
    async with parts.Sink() as sink:
        bad = trigger(to("http://127.0.0.1:1/", condition), name="bad")
        async with dispatcher([bad, trigger(to(sink.url))]) as run:
            assert [fault.trigger for fault in run.engine.plan.faults] == ["default/bad"]
            await send(run.bus)
            await waiting.until(lambda: run.bus.verdicts)
        assert sink.ids == ["e1"]


async def test_other_triggers_take_over_while_events_are_under_way() -> None:
    gate = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    async with parts.Sink(answer=slow) as old, parts.Sink() as new:
        async with dispatcher([trigger(to(old.url))]) as run:
            await send(run.bus, "a", 1)
            await waiting.until(lambda: old.got)
            await run.take(trigger(to(new.url)))
            await send(run.bus, "a", 2)
            await waiting.until(lambda: run.bus.verdicts == ["ack"])
            gate.set()
            await waiting.until(lambda: run.bus.verdicts == ["ack", "ack"])
        assert (old.ids, new.ids) == (["e1"], ["e2"])


async def test_an_event_of_a_topic_that_nobody_looks_at_is_acknowledged_and_told() -> None:
    async with dispatcher([trigger(to("http://127.0.0.1:1/"))]) as run:
        verdict = await run.engine.handle(Message("old", parts.event()))
        assert (verdict.kind, run.steps()) == ("ack", ["received", "filtered", "acknowledged"])
