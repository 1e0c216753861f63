"""Byte-compiled files that are the same bytes whenever they are made, and name the paths of the image.

Run as a program it compiles the files that standard input names. A file that is no valid Python is left as it is.
"""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

# What a process has compiled before can change the bytes of a file, so the split must not follow the machine.
PARTS = 4
SMALL = 200


def compile_folder(folder: Path, *, at: str) -> None:
    """Compile every module below a folder, which the image will have at the path `at`."""
    files = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if path.is_file() and not path.is_symlink()
    )
    parts = PARTS if len(files) > SMALL else 1
    running = []
    for part in range(parts):
        command = [sys.executable, "-S", "-s", "-B", "-W", "ignore", __file__, str(folder), at]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.write("\0".join(files[part::parts]).encode())
        process.stdin.close()
        running.append(process)
    for process in running:
        process.wait()


def main(folder: str, at: str) -> None:
    """Compile the files of standard input, in their order."""
    for name in filter(None, sys.stdin.read().split("\0")):
        try:
            py_compile.compile(
                f"{folder}/{name}",
                dfile=f"{at}/{name}",
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
        except (py_compile.PyCompileError, OSError, ValueError):
            continue  # packages carry templates and code for other versions; importing one says what is wrong


if __name__ == "__main__":
    main(*sys.argv[1:])
