"""Dapr for the embedded platform: a sidecar in the Pods that ask for one, and the documents it reads.

The sidecar itself is a program of the eventing image, or Dapr's own.
"""

from openfunction_py.controller import manager as managers
from openfunction_py.providers.dapr import components, daprd, replacing
from openfunction_py.providers.dapr.injection import IMAGE, inject

__all__ = ["IMAGE", "daprd", "inject", "install"]


def install(manager: managers.Manager, *, image: str = IMAGE) -> None:
    """Run the controllers; `image` is that of the sidecar that is put into Pods."""
    components.install(manager)
    replacing.install(manager, image=image)
