"""The cache that lags is one event behind and catches up."""

from __future__ import annotations

import asyncio

from openfunction_py.api.upstream.core import ConfigMap
from tests.controller import fake_time
from tests.controller.lagging import LAG, LaggingCache
from tests.controller.test_cache import config_map, names


def test_tells_before_it_shows_and_again_when_it_shows() -> None:
    async def scenario() -> list[list[str]]:
        cache = LaggingCache[ConfigMap]()
        shown: list[list[str]] = []
        cache.listen(lambda old, new: shown.append(names(cache.list())))
        cache.put(config_map("a", "1"))
        cache.put(config_map("b", "2"))
        await asyncio.sleep(2 * LAG)
        return shown

    assert fake_time.run(scenario()) == [[], ["a"], ["a"], ["a", "b"]]
