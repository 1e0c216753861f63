"""A small API in memory: enough of client, caches and recorder for reconcilers to run on.

It stores, counts generations and resource versions, and merges; it is no API server.
"""

from __future__ import annotations

import builtins
import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from openfunction_py.api import admission, scheme
from openfunction_py.api.meta import Object
from openfunction_py.controller import manager as managers
from openfunction_py.controller.cache import Lister
from openfunction_py.controller.types import Reconciler, Request, request_of
from openfunction_py.kube import errors
from openfunction_py.lib import clock

T = TypeVar("T", bound=Object)
Key = tuple[str, str, str]
Document = dict[str, Any]
ROUNDS = 40


class World:
    """What a manager gives to a reconciler, and what a test puts in and takes out."""

    def __init__(self) -> None:
        self.clock = clock.FakeClock()
        self.client = Client(self)
        self.recorder = Recorder()
        self.objects: dict[Key, Document] = {}
        self.queues: dict[str, dict[Request, None]] = {}
        self.writes: list[str] = []
        self._controllers: list[tuple[str, Reconciler, Sequence[managers.Watch]]] = []
        self._numbers = itertools.count(1)

    @property
    def manager(self) -> managers.Manager:
        return cast("managers.Manager", self)

    def lister(self, model: type[T]) -> Lister[T]:
        return View(self, model)

    def add(
        self, name: str, reconciler: Reconciler, *, watches: Sequence[managers.Watch], workers: int = 2
    ) -> Queue:
        self._controllers.append((name, reconciler, watches))
        self.queues[name] = {}
        return Queue(self.queues, name)

    async def settle(self) -> None:
        """Reconcile until nobody has anything to do."""
        for _ in range(ROUNDS):
            if not any(self.queues.values()):
                return
            for name, reconciler, _watches in self._controllers:
                due, self.queues[name] = self.queues[name], {}
                for request in due:
                    await reconciler.reconcile(request)
        raise AssertionError(f"still busy after {ROUNDS} rounds: {self.queues}")

    def wake(self, controller: str, namespace: str, name: str) -> None:
        self.queues[controller][Request(namespace, name)] = None

    def put(self, obj: Object) -> None:
        """A user's apply: admitted, the status as it was."""
        resource = scheme.of(type(obj))
        self.store(admission.admit(resource, operation="CREATE", new=obj.to_wire(), old=None).object)

    def set_status(
        self, model: type[Object], name: str, status: Document, namespace: str = "default"
    ) -> None:
        """What somebody else's controller writes."""
        body = copy.deepcopy(self.objects[self.key(model, namespace, name)])
        body["status"] = status
        self.store(body)

    def key(self, model: type[Object], namespace: str, name: str) -> Key:
        resource = scheme.of(model)
        return f"{resource.api_version}/{resource.kind}", namespace, name

    def store(self, body: Document) -> Document:
        metadata = body["metadata"]
        namespace = metadata.setdefault("namespace", "default")
        key = (f"{body['apiVersion']}/{body['kind']}", namespace, metadata["name"])
        old = self.objects.get(key)
        if old is None:
            number = next(self._numbers)
            metadata |= {
                "uid": f"uid-{number}",
                "generation": 1,
                "creationTimestamp": clock.timestamp(self.clock.now()),
            }
        else:
            metadata["uid"] = old["metadata"]["uid"]
            metadata["creationTimestamp"] = old["metadata"]["creationTimestamp"]
            moved = body.get("spec") != old.get("spec")
            metadata["generation"] = old["metadata"]["generation"] + moved
            body.setdefault("status", old.get("status", {}))
            if _same(old, body):
                return old
        metadata["resourceVersion"] = str(next(self._numbers))
        self.objects[key] = body
        self._notify(body)
        return body

    def remove(self, model: type[Object], namespace: str, name: str) -> None:
        body = self.objects.pop(self.key(model, namespace, name), None)
        if body is not None:
            self._notify(body)

    def _notify(self, body: Document) -> None:
        resource = scheme.by_kind(body["apiVersion"], body["kind"])
        assert resource is not None
        assert resource.model is not None
        obj = resource.model.model_validate(body)
        for name, _, watches in self._controllers:
            for watch in watches:
                if watch.model is resource.model:
                    self.queues[name] |= dict.fromkeys(watch.to_requests(obj))


