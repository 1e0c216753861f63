"""The demo: manifests become functions, answer, go to zero, wake, and change under load. `make demo` runs it.

It uses a home of its own, which it removes; only the caches stay, and it says where they are.
"""

from __future__ import annotations

import csv
import gzip
import http.client
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import demo_events

from openfunction_py.lib import home as homes

ROOT = Path(__file__).resolve().parent.parent
OFN = [sys.executable, "-m", "openfunction_py.cli"]
AUTOSCALER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: config-autoscaler, namespace: knative-serving}
data: {stable-window: 6s, scale-to-zero-grace-period: 1s}
"""
WINDOW = "6 s window and 1 s grace, instead of the defaults of 60 s and 30 s"
FUNCTIONS = ("inline", "hello-python", "digits")


class Demo:
    """One run of the demo: its home, and what it learnt on the way."""

    def __init__(self, home: Path) -> None:
        """Run in the given home."""
        self.home = home
        self.environ = {
            **{
                key: value
                for key, value in os.environ.items()
                if key not in ("OFN_CONTEXT", "PYTHONDONTWRITEBYTECODE")
            },
            "OFN_HOME": str(home),
            "KUBECONFIG": str(home / "user.kubeconfig"),
        }

    def ofn(self, *words: str, text: str | None = None) -> str:
        """Run a command of ofn, its talk shown, its data returned; a failure ends the demo."""
        done = subprocess.run(
            [*OFN, *words],
            input=text,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ,
            cwd=ROOT,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"demo: `ofn {' '.join(words)}` ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def json(self, *words: str) -> Any:
        """The document a command of ofn prints."""
        return json.loads(self.ofn(*words, "-o", "json"))

    def address(self, name: str) -> str:
        """The address of a function that any client can resolve."""
        found = self.json("get", "functions", name)["status"]["addresses"]
        return next(a["value"] for a in found if a["type"] == "External" and ".localhost" not in a["value"])


def request(
    address: str, *, body: bytes | None = None, content_type: str = "application/json", timeout: float = 60
) -> tuple[int, dict[str, str], bytes, float]:
    """One request on a fresh connection: status, headers, body, seconds."""
    parts = urlsplit(address)
    started = time.perf_counter()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        headers = {"Content-Type": content_type} if body else {}
        connection.request("POST" if body else "GET", parts.path or "/", body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        found = {key.lower(): value for key, value in answer.getheaders()}
        return answer.status, found, content, time.perf_counter() - started
    finally:
        connection.close()


def say(text: str) -> None:
    """A line of the story."""
    print(text, flush=True)


def held_out(home: Path) -> list[tuple[list[int], int]]:
    """Every fifth digit of the data set that came with scikit-learn: 64 pixels and the class."""
    found = next(iter(sorted(home.glob("node/**/sklearn/datasets/data/digits.csv.gz"))), None)
    if found is None:
        raise SystemExit("demo: the digits data is not in the image of the digits function")
    with gzip.open(found, "rt") as lines:
        rows = [[int(float(value)) for value in row] for row in csv.reader(lines)]
    return [(row[:64], row[64]) for index, row in enumerate(rows) if index % 5 == 0]


def png(pixels: list[int]) -> bytes:
    """An 8x8 grey PNG of pixels from 0 to 16."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(b"\0" + bytes(value * 15 for value in pixels[row * 8 : row * 8 + 8]) for row in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def mirrored(pixels: list[int]) -> list[int]:
    """The same image, left and right exchanged."""
    return [value for row in range(8) for value in reversed(pixels[row * 8 : row * 8 + 8])]


def classify(address: str, digits: list[tuple[list[int], int]]) -> tuple[float, Counter[str]]:
    """The share of digits whose class the function names, half sent as PNG and half as JSON."""

    def one(entry: tuple[int, tuple[list[int], int]]) -> tuple[bool, str]:
        index, (pixels, expected) = entry
        as_png = index % 2 == 0
        body = png(pixels) if as_png else json.dumps({"pixels": pixels}).encode()
        status, _, content, _ = request(
            address, body=body, content_type="image/png" if as_png else "application/json"
        )
        if status != 200:
            raise SystemExit(f"demo: digits answered {status}: {content[:300]!r}")
        answer = json.loads(content)
        return answer["class"] == expected, answer["revision"]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, enumerate(digits)))
    return sum(right for right, _ in answers) / len(answers), Counter(revision for _, revision in answers)


def until_zero(demo: Demo, *, seconds: float = 90) -> float:
    """Wait until no function has a Pod; returns how long it took."""
    started, pause = time.monotonic(), threading.Event()
    while time.monotonic() - started < seconds:
        pods = demo.json("get", "pods", "-l", "serving.knative.dev/revision")["items"]
        if not pods:
            return time.monotonic() - started
        pause.wait(0.5)
    raise SystemExit(f"demo: {len(pods)} Pods are still there after {seconds:.0f} s without a request")


def wake(demo: Demo, name: str) -> None:
    """Call a function at zero, then warm, and print both times."""
    address = demo.address(name)
    body = json.dumps({"pixels": [0] * 64}).encode() if name == "digits" else None
    status, headers, content, cold = request(address, body=body)
    if status != 200 or "x-ofn-cold-start" not in headers:
        raise SystemExit(
            f"demo: {name} answered {status}, cold start {headers.get('x-ofn-cold-start')}: {content!r}"
        )
    warm = [request(address, body=body)[3] for _ in range(20)]
    say(f"  {name:<13} cold {cold * 1000:7.1f} ms   warm {statistics.median(warm) * 1000:6.1f} ms")


