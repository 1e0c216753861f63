"""Ids of events: UUIDs of version 4, and none twice, not even in two processes of one fork."""

from __future__ import annotations

import os
from uuid import UUID

from openfunction_eventing.sidecar import ids


def test_they_are_uuids_of_version_4_and_none_comes_twice() -> None:
    made = [ids.new() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in made)
    assert {UUID(one).variant for one in made} == {"specified in RFC 4122"}


def test_a_fork_makes_others() -> None:
    ids.new()  # so that some are in store
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.new().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert told.read() not in {ids.new() for _ in range(300)}
