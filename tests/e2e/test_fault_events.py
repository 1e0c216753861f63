"""A small run of `make fault ARGS=events`: what was acknowledged is handled, whoever is killed."""

from __future__ import annotations

import pytest

from tests.fault import events

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
EVENTS = 150


def test_a_dispatcher_and_a_node_are_killed_and_no_event_is_lost() -> None:
    victims = {name: events.TRIGGER_VICTIMS[name] for name in ("dispatcher", "node")}
    with events.scene() as (there, book):
        figures = events.through_the_door(there, book, victims, EVENTS)
    assert (figures.acknowledged, figures.lost) == (EVENTS, 0)


def test_a_sidecar_and_its_function_are_killed_and_no_event_is_lost() -> None:
    victims = {name: events.TOPIC_VICTIMS[name] for name in ("sidecar", "function")}
    with events.scene() as (there, book):
        figures = events.through_a_topic(there, book, victims, EVENTS)
    assert (figures.acknowledged, figures.lost) == (EVENTS, 0)
