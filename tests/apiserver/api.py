"""A small client for the server's tests: JSON in, code and JSON out, nothing typed and nothing retried."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from openfunction_py.apiserver import testing

Document = dict[str, Any]

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
FUNCTIONS = "/apis/core.openfunction.io/v1beta2"


class Api:
    """Requests to one server, by default as its admin."""

    def __init__(self, server: testing.Server, namespace: str = "default") -> None:
        self.server = server
        self.namespace = namespace
        self.token = server.home.token("admin").read_text()
        self._tls = ssl.create_default_context(cafile=str(server.home.ca_cert))

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection."""
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=self._tls, timeout=20)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            sent = {"Authorization": f"Bearer {self.token}", "User-Agent": "test/1", **(headers or {})}
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def call(
        self,
        method: str,
        path: str,
        value: object = None,
        *,
        media: str = "application/json",
        accept: str = "",
    ) -> tuple[int, Document]:
        """One request with JSON both ways."""
        headers = {"Content-Type": media, **({"Accept": accept} if accept else {})}
        code, content, _ = self.raw(
            method, path, None if value is None else json.dumps(value).encode(), headers
        )
        return code, json.loads(content)

    def ok(self, method: str, path: str, value: object = None, **how: str) -> Document:
        """A request that must succeed."""
        code, body = self.call(method, path, value, **how)
        assert code < 300, body
        return body

    def config_maps(self, name: str = "") -> str:
        """Path of ConfigMaps in the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/configmaps" + (f"/{name}" if name else "")

    def pods(self, name: str = "") -> str:
        """Path of Pods in the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/pods" + (f"/{name}" if name else "")

    def functions(self, name: str = "") -> str:
        """Path of Functions in the namespace."""
        return f"{FUNCTIONS}/namespaces/{self.namespace}/functions" + (f"/{name}" if name else "")

    def deployments(self, name: str = "") -> str:
        """Path of Deployments in the namespace."""
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments" + (f"/{name}" if name else "")

    def create_map(self, name: str, **metadata: object) -> Document:
        """A new ConfigMap."""
        return self.ok(
            "POST", self.config_maps(), {"metadata": {"name": name, **metadata}, "data": {"a": "1"}}
        )

    def patch(self, path: str, value: object, media: str = MERGE) -> Document:
        """A patch that must succeed."""
        return self.ok("PATCH", path, value, media=media)

    def apply(
        self, path: str, value: object, *, manager: str = "tester", query: str = ""
    ) -> tuple[int, Document]:
        """Server-side apply."""
        return self.call("PATCH", f"{path}?fieldManager={manager}{query}", value, media=APPLY)

    @contextmanager
    def watch(
        self, path: str, query: str = "", accept: str = "application/json"
    ) -> Iterator[Iterator[Document]]:
        """The events of a watch, as they come."""
        connection = self.connect()
        connection.request(
            "GET",
            f"{path}?watch=1{query}",
            headers={"Authorization": f"Bearer {self.token}", "Accept": accept},
        )
        response = connection.getresponse()
        try:
            assert response.status == 200, response.read()
            yield (json.loads(line) for line in response)
        finally:
            response.close()
            connection.close()


def function(name: str, **spec: object) -> Document:
    """A Function that admission takes."""
    return {
        "apiVersion": "core.openfunction.io/v1beta2",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "version": "v1",
            "image": "demo/hello:v1",
            "serving": {"triggers": {"http": {"port": 8080}}},
            **spec,
        },
    }


def pod(name: str, **spec: object) -> Document:
    """A Pod on the local node."""
    return {
        "metadata": {"name": name},
        "spec": {"nodeName": "local", "containers": [{"name": "c", "image": "i"}], **spec},
    }


def deployment(name: str) -> Document:
    """A Deployment with two containers."""
    containers = [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}, {"name": "s", "image": "j"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }
