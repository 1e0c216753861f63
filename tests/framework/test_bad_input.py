"""What a user can get wrong, through the command line: one line, the right exit code, never a silent 0.

And what a function can get wrong when it runs: the answer, and a log that says whose error it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from functions_framework import exits
from tests.framework import http
from tests.framework.conftest import Program, run_cli

FF = "import functions_framework as ff\n"


@pytest.mark.parametrize(
    ("text", "target", "reason", "words"),
    [
        ("def hello(request): ...\n", "helo", "FunctionNotFound", "did you mean 'hello'?"),
        ("hello = 3\n", "hello", "FunctionNotFound", "'hello' in main.py is a int; name a function"),
        ("def hello(): ...\n", "hello", "ArityMismatch", "hello takes 0 arguments (); it is given the request"),
        ("def hello(a, b): ...\n", "hello", "ArityMismatch", "hello takes 2 arguments (a, b)"),
        ("async def hello(): ...\n", "hello", "ArityMismatch", "write `def hello(request):`"),
        ("class F:\n    def __call__(self): ...\nhello = F()\n", "hello", "ArityMismatch", "takes 0 arguments"),
        (FF + "@ff.cloud_event\ndef hello(): ...\n", "hello", "ArityMismatch", "it is given the event"),
        (FF + "@ff.typed\ndef hello(x): ...\n", "hello", "InvalidFunction", "says no type"),
        (FF + "@ff.http(path='/x/{')\ndef hello(x): ...\n", "hello", "InvalidFunction", "is no template"),
        (
            FF + "@ff.http(path='/x')\ndef a(r): ...\n@ff.http(path='/x')\ndef b(r): ...\n", "",
            "InvalidFunction", "a and b both answer every method at /x; give one another path or method",
        ),
        ("import time\n\ntime.sleep(60)\n", "hello", "ImportBlocked", "main.py line 3 (`time.sleep(60)`) was still"),
        ("while True:\n    pass\n", "hello", "ImportBlocked", "was still running after 0.5 seconds"),
        (
            "import threading\ntry:\n    threading.Event().wait()\nexcept Exception:\n    pass\n", "hello",
            "ImportBlocked", "main.py line 3 (`threading.Event().wait()`)",
        ),
        ("import time\nfor _ in range(9):\n    try: time.sleep(60)\n    except: pass\n    time.sleep(9)\n", "hello",
            "ImportBlocked", "main.py line 5 (`time.sleep(9)`)"),
        ("import beside\n", "hello", "ImportBlocked", "beside.py line 2 (`threading.Lock()"),
        ("def hello(request:\n", "hello", "SyntaxError", "main.py line 1"),
        ("import nowhere_at_all\n", "hello", "DependencyFailed", "the module 'nowhere_at_all' is not installed"),
        ("raise ValueError('why')\n", "hello", "ImportFailed", "main.py line 1: ValueError: why"),
        ("import sys\nsys.exit(0)\n", "hello", "ImportFailed", "ended the process with exit code 0"),
        ("import os\nos._exit(0)\n", "hello", "InstanceFailed", "ended with exit code 0 before it was ready"),
        ("x = 1\0\n", "hello", "SyntaxError", "main.py: source code"),
        ("", "hello", "FunctionNotFound", "it has none; name the function with --target"),
        (FF + "@ff.http(concurrency='2')\ndef hello(r): ...\n", "", "InvalidFunction", "concurrency is '2'; use 0"),
        (FF + "@ff.http(methods='GE T')\ndef hello(r): ...\n", "", "InvalidFunction", "'GE T' is no method of HTTP"),
        (FF + "@ff.http(path='/{a}{b}')\ndef hello(r): ...\n", "", "InvalidFunction", "have nothing between them"),
        (FF + "@ff.before\ndef allow(): ...\n@ff.http\ndef hello(r): ...\n", "", "ArityMismatch",
            "allow takes 0 arguments (); it is given the call"),
        (FF + "@ff.on_startup\ndef up(): raise SystemExit(0)\n@ff.http\ndef hello(r): ...\n", "", "StartupFailed",
            "the startup hook up, main.py line 3: SystemExit: 0"),
    ],
)  # fmt: skip
def test_a_mistake_ends_in_one_line_and_its_code(
    tmp_path: Path, text: str, target: str, reason: str, words: str
) -> None:
    (tmp_path / "main.py").write_text(text)
    (tmp_path / "beside.py").write_text(
        "import threading\nthreading.Lock().acquire() and threading.Event().wait()\n"
    )
    chosen = ("--target", target) if target else ()
    done = run_cli(*chosen, "--port", "0", cwd=tmp_path, OFN_IMPORT_SECONDS="0.5")
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.startswith(f"functions_framework: {reason}: ")) == (
        exits.EXIT_CODES[reason],
        True,
    )
    assert words in last
    assert done.stdout == ""


def test_a_crash_of_the_process_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    done = run_cli("--port", "0", cwd=tmp_path)
    told = "functions_framework: InstanceFailed: the process ended with signal SIGKILL before it was ready\n"
    assert (done.returncode, done.stderr) == (137, told)


def test_an_interrupt_while_it_loads_ends_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise KeyboardInterrupt\n")
    done = run_cli("--check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (130, "")


async def test_an_import_deadline_leaves_no_alarm(program: Callable[..., Program]) -> None:
    running = program(
        "import signal\nbefore = signal.getitimer(signal.ITIMER_REAL)[0]\nasync def function(request):\n"
        "    return [before > 100, signal.getsignal(signal.SIGALRM).__module__]\n"
    )
    client = await http.Client.open(running.port)
    assert (await client.ask("/")).json == [True, "functions_framework.calls.loophang"]
    client.close()


@pytest.mark.parametrize("where", ["import", "start"])
async def test_what_a_function_raises_is_logged_whatever_it_configures(
    program: Callable[..., Program], where: str
) -> None:
    handlers = "'handlers': {'h': {'class': 'logging.StreamHandler'}}, 'root': {'handlers': ['h']}"
    lines = ["import logging.config, functions_framework as ff", "def configure():",
             f"    logging.config.dictConfig({{'version': 1, {handlers}}})",
             "configure()" if where == "import" else "ff.on_startup(configure)",
             "def function(request):", "    raise KeyError('mine')", ""]  # fmt: skip
    running = program("\n".join(lines))
    client = await http.Client.open(running.port)
    assert (await client.ask("/")).status == 500
    client.close()
    assert running.stop() == 0
    assert "KeyError: 'mine'" in "".join(running.lines)


RUNS = """
import asyncio
import functions_framework as ff