def update_under_load(demo: Demo) -> None:
    """Change the source of hello-python while it is called, and count who answered."""
    folder = demo.home / "changed"
    shutil.copytree(ROOT / "samples/hello-python", folder)
    source = folder / "main.py"
    source.write_text(source.read_text().replace("Hello, ", "Good day, "))
    address, stop = demo.address("hello-python"), threading.Event()
    answers: list[tuple[int, str, bytes]] = []

    def caller() -> None:
        while not stop.is_set():
            try:
                status, headers, content, _ = request(address)
            except (OSError, http.client.HTTPException) as error:
                answers.append((0, "", str(error).encode()))
            else:
                answers.append((status, headers.get("x-ofn-revision", ""), content))

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        demo.ofn("apply", "-f", str(folder), "--wait")
        _until_changed(address)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    failed = [answer for answer in answers if answer[0] != 200]
    counts = Counter(revision for status, revision, _ in answers if status == 200)
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    say(f"  {len(answers)} requests during the change, failed {len(failed)}; answered by {shown}")
    if failed or len(counts) < 2:
        raise SystemExit(f"demo: the change was not smooth: {failed[:3]}, {dict(counts)}")


def _until_changed(address: str) -> None:
    pause, deadline = threading.Event(), time.monotonic() + 30
    while time.monotonic() < deadline:
        if b"Good day" in request(address)[2]:
            pause.wait(1)
            return
        pause.wait(0.05)
    raise SystemExit("demo: the new source never answered")


def by_events(demo: Demo) -> None:
    """The same digits as events: EventSource, bus, Trigger, the function at zero, its answer as the next event."""
    collector = demo_events.Collector()
    try:
        demo.ofn("apply", "-f", "samples/digits-events", "--wait")
        demo.ofn("apply", "-f", "-", text=collector.trigger())
        demo_events.until_ready(demo.json)
        desk = demo_events.desk(demo.json, collector)
        digits = [(png(pixels), expected) for pixels, expected in held_out(demo.home)]
        accuracy = desk.accuracy(digits)
        say(f"   accuracy {accuracy:.3f} on {len(digits)} digits, each answer an event")
        if accuracy < 0.9:
            raise SystemExit("demo: the classifier does not do what it was trained for")
        say(f"   publish to answer: {demo_events.latencies(desk, digits[0][0], lambda: until_zero(demo))}")
        desk.post("a-letter", digits[0][0], kind="letter.drawn")
        for event, word in (("digit-0", "replied"), ("a-letter", "filtered")):
            say(f"   ofn why {event}\n{story_of(demo, event, word)}")
    finally:
        collector.close()


def story_of(demo: Demo, event: str, word: str) -> str:
    """What `ofn why` says of an event, once it has come as far as a word."""
    told, end = "", time.monotonic() + 20
    while time.monotonic() < end:
        told = demo.ofn("why", event).rstrip()
        if word in told:
            return told
    raise SystemExit(f"demo: the story of {event} lacks {word!r}:\n{told}")


def size_of(folder: Path) -> float:
    """Megabytes below a folder."""
    return (
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        / 1e6
    )


def story(demo: Demo) -> None:
    """Everything the demo shows, in order."""
    say("1. a platform on this machine")
    demo.ofn("up", "-d", "--port", "0", "--api-port", "0")
    demo.ofn("apply", "-f", "-", text=AUTOSCALER)
    say(f"   scaled to zero after {WINDOW}, for this demo")
    say("2. manifests become functions: packed, built by buildpacks, served")
    files = [word for name in FUNCTIONS for word in ("-f", f"samples/{name}")]
    demo.ofn("apply", *files, "--wait")
    for name in FUNCTIONS[:2]:
        say(f"   {name}: {demo.ofn('invoke', name, '-v').strip()}")
    say("3. the held-out handwritten digits, over HTTP")
    digits, address = held_out(demo.home), demo.address("digits")
    accuracy, revisions = classify(address, digits)
    wrong_way, _ = classify(address, [(mirrored(pixels), expected) for pixels, expected in digits])
    say(f"   accuracy {accuracy:.3f} on {len(digits)} digits, answered by {', '.join(revisions)}")
    say(f"   mirrored left to right: {wrong_way:.3f}")
    if accuracy < 0.9 or wrong_way > 0.7:
        raise SystemExit("demo: the classifier does not do what it was trained for")
    say("4. idle functions go to zero, and wake when they are called")
    say(f"   no Pod left after {until_zero(demo):.1f} s")
    for name in FUNCTIONS:
        wake(demo, name)
    say("5. a change of source, under load")
    update_under_load(demo)
    say("6. the held-out digits as events")
    by_events(demo)


def main() -> int:
    """Run the demo and clean up after it, also when it fails."""
    started = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="ofn-demo-"))
    demo = Demo(home)
    try:
        story(demo)
    except SystemExit as error:
        say(str(error))
        for log in sorted((home / "logs").glob("*.log")):
            say(f"--- {log.name}: {log.read_text(errors='replace')[-1500:]}")
        return 1
    finally:
        subprocess.run([*OFN, "down", "--purge"], env=demo.environ, cwd=ROOT, check=False)
        shutil.rmtree(home, ignore_errors=True)
    caches = homes.cache_dir(os.environ)
    say(f"what stays: the caches in {caches}, {size_of(caches):.0f} MB")
    say(
        "next:\n  ./ofn up -d\n  ./ofn new greeter\n  ./ofn apply -f greeter --wait\n  ./ofn invoke greeter -v"
    )
    say(f"demo: ok in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
