"""Dapr for the embedded platform: a sidecar in the Pods that ask for one, and the documents it reads.

The sidecar itself is a program of the eventing image, or Dapr's own.
"""

from openfunction_py.providers.dapr import daprd
from openfunction_py.providers.dapr.components import install
from openfunction_py.providers.dapr.injection import inject

__all__ = ["daprd", "inject", "install"]
