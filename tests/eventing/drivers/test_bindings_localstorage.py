"""Files below a folder: what is written, read, listed and removed, and that nothing leads out of the folder."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.bindings_localstorage import LocalStorage
from openfunction_eventing.drivers.port import NOTHING, BindingError


async def opened(root: Path | str) -> LocalStorage:
    given = Component("files", "bindings.localstorage", metadata={"rootPath": str(root)})
    return cast("LocalStorage", await drivers.open(given))


async def create(binding: LocalStorage, name: str, data: bytes = b"x") -> str:
    answer = await binding.invoke("create", data, {"fileName": name})
    return str(json.loads(answer.data)["fileName"])


@pytest.mark.capability("write")
async def test_a_file_is_made_read_listed_and_removed(tmp_path: Path) -> None:
    root = tmp_path / "a" / "files"
    binding = await opened(root)
    assert await create(binding, "deep/er/one.txt", b"hello!") == "deep/er/one.txt"
    assert (root / "deep/er/one.txt").read_bytes() == b"hello!"
    assert await create(binding, "deep/er/one.txt", b"less") == "deep/er/one.txt"
    assert (await binding.invoke("get", b"", {"fileName": "deep/er/one.txt"})).data == base64.b64decode(
        "less"
    )
    listed = await binding.invoke("list", b"", {"fileName": "deep"})
    assert json.loads(listed.data) == [str(root / "deep/er/one.txt")]
    assert await binding.invoke("delete", b"", {"fileName": "deep/er/one.txt"}) is NOTHING
    assert not (root / "deep/er/one.txt").exists()
    assert binding.health() == ""
    await binding.close()


async def test_without_a_name_one_is_made_up(tmp_path: Path) -> None:
    binding = await opened(tmp_path)
    (name,) = {json.loads((await binding.invoke("create", b"x", {})).data)["fileName"]}
    assert UUID(name).version == 4
    assert (tmp_path / name).read_bytes() == b"x"


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (b"plain", b"plain"),
        (b'"in quotes"', b"in quotes"),
        (b'"\\u003ca\\n\\"b\\"\\x41\\101\\U0001F600"', '<a\n"b"AA\U0001f600'.encode()),
        (b"`raw\\n`", b"raw\\n"),
        (b"'\\t'", b"\t"),
        (b"'two'", b"'two'"),
        (b'"half', b'"half'),
        (b'"a"b"', b'"a"b"'),
        (b'"\\ud800"', b'"\\ud800"'),
        (b'"\\q"', b'"\\q"'),
        (b'"\xff\\n"', "\ufffd\n".encode()),
        (b'"aGVsbG8h"', b"hello!"),
        (b"aGVs\r\nbG8h", b"hello!"),
        (b"test", base64.b64decode("test")),
        (b"tes=t", b"tes=t"),
        (b"\x00\xff", b"\x00\xff"),
        (b'{"a":1}', b'{"a":1}'),
        (b"", b""),
    ],
)
async def test_quotes_and_base64_are_taken_off(tmp_path: Path, given: bytes, held: bytes) -> None:
    binding = await opened(tmp_path)
    await create(binding, "f", given)
    assert (tmp_path / "f").read_bytes() == held


async def test_large_texts_lose_their_quotes_too(tmp_path: Path) -> None:
    binding = await opened(tmp_path)
    await create(binding, "f", b'"' + b"a\\n-" * 500_000 + b'"')
    assert (tmp_path / "f").read_bytes() == b"a\n-" * 500_000


async def test_a_list_is_in_the_order_of_names_and_null_when_there_is_nothing(tmp_path: Path) -> None:
    binding = await opened(tmp_path)
    assert (await binding.invoke("list", b"", {})).data == b"null"
    for name in ("b/2", "c", "a", "b/1"):
        await create(binding, name)
    (tmp_path / "link").symlink_to("b")
    (tmp_path / os.fsdecode(b"odd\xff")).touch()
    listed = json.loads((await binding.invoke("list", b"", {})).data)
    assert listed == [f"{tmp_path}/{name}" for name in ("a", "b/1", "b/2", "c", "link", "odd\ufffd")]


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("../../out.txt", "out.txt"),
        ("/etc/out.txt", "etc/out.txt"),
        ("a/../../out.txt", "out.txt"),
        ("./a//b/", "a/b"),
        ("up/out.txt", "out.txt"),
        ("away/out.txt", "away-from-here/out.txt"),
        ("hop/out.txt", "away-from-here/out.txt"),
    ],
)
async def test_no_name_and_no_link_leads_out_of_the_folder(tmp_path: Path, name: str, becomes: str) -> None:
    root = tmp_path / "root"
    binding = await opened(root)
    (root / "up").symlink_to("../../..")
    (root / "away").symlink_to("/away-from-here")
    (root / "hop").symlink_to("up/away")
    assert await create(binding, name) == becomes
    assert (root / becomes).read_bytes() == b"x"
    assert beside(root) == ["root"]


def beside(root: Path) -> list[str]:
    return [one.name for one in root.parent.iterdir()]


@pytest.mark.parametrize(
    ("operation", "name", "said"),
    [
        ("get", "none", "No such file"),
        ("get", "", "Is a directory"),
        ("delete", "none", "No such file"),
        ("delete", "full", "not empty"),
        ("list", "none", "No such file"),
        ("list", "file", "it is a file"),
        ("create", "full", "Is a directory"),
        ("create", "file/below", "exists"),
        ("create", "round/file", "symbolic links"),
        ("create", "n" * 300, "too long"),
        ("get", "a\x00b", "null byte"),
        ("copy", "file", "there are create, get, list, delete"),
        ("CREATE", "file", "there are create, get, list, delete"),
    ],
)
async def test_what_cannot_be_done_is_told(tmp_path: Path, operation: str, name: str, said: str) -> None:
    binding = await opened(tmp_path)
    await create(binding, "full/one")
    await create(binding, "file")
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(BindingError, match=said):
        await binding.invoke(operation, b"x", {"fileName": name})


@pytest.mark.parametrize("root", ["/proc", "/proc/self", "/sys/x", "/boot/../boot/x", "/var/run/secrets/x"])
async def test_folders_of_the_system_are_refused(root: str) -> None:
    with pytest.raises(ComponentError, match="name a folder elsewhere"):
        await opened(root)


async def test_a_link_to_a_folder_of_the_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self")
    with pytest.raises(ComponentError, match="lies in /proc"):
        await opened(tmp_path / "link" / "below")


async def test_a_root_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ComponentError, match="is a file; name a folder"):
        await opened(tmp_path / "file")
    with pytest.raises(ComponentError, match="cannot be used: Not a directory"):
        await opened(tmp_path / "file" / "below")
    with pytest.raises(ComponentError, match="'rootPath' is missing"):
        await drivers.open(Component("files", "bindings.localstorage"))


async def test_a_relative_root_is_below_where_the_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    binding = await opened("here")
    await create(binding, "f")
    assert (tmp_path / "here" / "f").exists()
