"""The source of the functions that hang; each kind by path, as `def` and as `async def`."""

from __future__ import annotations

_HANGS = """
import ctypes
import os
import time

import functions_framework


def hang(kind):
    if kind == "spin":
        while True:
            pass
    if kind == "stubborn":
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
    if kind == "sleep":
        time.sleep(3600)
    if kind == "held":
        # A call of C that keeps the interpreter lock: PyDLL does not release it.
        lock = ctypes.create_string_buffer(128)
        libc = ctypes.PyDLL(None)
        libc.pthread_mutex_lock(lock)
        libc.pthread_mutex_lock(lock)
    if kind == "burn":
        # A call of C that has released the lock and computes.
        import hashlib
        while True:
            hashlib.pbkdf2_hmac("sha256", b"x", b"y", 1 << 30)
    return str(os.getpid())
"""
SOURCE = (
    _HANGS
    + """

@functions_framework.http(path="/def/{kind}")
def in_a_thread(request):
    return hang(request.path_params["kind"])


@functions_framework.http(path="/async/{kind}")
async def on_the_loop(request):
    return hang(request.path_params["kind"])


@functions_framework.http(path="/beside")
async def beside(request):
    return str(os.getpid())
"""
)
