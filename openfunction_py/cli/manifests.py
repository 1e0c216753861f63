"""Manifests as files: documents with the place they came from, so that an error can name file and line.

It reads YAML and JSON; it knows nothing of kinds.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from openfunction_py.cli import failures

MOST_NODES = 100_000


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's where it is built in
    """Scalars as Kubernetes reads them: a date stays text, and 22:30 is no number of base 60."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and shape are PyYAML's
        first: [
            (tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":int", ":float"))
        ]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*|0[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)

SERVER_OWNED = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
)


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file: its value, the file, and the line of every field path."""

    value: dict[str, Any]
    origin: Path
    lines: dict[str, int]

    def place(self, field: str = "") -> str:
        """`file:line` of a field, or of the nearest parent that was written."""
        parts = field.replace("[", ".[").split(".") if field else []
        for length in range(len(parts), -1, -1):
            key = ".".join(parts[:length]).replace(".[", "[")
            if key in self.lines:
                return f"{self.origin}:{self.lines[key]}"
        return str(self.origin)


def read(name: str) -> list[Document]:
    """Documents of a file, of every manifest of a folder, or of standard input for `-`.

    Raises:
        Failure: not readable, or no YAML, with file and line.
    """
    if name == "-":
        found = parse(_text(sys.stdin.buffer.read(), Path("stdin")), Path("stdin"))
        if not found:
            raise failures.Failure("standard input holds no manifest")
        return found
    path = Path(name)
    files = (
        sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
        if path.is_dir()
        else [path]
    )
    documents: list[Document] = []
    for file in files:
        try:
            documents += parse(_text(file.read_bytes(), file), file)
        except OSError as error:
            raise failures.Failure(f"{file} cannot be read: {error.strerror}") from error
    if not documents:
        raise failures.Failure(
            f"{name} holds no manifest (*.yaml, *.yml or *.json with a document in it; folders in it are not searched)"
        )
    return documents


def _text(content: bytes, origin: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failures.Failure(f"{origin} is no text in UTF-8 (byte {error.start})") from error


def parse(text: str, origin: Path) -> list[Document]:
    """Documents of a text.

    Raises:
        Failure: no YAML, or a document that is no object.
    """
    documents = []
    try:
        loader = Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                documents.append((node, dict(_lines(node, origin)), _plain(loader.construct_document(node))))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        said = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise failures.Failure(f"{origin}{line}: not valid YAML: {said}") from error
    except (TypeError, ValueError) as error:
        raise failures.Failure(f"{origin}: a value that JSON has no word for: {error}") from error
    return [
        item
        for node, lines, value in documents
        if value is not None
        for item in _items(Document(value, origin, lines), node.start_mark.line + 1)
    ]


def _plain(value: object) -> Any:
    """The value as JSON carries it: names are texts, and what JSON does not have is refused."""
    return json.loads(json.dumps(value, allow_nan=False))


def _items(document: Document, line: int) -> Iterator[Document]:
    """The document, or the objects in it when it is a list as `get -o yaml` prints one."""
    value, origin = document.value, document.origin
    if not isinstance(value, dict):
        raise failures.Failure(f"{origin}:{line}: a manifest is an object with kind and spec")
    kind, items = str(value.get("kind", "")), value.get("items")
    if not kind.endswith("List") or not (kind == "List" or isinstance(items, list)):
        yield _checked(Document(_strip(value), origin, document.lines))
        return
    if not isinstance(items, list):
        raise failures.Failure(f"{document.place('items')}: items of a List is a list of objects")
    inherited = {} if kind == "List" else {"apiVersion": value.get("apiVersion"), "kind": kind[:-4]}
    for index, item in enumerate(items):
        prefix = f"items[{index}]"
        lines = {
            key.removeprefix(prefix).removeprefix("."): found
            for key, found in document.lines.items()
            if key == prefix or key.startswith((f"{prefix}.", f"{prefix}["))
        }
        if not isinstance(item, dict):
            raise failures.Failure(f"{document.place(prefix)}: a manifest is an object with kind and spec")
        yield _checked(Document(_strip({**inherited, **item}), origin, lines))


def _checked(document: Document) -> Document:
    """Refuse what would be no object on any server, so that whoever works on it need not ask again."""
    meta = document.value.get("metadata", {})
    if not isinstance(meta, dict):
        raise failures.Failure(f"{document.place('metadata')}: metadata is an object with a name")
    for field in ("name", "namespace"):
        if not isinstance(meta.get(field, ""), str):
            raise failures.Failure(f"{document.place(f'metadata.{field}')}: metadata.{field} is a text")
    return document


def _strip(value: dict[str, Any]) -> dict[str, Any]:
    """An object exported from a cluster carries what the server owns; a new one must not."""
    meta = value.get("metadata")
    if isinstance(meta, dict):
        value = {**value, "metadata": {k: v for k, v in meta.items() if k not in SERVER_OWNED}}
    return {key: part for key, part in value.items() if key != "status"}


def _lines(root: yaml.Node, origin: Path) -> Iterator[tuple[str, int]]:
    """The line of every field path; refuses what JSON has no word for."""
    yield "", root.start_mark.line + 1
    left, count = [(root, "", frozenset[int]())], 0
    while left:
        node, path, above = left.pop()
        place, count = f"{origin}:{node.start_mark.line + 1}", count + 1
        if id(node) in above:
            raise failures.Failure(f"{place}: {path} holds itself")
        if count > MOST_NODES:
            raise failures.Failure(f"{origin} has more than {MOST_NODES} values; a manifest is smaller")
        inner = above | {id(node)}
        if isinstance(node, yaml.MappingNode):
            found = list(_fields(node, path, origin))
        elif isinstance(node, yaml.SequenceNode):
            found = [(f"{path}[{i}]", child.start_mark.line + 1, child) for i, child in enumerate(node.value)]
        else:
            continue
        yield from ((name, line) for name, line, _ in found)
        left += [(child, name, inner) for name, _, child in found]


def _fields(node: yaml.MappingNode, path: str, origin: Path) -> Iterator[tuple[str, int, yaml.Node]]:
    seen: set[str] = set()
    for key, child in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise failures.Failure(f"{origin}:{line}: the name of a field is a text")
        if key.value in seen:
            raise failures.Failure(f"{origin}:{line}: {key.value} stands here a second time")
        seen.add(key.value)
        yield f"{path}.{key.value}" if path else str(key.value), line, child
