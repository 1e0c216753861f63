"""To zero and back, bursts and updates, on a whole platform."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import platform, terminate, update, zero

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_functions_go_to_zero_and_wake(capsys: pytest.CaptureFixture[str]) -> None:
    zero.run(functions=3, cycles=2)
    assert "failed 0, left over 0" in capsys.readouterr().out


def test_an_update_under_load_fails_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    update.run(answers=500)
    assert "failed 0" in capsys.readouterr().out


def test_instances_that_are_ended_lose_no_request(capsys: pytest.CaptureFixture[str]) -> None:
    terminate.run(ends=2, requests=1000)
    assert "failed 0" in capsys.readouterr().out


def test_two_hundred_requests_at_zero_get_two_hundred_answers(there: platform.Platform) -> None:
    there.apply(platform.inline("burst", "def main(request):\n    return 'here'\n"))
    labels = "openfunction.io/function=burst,serving.knative.dev/revision"
    platform.until(
        lambda: not there.json("pods", "-l", labels)["items"], seconds=60, what="burst at zero", every=0.3
    )
    address = there.address("burst")
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: platform.request(address), range(200)))
    assert [answer for answer in answers if answer.status != 200] == []
