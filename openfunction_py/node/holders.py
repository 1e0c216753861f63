"""Which images the objects of a platform hold, and which of them Pods start from.

It reads objects and removes nothing; what it cannot read whole it does not answer for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from openfunction_py.api import builders, functions, servings
from openfunction_py.api.meta import Object
from openfunction_py.api.upstream import apps, batch, core, keda, knative, shipwright
from openfunction_py.kube.client import Client

T = TypeVar("T", bound=Object)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# every kind whose objects may be the last to know a digest: source bundles, results of builds, Revisions to go back to
HOLDERS: tuple[type[Object], ...] = (
    functions.Function, builders.Builder, servings.Serving, shipwright.Build, shipwright.BuildRun,
    knative.KnativeService, knative.Configuration, knative.Revision, apps.ReplicaSet,
    apps.StatefulSet, batch.Job, keda.ScaledJob,
)  # fmt: skip


class IncompleteError(Exception):
    """Objects that cannot be read may hold any image."""


@dataclass(frozen=True, slots=True)
class Held:
    """Digests that any object mentions; digests and names of images that Pods run or would be started from.

    `text` is everything the objects say.
    """

    mentioned: frozenset[str]
    started: frozenset[str]
    text: str = ""

    def names(self, image: str) -> bool:
        """Whether any object may mean this image by its name; a name that is part of another counts too."""
        return image.removesuffix(":latest") in self.text


async def find(client: Client) -> Held:
    """What is held now.

    Raises:
        IncompleteError: an object fits no slice of its kind.
        errors.ApiError: the server cannot be asked.
    """
    pods = await _all(client, core.Pod)
    deployments = await _all(client, apps.Deployment)  # at zero too: a wake must not wait for an unpacking
    others = [one for kind in HOLDERS for one in await _all(client, kind)]
    running = text_of([*pods, *deployments])
    text = f"{running}\n{text_of(others)}"
    specs = [*(pod.spec for pod in pods), *(one.spec.template.spec for one in deployments)]
    started = mentioned(running) | frozenset(_images(specs))
    return Held(mentioned=mentioned(text), started=started, text=text)


async def _all(client: Client, kind: type[T]) -> list[T]:
    page = await client.list(kind)
    if page.left_out:
        raise IncompleteError(f"{page.left_out} objects of kind {kind.__name__} cannot be read")
    return page.items


def text_of(objects: Iterable[Object]) -> str:
    """The objects whole, as text: keeping too much is safe, and no field can be forgotten."""
    return "\n".join(json.dumps(one.to_wire()) for one in objects)


def mentioned(text: str) -> frozenset[str]:
    """Every digest that stands anywhere in it."""
    return frozenset(DIGEST.findall(text))


def _images(specs: Iterable[core.PodSpec]) -> Iterator[str]:
    for spec in specs:
        yield from (container.image for container in (*spec.init_containers, *spec.containers))
