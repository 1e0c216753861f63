"""A file answers the same under `functions-framework`, under `ofn run` and deployed, in each style of writing one."""

from __future__ import annotations

import pytest

from tests.e2e import platform, same

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize("sample", same.SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_answers_the_same_however_it_is_run(there: platform.Platform, sample: same.Sample) -> None:
    answers = {way: same.answers(there, sample, run) for way, run in same.WAYS.items()}
    expected = [(ask.status, ask.expected) for ask in sample.asks]
    for way, given in answers.items():
        assert [(told.status, told.body) for told in given] == expected, way
    assert answers["functions-framework"] == answers["ofn run"] == answers["deployed"]  # headers too


def test_ours_runs_where_googles_framework_is_required_and_the_log_says_so(there: platform.Platform) -> None:
    said, owner = same.replaced(there)
    assert said.endswith(
        f"the requirement '{same.ASKED}' is satisfied by openfunction-functions-framework, which comes with this build"
    )
    assert owner == b'{"owners":["openfunction-functions-framework"]}\n'
