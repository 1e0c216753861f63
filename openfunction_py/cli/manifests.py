"""Manifests as files: documents with the place they came from, so that an error can name file and line.

It reads YAML and JSON; it knows nothing of kinds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from openfunction_py.cli import failures

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
        return parse(sys.stdin.read(), Path("stdin"))
    path = Path(name)
    files = (
        sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml", ".json"})
        if path.is_dir()
        else [path]
    )
    documents: list[Document] = []
    for file in files:
        try:
            documents += parse(file.read_text(), file)
        except OSError as error:
            raise failures.Failure(f"{file} cannot be read: {error.strerror}") from error
    if not documents:
        raise failures.Failure(f"{name} holds no manifest (*.yaml, *.yml or *.json with a document in it)")
    return documents


def parse(text: str, origin: Path) -> list[Document]:
    """Documents of a text.

    Raises:
        Failure: no YAML, or a document that is no object.
    """
    loader = LOADER(text)
    documents = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            value = loader.construct_document(node)
            if value is None:
                continue
            if not isinstance(value, dict):
                raise failures.Failure(
                    f"{origin}:{node.start_mark.line + 1}: a manifest is an object with kind and spec"
                )
            documents.append(Document(_strip(value), origin, dict(_lines(node, ""))))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise failures.Failure(
            f"{origin}{line}: not valid YAML: {getattr(error, 'problem', None) or error}"
        ) from error
    finally:
        loader.dispose()
    return [item for document in documents for item in _items(document)]


def _items(document: Document) -> Iterator[Document]:
    if document.value.get("kind") != "List":
        yield document
        return
    for index, item in enumerate(document.value.get("items", [])):
        yield Document(_strip(item), document.origin, {"": document.lines.get(f"items[{index}]", 1)})


def _strip(value: dict[str, Any]) -> dict[str, Any]:
    """An object exported from a cluster carries what the server owns; a new one must not."""
    meta = value.get("metadata")
    if isinstance(meta, dict):
        value = {**value, "metadata": {k: v for k, v in meta.items() if k not in SERVER_OWNED}}
    return {key: part for key, part in value.items() if key != "status"}


def _lines(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            name = f"{path}.{key.value}" if path else str(key.value)
            yield from _lines(child, name)
            yield name, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _lines(child, f"{path}[{index}]")
