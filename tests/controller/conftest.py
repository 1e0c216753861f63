"""The small server and the client of the suite of `kube`, here too."""

from tests.kube.conftest import api, client

__all__ = ["api", "client"]
