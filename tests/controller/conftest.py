"""The small server and the client of the suite of `kube`, here too."""

from tests.kube.conftest import api as api
from tests.kube.conftest import client as client
