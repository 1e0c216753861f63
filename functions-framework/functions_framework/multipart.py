"""Forms of type multipart/form-data: text values and files, parsed as they come and within limits (RFC 7578).

It knows no request and decides no limit of the whole body; that is the server's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from functions_framework import errors
from functions_framework.fields import Headers, MissingKey

MAX_PARTS = 1000
MAX_HEAD = 8 << 10  # header fields of one part
_BOUNDARY = re.compile(r'(?:^|;)\s*boundary=(?:"([^"]{1,200})"|([^;,\s]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([\w!#$%&*+.^`|~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_END = b"\r\n\r\n"


class File:
    """A file of a form, under the names that Flask gives them.

    Attributes:
        name: the form's field.
        filename: the file's own name as the client told it; never use it as a path.
        stream: the content, at its beginning.
    """

    def __init__(self, name: str, filename: str, headers: Headers, stream: BinaryIO) -> None:
        self.name = name
        self.filename = filename
        self.headers = headers
        self.stream = stream

    def __repr__(self) -> str:
        return f"<File {self.filename!r} ({self.content_type})>"

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    @property
    def content_type(self) -> str:
        """The part's Content-Type; empty when it has none."""
        return self.headers.get("content-type", "")

    @property
    def mimetype(self) -> str:
        """The Content-Type without parameters, lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    def read(self, size: int = -1) -> bytes:
        """Bytes from where the stream stands."""
        return self.stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move within the stream."""
        return self.stream.seek(offset, whence)

    def readline(self) -> bytes:
        """The next line."""
        return self.stream.readline()

    def save(self, target: str | Path | BinaryIO) -> None:
        """Write what has not been read yet to a path or an open file."""
        if isinstance(target, str | Path):
            with Path(target).open("wb") as opened:
                shutil.copyfileobj(self.stream, opened)
        else:
            shutil.copyfileobj(self.stream, target)

    def close(self) -> None:
        """Let go of the content."""
        self.stream.close()


class Files(Mapping[str, File]):
    """Files by field; a field's first file stands for it, and a missing one is a bad request."""

    def __init__(self) -> None:
        self._files: dict[str, list[File]] = {}

    def add(self, file: File) -> None:
        """Append a file."""
        self._files.setdefault(file.name, []).append(file)

    def __getitem__(self, name: str) -> File:
        found = self._files.get(name)
        if found is None:
            raise MissingKey(name)
        return found[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def to_dict(self) -> dict[str, File]:
        """First files as a plain dict."""
        return dict(self)

    def getlist(self, name: str) -> list[File]:
        """Every file of a field, in order."""
        return list(self._files.get(name, ()))


class Parser:
    """Takes the body in pieces of any size; `values` and `files` are complete after `end`."""

    def __init__(self, boundary: bytes) -> None:
        self.values: list[tuple[str, str]] = []
        self.files: Files = Files()
        self._mark = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning
        self._step = self._preamble
        self._parts = 0
        self._head = Headers(())
        self._content = BytesIO()

    def feed(self, data: bytes) -> None:
        """Parse as far as this goes; raises BadRequest for what is no form, HttpError 413 for one too rich."""
        self._buffer += data
        while self._step():
            pass

    def end(self) -> None:
        """The body is over; raises BadRequest when the form is not."""
        if self._step != self._epilogue:
            raise errors.BadRequest("The multipart form ends before its last boundary.")

    def _preamble(self) -> bool:
        found = self._buffer.find(self._mark)
        if found < 0:
            del self._buffer[: max(0, len(self._buffer) - len(self._mark))]
            return False
        del self._buffer[: found + len(self._mark)]
        self._step = self._delimiter
        return True

    def _delimiter(self) -> bool:
        """What follows a boundary: two dashes after the last one, else the end of the line."""
        if len(self._buffer) < 2:
            return False
        if self._buffer.startswith(b"--"):
            self._step = self._epilogue
            return True
        line = self._buffer.find(b"\r\n")
        if line < 0:
            return self._wait_for_head("line")
        if self._buffer[:line].strip(b" \t"):
            raise errors.BadRequest("A boundary of the multipart form is followed by something else.")
        del self._buffer[:line]
        self._step = self._fields
        return True

    def _fields(self) -> bool:
        end = self._buffer.find(_END)
        if end < 0 or end > MAX_HEAD:
            return self._wait_for_head("header")
        pairs = [line.partition(b":") for line in bytes(self._buffer[:end]).split(b"\r\n") if line]
        self._head = Headers([(name.strip(), value.strip()) for name, _, value in pairs])
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise errors.HttpError(413, f"A multipart form may have {MAX_PARTS} parts at most.")
        del self._buffer[: end + len(_END)]
        self._content = BytesIO()
        self._step = self._body
        return True

    def _body(self) -> bool:
        found = self._buffer.find(self._mark)
        if found < 0:
            sure = len(self._buffer) - len(self._mark)
            if sure > 0:
                self._content.write(self._buffer[:sure])
                del self._buffer[:sure]
            return False
        self._content.write(self._buffer[:found])
        del self._buffer[: found + len(self._mark)]
        self._finish()
        self._step = self._delimiter
        return True

    def _epilogue(self) -> bool:
        self._buffer.clear()
        return False

    def _wait_for_head(self, what: str) -> bool:
        if len(self._buffer) > MAX_HEAD:
            raise errors.HttpError(413, f"A {what} of a part of the multipart form is too long.")
        return False

    def _finish(self) -> None:
        told = parameters(self._head.get("content-disposition", ""))
        name = told.get("name")
        if name is None:
            raise errors.BadRequest("A part of the multipart form has no name.")
        filename = told.get("filename")
        if filename is None:
            self.values.append((name, self._content.getvalue().decode(errors="replace")))
        else:
            self._content.seek(0)
            self.files.add(File(name, filename, self._head, self._content))


def boundary(content_type: str) -> bytes:
    """The boundary that a Content-Type names; raises BadRequest when it names none."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise errors.BadRequest("The Content-Type multipart/form-data names no boundary.")
    return (found[1] or found[2]).encode("latin-1")


def parameters(field: str) -> dict[str, str]:
    """The parameters of a header such as Content-Disposition, `filename*` (RFC 8187) before `filename`."""
    told: dict[str, str] = {}
    for name, raw in _PARAMETER.findall(field):
        quoted = raw.startswith('"')
        value = re.sub(r'\\(["\\])', r"\1", raw[1:-1]) if quoted else raw
        told[name.lower()] = _utf8(value)
    for name in [each for each in told if each.endswith("*")]:
        charset, _, rest = told.pop(name).partition("'")
        if charset.lower() in {"utf-8", "us-ascii", "iso-8859-1"}:
            told[name[:-1]] = unquote(rest.partition("'")[2], encoding=charset)
    return told


def _utf8(text: str) -> str:
    """Browsers send names as UTF-8; header fields were decoded byte by byte."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def parse(content_type: str, body: bytes) -> Parser:
    """The form of a whole body; raises HttpError 400 or 413."""
    parser = Parser(boundary(content_type))
    parser.feed(body)
    parser.end()
    return parser
