"""ofn invoke: call a Function and print what it answers."""

from __future__ import annotations

import http.client
import re
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer

from openfunction_py.cli import failures, kinds, options, output, target, waiting


def invoke(
    name: Annotated[str, typer.Argument(help="Name of the Function.")],
    data: Annotated[
        str | None, typer.Option("-d", "--data", help="Body; @FILE reads a file, - standard input.")
    ] = None,
    *,
    method: Annotated[
        str | None, typer.Option("-X", "--method", help="Method; POST with a body, else GET.")
    ] = None,
    path: Annotated[str, typer.Option("--path", help="Path and query after the function's address.")] = "/",
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="Header, as `Name: value`.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show status, time and cold start.")
    ] = False,
    timeout: options.Timeout = 300.0,
    namespace: options.Namespace = None,
    context: options.Context = None,
) -> None:
    """Call a Function over HTTP and print the body of its answer.

    Example: ofn invoke hello-python --path '/?name=you' -v
    """
    verb, where = _method(method, data), _target(path)
    headers = dict(_header(line) for line in header or [])
    there = target.resolve(context)
    item = there.get(kinds.FUNCTION, name, namespace or there.namespace)
    address = waiting.plain_url(item)
    if not address:
        raise failures.FunctionFailure(_not_callable(name, item))
    body = body_of(data)
    if body and "content-type" not in {key.lower() for key in headers}:
        headers["Content-Type"] = "application/json" if body[:1] in (b"{", b"[") else "text/plain"
    started = time.perf_counter()
    status, answered, content = call(
        address, where, method=verb, body=body, headers=headers, timeout=max(timeout, 0.001)
    )
    took = (time.perf_counter() - started) * 1000
    output.raw(content)
    if sys.stdout.isatty() and not content.endswith(b"\n"):
        output.data("")
    if verbose:
        cold = "cold start" if answered.get("x-ofn-cold-start") else "warm"
        output.talk(f"{status} {cold} {took:.1f} ms {answered.get('x-ofn-revision', '')}".rstrip())
    if status >= 400:
        raise failures.FunctionFailure(f"{name} answered {status}; see `ofn logs {name}`")


def _not_callable(name: str, item: dict[str, Any]) -> str:
    condition = waiting.ready(item)
    if condition.get("status") == "False":
        return f"{name} has no address: {condition.get('reason')}: {condition.get('message')}"
    return (
        f"{name} has no address yet ({waiting.phase(item) or 'no status'}); wait with `ofn get fn {name} -w`"
    )


def body_of(data: str | None) -> bytes | None:
    """The bytes that -d means: the text itself, a file's, or those of standard input. Raises Failure."""
    if data is None:
        return None
    if data == "-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as error:
            raise failures.Failure(f"{data[1:]} cannot be read: {error.strerror}") from error
    return data.encode()


def _header(line: str) -> tuple[str, str]:
    found = re.fullmatch(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\t -~\x80-\xff]*)", line)
    if found is None:
        raise failures.UsageFailure(f"-H {line!r} is no header; write it as 'Name: value' in Latin-1 letters")
    return found[1], found[2].strip()


def _method(method: str | None, data: str | None) -> str:
    chosen = method or ("GET" if data is None else "POST")
    if not re.fullmatch(r"[A-Za-z]+", chosen):
        raise failures.UsageFailure(f"-X {chosen!r} is no HTTP method")
    return chosen.upper()


def _target(path: str) -> str:
    """The path as HTTP spells it: what a person may type, such as spaces and umlauts, is percent-encoded."""
    return quote(path, safe="/?#[]@!$&'()*+,;=:%~").partition("#")[0]


def call(
    address: str, path: str, *, method: str, body: bytes | None, headers: dict[str, str], timeout: float
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP request to an address and a path below it: status, headers in lower case, body.

    Raises:
        NoPlatformFailure: nothing answers there.
    """
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request(
            method, parts.path.rstrip("/") + "/" + path.lstrip("/"), body=body, headers=headers
        )
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    except TimeoutError as error:
        raise failures.TimeoutFailure(f"no answer from {address} within {timeout:.0f} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise failures.NoPlatformFailure(
            f"{address} gave no whole answer ({error or type(error).__name__}); see `ofn status`"
        ) from error
    finally:
        connection.close()
