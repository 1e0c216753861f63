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
from openfunction_py.api.upstream import apps, core, knative, shipwright
from openfunction_py.kube.client import Client

T = TypeVar("T", bound=Object)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# every kind whose objects may be the last to know a digest: source bundles, results of builds, Revisions to go back to
HOLDERS: tuple[type[Object], ...] = (
    functions.Function, builders.Builder, servings.Serving, shipwright.Build, shipwright.BuildRun,
    knative.KnativeService, knative.Configuration, knative.Revision, apps.ReplicaSet,
)  # fmt: skip


class IncompleteError(Exception):
    """Objects that cannot be read may hold any image."""


@dataclass(frozen=True, slots=True)
class Held:
    """Digests that any object mentions; digests and names of images that Pods run or would be started from."""

    mentioned: frozenset[str]
    started: frozenset[str]


async def find(client: Client) -> Held:
    """What is held now.

    Raises:
        IncompleteError: an object fits no slice of its kind.
        errors.ApiError: the server cannot be asked.
    """
    pods = await _all(client, core.Pod)
    deployments = await _all(client, apps.Deployment)  # at zero too: a wake must not wait for an unpacking
    others = [one for kind in HOLDERS for one in await _all(client, kind)]
    started = mentioned([*pods, *deployments])
    specs = [*(pod.spec for pod in pods), *(one.spec.template.spec for one in deployments)]
    return Held(mentioned=started | mentioned(others), started=started | frozenset(_images(specs)))


async def _all(client: Client, kind: type[T]) -> list[T]:
    page = await client.list(kind)
    if page.left_out:
        raise IncompleteError(f"{page.left_out} objects of kind {kind.__name__} cannot be read")
    return page.items


def mentioned(objects: Iterable[Object]) -> frozenset[str]:
    """Every digest that stands anywhere in an object: keeping too much is safe, and no field can be forgotten."""
    return frozenset(digest for one in objects for digest in DIGEST.findall(json.dumps(one.to_wire())))


def _images(specs: Iterable[core.PodSpec]) -> Iterator[str]:
    for spec in specs:
        yield from (container.image for container in (*spec.init_containers, *spec.containers))
