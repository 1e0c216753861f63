"""An app that has no room is asked again in a moment: it is no refusal, and no dead letter follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from openfunction_eventing.sidecar import delivering
from openfunction_eventing.sidecar.appchannel.http import HttpApp
from openfunction_eventing.sidecar.channel import AppBusy, AppRefused, Delivery, Reply
from openfunction_eventing.sidecar.delivering import Deliverer
from openfunction_eventing.sidecar.policies import Policy
from tests.eventing.sidecar.conftest import running
from tests.eventing.sidecar.test_batch import THREADED, function, sent
from tests.waiting import until

EVENT = Delivery("bus", "t", "/t", {"id": "1"})


class Present:
    """An app that is there, and answers what it was given, the last again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked = 0

    async def is_up(self) -> bool:
        """It is."""
        return True

    async def ask(self, *_: object) -> Reply:
        """The next answer."""
        self.asked += 1
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def close(self) -> None:
        """Nothing is open."""


BUSY = Reply(503, [("Retry-After", "1")], b"As many calls of this function wait as may.")


async def test_it_is_asked_again_until_there_is_room() -> None:
    asker = Present(BUSY, BUSY, Reply(200))
    app = HttpApp(asker, app="a")
    assert await Deliverer(asker, {}).while_up("bus", lambda: app.deliver(EVENT)) == "SUCCESS"
    assert asker.asked == 3


async def test_one_that_never_has_room_has_refused_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "_BUSY", Policy(retries=3, first=0.02, growth=2.0))
    asker = Present(BUSY)
    app = HttpApp(asker, app="a")
    with pytest.raises(AppRefused, match="has no room: As many calls"):
        await Deliverer(asker, {}).while_up("bus", lambda: app.deliver(EVENT))
    assert asker.asked == 4, "at once, then after 20, 40 and 80 ms"


async def test_a_503_that_names_no_time_is_a_refusal() -> None:
    app = HttpApp(Present(Reply(503)), app="a")
    assert await app.deliver(EVENT) == "RETRY"
    with pytest.raises(AppBusy):
        await HttpApp(Present(BUSY), app="a").bind("b", "b", b"", {})


async def test_more_events_than_a_function_takes_at_once_are_all_handled(tmp_path: Path) -> None:
    socket, batches = str(tmp_path / "app.sock"), str(tmp_path / "dapr.sock")
    async with (
        running(app_protocol="batch", app_socket=socket, batch_socket=batches) as made,
        function(tmp_path, made, source=THREADED, OFN_THREADS="1"),
    ):
        await made.attached()
        for number in range(200):
            await made.sidecar.publisher.publish(
                "bus", "t", b"%d" % number, content_type="text/plain", metadata={}
            )
        await until(lambda: len(sent(made)) >= 200)
        assert sorted(map(int, sent(made))) == list(range(200))
        verdicts = made.bus.readings["t"][0].verdicts
        await until(lambda: len(verdicts) == 200)
        assert {one.kind for one in verdicts} == {"ack"}
