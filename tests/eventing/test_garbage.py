"""The collector in a program of events: what was there is left alone, what comes later in cycles still goes."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, weakref
from openfunction_eventing import garbage

class Cycle:
    def __init__(self):
        self.me = self

kept = Cycle()
garbage.settle()
frozen = gc.get_freeze_count()
told = []
dead = weakref.ref(Cycle(), told.append)  # asking `dead()` would hold it just when the collector looks
lists = []
while not told and len(lists) < 200_000:
    lists.append([])
print(frozen > 1000, len(lists) < 200_000, kept.me is kept)
"""


def test_what_is_there_is_left_alone_and_later_cycles_go_by_themselves() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
