"""Files below one folder (Dapr's `bindings.localstorage`): made, read, listed and removed by name."""

from __future__ import annotations

import asyncio
import binascii
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

from functions_framework import jsons
from openfunction_eventing.component import Component
from openfunction_eventing.drivers import rooted
from openfunction_eventing.drivers.port import NOTHING, BindingAnswer, BindingError
from openfunction_eventing.drivers.quoted import unquoted

OPERATIONS: Final = ("create", "get", "list", "delete")
# Not even a folder in these; a link to one is none the better.
FORBIDDEN: Final = ("/proc", "/sys", "/boot", "/var/run/secrets")
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


async def open(component: Component) -> LocalStorage:  # noqa: A001 - the name that `drivers` calls
    """Have the folder; raises ComponentError."""
    return LocalStorage(await asyncio.to_thread(_root, component))


class LocalStorage:
    """One folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._done: dict[str, Callable[[str, bytes], BindingAnswer]] = {
            "create": self._create,
            "get": self._get,
            "list": self._list,
            "delete": self._delete,
        }

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        """See `port.OutputBinding`; `fileName` in the metadata is the file's name below the folder."""
        done = self._done.get(operation)
        if done is None:
            raise BindingError(f"there is no operation {operation!r}; there are {', '.join(OPERATIONS)}")
        name = metadata.get("fileName", "") or (str(uuid4()) if operation == "create" else "")
        try:
            return await asyncio.to_thread(done, name, data)
        except (OSError, ValueError) as error:  # the latter for a name that no file system takes
            why = getattr(error, "strerror", "") or str(error)
            raise BindingError(f"{operation} of {name!r} below {self._root} failed: {why}") from error

    def _create(self, name: str, data: bytes) -> BindingAnswer:
        path = rooted.within(self._root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, _content(data))
        return BindingAnswer(jsons.dumps({"fileName": os.path.relpath(path, self._root)}))

    def _get(self, name: str, _: bytes) -> BindingAnswer:
        with os.fdopen(os.open(rooted.within(self._root, name), _READING), "rb") as file:
            return BindingAnswer(file.read())

    def _list(self, name: str, _: bytes) -> BindingAnswer:
        path = rooted.within(self._root, name)
        if not path.is_dir():
            path.lstat()
            raise NotADirectoryError(0, "it is a file, and what is listed is a folder")
        found = [one.decode(errors="replace") for one in _files(os.fsencode(path))]
        return BindingAnswer(jsons.dumps(found or None))  # Dapr's for no file at all

    def _delete(self, name: str, _: bytes) -> BindingAnswer:
        path = rooted.within(self._root, name)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
        return NOTHING

    async def close(self) -> None:
        """See `port.OutputBinding`."""

    def health(self) -> str:
        """See `port.OutputBinding`."""
        return ""


def _root(component: Component) -> Path:
    """The folder, made where it is absent; links on the way to it are followed once, now."""
    given = component.required("rootPath")
    try:
        root = Path(given).resolve()
        _check(component, given, root)
        root.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise component.error(f"metadata 'rootPath' is {given!r}, which is a file; name a folder") from error
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError for links that lead in a circle
        why = getattr(error, "strerror", "") or str(error)
        raise component.error(
            f"metadata 'rootPath' is {given!r}, which cannot be used: {why}; name a folder that this process may write"
        ) from error
    return root


def _check(component: Component, given: str, root: Path) -> None:
    for one in FORBIDDEN:
        if any(root.is_relative_to(path) for path in (Path(one), Path(one).resolve())):
            raise component.error(
                f"metadata 'rootPath' is {given!r}, which lies in {one}; name a folder elsewhere"
            )


def _content(data: bytes) -> bytes:
    """What is written: a text in quotes without them, and then, if it is base64, what that stands for."""
    held = unquoted(data)
    text = data if held is None else held
    bare = text.translate(None, b"\r\n")
    if _BASE64.fullmatch(bare) is None:
        return text
    return binascii.a2b_base64(bare)


# The last part of a path is no link any more once it is resolved; if it is one again, somebody leads elsewhere.
_READING: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_WRITING: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, _WRITING, 0o666), "wb") as file:
        file.write(content)


def _files(folder: bytes) -> Iterator[bytes]:
    """Everything below that is no folder, in the order of names; a folder that may not be read is empty."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry.path
