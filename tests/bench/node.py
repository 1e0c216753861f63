"""Which processes serve a function, asked of the platform's node itself.

It guesses from no command line; a function without exactly one instance is an error.
"""

from __future__ import annotations

import socket
from pathlib import Path

from functions_framework import control
from openfunction_py.lib import home as homes
from openfunction_py.wire import messages


def ask(home: Path, kind: str) -> list[messages.ProcessInfo]:
    """The node's list of `templates` or `instances`."""
    decoder = control.Decoder()
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(str(homes.Home(home).node_socket))
        line.sendall(control.encode(messages.Hello("status").to_wire()) + control.encode({"type": kind}))
        while data := line.recv(1 << 16):
            for message in decoder.feed(data):
                return list(messages.Processes.from_wire(message).items)
    raise AssertionError("the node ended the conversation without an answer")


def instance(home: Path, function: str) -> messages.ProcessInfo:
    """The one instance of a function."""
    found = [one for one in ask(home, "instances") if one.revision.startswith(f"{function}-ksvc-")]
    assert len(found) == 1, f"{function} has {len(found)} instances: {found}"
    return found[0]


def template(home: Path, revision: str) -> messages.ProcessInfo | None:
    """The template of a revision; None when its instances are no forks."""
    return next((one for one in ask(home, "templates") if one.revision == revision), None)