class Odd: pass

def odd(request): return Odd()
async def odd_async(request): return {"x": [Odd()]}
@ff.http(inline=True)
def odd_inline(request): return (Odd(), 201)
async def raises(request): raise KeyError("mine")
@ff.http(inline=True)
def raises_inline(request): raise KeyError("mine")
@ff.http(inline=True)
def exits_inline(request): raise SystemExit(0)
async def exits_async(request): raise SystemExit(0)
def bad_status(request): return "x", 99
def bad_header(request): return "x", 200, {"a": "b\\r\\nc: d"}
async def bad_item(request):
    yield Odd()
async def exits_streaming(request):
    raise SystemExit(0)
    yield ""
async def lets_out_a_cancellation(request):
    raise asyncio.CancelledError
async def awaits_what_is_cancelled(request):
    task = asyncio.create_task(asyncio.sleep(600))
    await asyncio.sleep(0)
    task.cancel()
    await task
async def streams_a_cancellation(request):
    raise asyncio.CancelledError
    yield ""
"""


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("odd", "Odd has no JSON form"),
        ("odd_async", "Odd has no JSON form"),
        ("odd_inline", "Odd has no JSON form"),
        ("raises", "KeyError: 'mine'"),
        ("raises_inline", "KeyError: 'mine'"),
        ("exits_inline", "called sys.exit(0)"),
        ("exits_async", "called sys.exit(0)"),
        ("exits_streaming", "called sys.exit(0)"),
        ("lets_out_a_cancellation", "CancelledError"),
        ("awaits_what_is_cancelled", "CancelledError"),
        ("streams_a_cancellation", "CancelledError"),
        ("bad_status", "cannot answer with status 99"),
        ("bad_header", "holds a control character"),
        ("bad_item", "Odd has no JSON form"),
    ],
)
async def test_an_error_of_the_function_is_500_and_the_log_names_it(
    program: Callable[..., Program], target: str, words: str
) -> None:
    running = program(RUNS, target)
    client = await http.Client.open(running.port)
    reply = await client.ask("/")
    assert (reply.status, reply.headers["x-openfunction-status"]) == (500, "crash")
    assert b"Odd" not in reply.body
    assert (await client.ask("/healthz")).status == 200
    client.close()
    assert running.stop() == 0
    log = "".join(running.lines)
    assert f"The function {target} raised" in log
    assert words in log