class Queue:
    """What is left of a controller: it can be asked to look again."""

    def __init__(self, queues: dict[str, dict[Request, None]], name: str) -> None:
        self._queues = queues
        self._name = name

    def enqueue(self, request: Request, after: float = 0.0) -> None:
        self._queues[self._name][request] = None


def _same(old: Document, new: Document) -> bool:
    def bare(body: Document) -> Document:
        metadata = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
        return {**body, "metadata": metadata}

    return bare(old) == bare(new)


class View(Lister[T]):
    """A cache that never lags."""

    def __init__(self, world: World, model: type[T]) -> None:
        self._world = world
        self._model = model
        self._kind = world.key(model, "", "")[0]

    def get(self, namespace: str, name: str) -> T | None:
        body = self._world.objects.get((self._kind, namespace, name))
        return self._model.model_validate(body) if body is not None else None

    def list(
        self, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> builtins.list[T]:
        found = [
            self._model.model_validate(body)
            for (kind, where, _), body in sorted(self._world.objects.items())
            if kind == self._kind and namespace in (None, where)
        ]
        return [one for one in found if (labels or {}).items() <= one.metadata.labels.items()]

    def owned_by(self, uid: str) -> builtins.list[T]:
        return [one for one in self.list() if any(ref.uid == uid for ref in one.metadata.owner_references)]


class Client:
    """The verbs that reconcilers use."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.refuse: dict[str, errors.ApiError] = {}

    async def get(self, model: type[T], name: str, *, namespace: str = "") -> T:
        found = View(self._world, model).get(namespace, name)
        if found is None:
            raise errors.NotFound(f"no {model.__name__} {name}", code=404)
        return found

    async def create(self, obj: T) -> T:
        if View(self._world, type(obj)).get(obj.metadata.namespace, obj.metadata.name) is not None:
            raise errors.AlreadyExists("it exists", code=409)
        return self._write("create", obj, obj.to_wire())

    async def apply(self, obj: T, *, manager: str, force: bool = True, subresource: str = "") -> T:
        body = copy.deepcopy(obj.to_wire())
        old = self._world.objects.get(self._world.key(type(obj), obj.metadata.namespace, obj.metadata.name))
        if subresource and old is not None:
            body = {**copy.deepcopy(old), "status": body.get("status", {})}
        elif old is not None:
            body["status"] = copy.deepcopy(old.get("status", {}))
        return self._write(f"apply{subresource and '/' + subresource}", obj, body)

    async def patch(self, model: type[T], name: str, patch: Document, *, namespace: str = "") -> T:
        old = await self.get(model, name, namespace=namespace)
        return self._write("patch", old, _merge(old.to_wire(), patch))

    async def delete(
        self, model: type[Object], name: str, *, namespace: str = "", uid: str | None = None
    ) -> None:
        self._world.writes.append(f"delete {model.__name__} {name}")
        self._world.remove(model, namespace, name)

    def _write(self, verb: str, obj: T, body: Document) -> T:
        if obj.kind in self.refuse:
            raise self.refuse[obj.kind]
        self._world.writes.append(f"{verb} {obj.kind} {obj.metadata.name}")
        return type(obj).model_validate(self._world.store(copy.deepcopy(body)))


def _merge(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return patch
    return {**old, **{key: _merge(old.get(key), value) for key, value in patch.items()}}


class Recorder:
    """Keeps what would be Events."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def event(self, obj: Object, *, type: str = "Normal", reason: str, message: str) -> None:  # noqa: A002
        self.seen.append((type, reason))


def requests_of(objects: Sequence[Object]) -> list[Request]:
    return [request_of(one) for one in objects]
