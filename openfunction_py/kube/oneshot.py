"""The client of one command: requests over one kept connection, and streams of lines.

Imports neither aiohttp nor pydantic, as importing these costs what a whole command may take.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlencode, urlsplit

from openfunction_py.kube import errors, tls
from openfunction_py.kube.endpoint import Endpoint

TIMEOUT = 30.0


class OneShot:
    """A synchronous client; safe for one thread."""

    def __init__(self, endpoint: Endpoint, *, timeout: float = TIMEOUT) -> None:
        """Dial nothing yet; timeout is for one read or connect, in seconds."""
        self._endpoint = endpoint
        self._base = urlsplit(endpoint.server)
        self._tls = tls.context(endpoint)
        self._timeout = timeout
        self._kept: http.client.HTTPConnection | None = None
        self.warnings: list[str] = []  # what the server warned of in its last answer

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """One request: the status and the body, whatever the status.

        Raises:
            Unreachable: there was no whole answer.
        """
        code, content = self._kept_request(method, self._target(path, params), body, self._headers(headers))
        if code == 401 and self._endpoint.refresh:
            fresh = self._headers({**(headers or {}), "Authorization": f"Bearer {self._endpoint.refresh()}"})
            code, content = self._kept_request(method, self._target(path, params), body, fresh)
        return code, content

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[bytes]:
        """The lines of a long answer as they come, without their ends; on a connection of its own.

        Raises:
            ApiError: the server refused.
            Unreachable: the stream broke.
        """
        connection = self._dial(timeout)
        try:
            connection.request(method, self._target(path, params), headers=self._headers(None))
            response = connection.getresponse()
            if response.status >= 400:
                raise errors.from_status(response.status, response.read())
            for line in response:
                yield line.rstrip(b"\r\n")
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self._endpoint, error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept:
            self._kept.close()
            self._kept = None

    def _kept_request(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        reused = self._kept is not None
        try:
            return self._exchange(method, target, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            # a server may close an idle connection at any time, but a creation may have been handled
            if not reused or method == "POST":
                raise _unreachable(self._endpoint, error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(self._endpoint, error) from error
        return self._kept_request(method, target, body, headers)

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        if self._kept is None:
            self._kept = self._dial(self._timeout)
        self._kept.request(method, target, body=body, headers=headers)
        response = self._kept.getresponse()
        content = response.read()
        self.warnings = [_warning_text(value) for value in response.headers.get_all("Warning") or ()]
        if response.will_close:
            self.close()
        return response.status, content

    def _dial(self, timeout: float | None) -> http.client.HTTPConnection:
        host, port = self._base.hostname or "", self._base.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        if self._endpoint.server_name:
            return _NamedConnection(
                self._endpoint.server_name, host, port, timeout=timeout, context=self._tls
            )
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)

    def _target(self, path: str, params: Mapping[str, str] | None) -> str:
        query = f"?{urlencode(params)}" if params else ""
        return f"{self._base.path}{path}{query}"

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        token = self._endpoint.bearer()
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return {"Accept": "application/json", **authorization, **(more or {})}


class _NamedConnection(http.client.HTTPSConnection):
    """A connection whose certificate is checked against another name than the one dialled."""

    def __init__(
        self, server_name: str, host: str, port: int | None, *, timeout: float | None, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._server_name = server_name
        self._named_context = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._named_context.wrap_socket(self.sock, server_hostname=self._server_name)


def _unreachable(endpoint: Endpoint, error: Exception) -> errors.Unreachable:
    return errors.Unreachable(
        f"no answer from {endpoint.server}: {error or type(error).__name__}", reason="Unreachable"
    )


def _warning_text(header: str) -> str:
    """The sentence of a `299 - "sentence"` header (RFC 9110 keeps only its quoted text)."""
    quoted = header.partition('"')[2].rpartition('"')[0]
    return quoted.replace('\\"', '"').replace("\\\\", "\\") or header
