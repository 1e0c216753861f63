"""What a template makes immortal: counts that forks no longer write, and nothing that a user's code could miss.

Each case is a process of its own: what is immortal once stays so.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

KNOWN = sys.version_info >= (3, 12)

COUNTS = """
import sys
class Thing: pass
held, number = Thing(), 12345.75
def call(): return "a constant of code, long enough to be its own"
def grown(one):
    before = sys.getrefcount(one)
    more = [one] * 50
    return sys.getrefcount(one) - before
"""


def said(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"from functions_framework.templates import immortal\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_it_is_possible_where_the_interpreter_knows_it() -> None:
    assert said("print(immortal.is_possible())") == [str(KNOWN)]


def test_the_count_of_what_is_kept_is_written_no_more() -> None:
    program = (
        f"{COUNTS}\nprint(immortal.keep_all() > 1000, *map(grown, (held, number, call.__code__, call())))"
    )
    assert said(program) == (["True", "0", "0", "0", "0"] if KNOWN else ["False", "50", "50", "50", "50"])


def test_what_was_kept_is_not_walked_through_again() -> None:
    assert said("import gc\nimmortal.keep_all()\ngc.freeze()\nprint(immortal.keep_all() < 100)") == ["True"]


def test_of_a_users_module_the_program_is_kept_and_its_values_are_not() -> None:
    program = f"{COUNTS}\nimmortal.keep_program()\nprint(*map(grown, (Thing, call, call(), held, [held])))"
    kept = "0" if KNOWN else "50"
    assert said(program) == [kept, kept, kept, "50", "50"]


def test_a_value_of_the_user_still_ends_when_it_is_dropped() -> None:
    program = f"{COUNTS}\nimport weakref\nimmortal.keep_program()\nend = weakref.ref(held)\nheld = None\nprint(end())"
    assert said(program) == ["None"]


@pytest.mark.parametrize("keep", ["keep_all", "keep_program"])
def test_no_code_of_an_object_is_asked_what_it_is(keep: str) -> None:
    program = f"""
class Proxy:
    @property
    def __class__(self): raise RuntimeError("asked")
proxy = Proxy()
immortal.{keep}()
print(type(proxy).__name__)
"""
    assert said(program) == ["Proxy"]


@pytest.mark.parametrize("keep", ["keep_all", "keep_program"])
def test_an_interpreter_with_immortal_objects_collects_and_ends_as_any(keep: str) -> None:
    program = f"""
import asyncio, gc, json, sqlite3, threading
immortal.{keep}()
gc.collect()
asyncio.run(asyncio.sleep(0))
cycle = []; cycle.append(cycle); del cycle
print(gc.collect() >= 1, json.loads("[1]")[0])
"""
    assert said(program) == ["True", "1"]
