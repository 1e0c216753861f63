"""The log of a Function as it grows: of every instance there is, and of every one that starts meanwhile.

It ends when it is cancelled; what is no log line, such as which instance wrote it, is not its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from openfunction_py.api.upstream import core
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.kube.endpoint import Endpoint

STARTED = frozenset({"Running", "Succeeded", "Failed"})


async def follow(
    endpoint: Endpoint, namespace: str, *, labels: str, tail: int | None, write: Callable[[bytes], None]
) -> None:
    """Write every line of the Pods with these labels, whole lines of one Pod at a time.

    Raises:
        ExceptionGroup: of ApiError, when the server refuses or goes away.
    """
    seen: set[str] = set()
    async with clients.Client(endpoint) as client, asyncio.TaskGroup() as group:

        def consider(pod: core.Pod) -> None:
            uid = pod.metadata.uid or ""
            if uid not in seen and pod.status and pod.status.phase in STARTED:
                seen.add(uid)
                group.create_task(_one(client, pod, tail, write))

        while True:
            page = await client.list(core.Pod, namespace=namespace, labels=labels)
            for pod in page.items:
                consider(pod)
            try:
                async for event in client.watch(
                    core.Pod, namespace=namespace, labels=labels, resource_version=page.resource_version
                ):
                    if event.type in ("ADDED", "MODIFIED"):
                        consider(event.object)
            except errors.Gone:
                continue  # the server forgot that version: list again


async def _one(
    client: clients.Client, pod: core.Pod, tail: int | None, write: Callable[[bytes], None]
) -> None:
    rest = b""
    stream = client.logs(
        pod.metadata.name,
        namespace=pod.metadata.namespace or "",
        container=pod.spec.containers[0].name,
        follow=True,
        tail=tail,
    )
    try:
        async for piece in stream:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                write(whole + newline)
    except errors.NotFound:
        return  # it was removed between its event and our request
    if rest:
        write(rest + b"\n")
