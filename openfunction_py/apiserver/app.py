"""The ASGI application: routes of the Kubernetes wire, and the boundary where every failure becomes a Status.

It routes and answers; each verb stands in its own module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from openfunction_py.apiserver import (
    auth,
    body,
    compression,
    database,
    discovery,
    logs,
    openapi,
    reading,
    representation,
    reviews,
    status,
    store,
    table,
    watching,
    writing,
)
from openfunction_py.apiserver import (
    request as requests,
)
from openfunction_py.apiserver.dependencies import Dependencies, PodLogs
from openfunction_py.apiserver.representation import Form
from openfunction_py.apiserver.request import Options, Target
from openfunction_py.lib import log

__all__ = ["Dependencies", "PodLogs", "create"]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
Answer = Response | watching.Watch | logs.LogStream
Endpoint = Callable[[Request], Awaitable[Answer]]

logger = log.get("apiserver")


def create(deps: Dependencies) -> ASGIApp:
    """The application over its dependencies."""
    served = Served(deps)
    routes = [
        *(Route(f"/{name}", guarded(_ready)) for name in ("healthz", "livez", "readyz")),
        *(
            Route(f"/{name}{end}", guarded(_ready))
            for name in ("livez", "readyz")
            for end in ("/{check:path}",)
        ),
        *(Route(f"/version{end}", guarded(_version)) for end in ("", "/")),
        *(Route(f"/api{end}", guarded(_root)) for end in ("", "/")),
        *(Route(f"/apis{end}", guarded(_root)) for end in ("", "/")),
        *(Route(f"/api/{{version}}{end}", guarded(_resources)) for end in ("", "/")),
        *(Route(f"/apis/{{group}}{end}", guarded(_group)) for end in ("", "/")),
        *(Route(f"/apis/{{group}}/{{version}}{end}", guarded(_resources)) for end in ("", "/")),
        Route("/openapi/v3", guarded(_openapi_index)),
        Route("/openapi/v3/{name:path}", guarded(_openapi)),
        Route("/api/{version}/{rest:path}", guarded(served.dispatch), methods=METHODS),
        Route("/apis/{group}/{version}/{rest:path}", guarded(served.dispatch), methods=METHODS),
        Route("/{rest:path}", guarded(_nothing), methods=METHODS),
    ]
    return auth.Gate(Starlette(routes=routes), tokens=deps.tokens)


def guarded(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose failures are answered with a Status."""

    async def answer(request: Request) -> Answer:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            failure = _failure(error)
            if failure.code == 500:
                logger.exception("a request failed", method=request.method, path=request.url.path)
            return representation.respond(failure.to_wire(), code=failure.code)

    return answer


def _failure(error: Exception) -> status.StatusError:
    """Any failure as a Status."""
    if isinstance(error, status.StatusError):
        return error
    if isinstance(error, database.DiskFullError):
        return status.StatusError(507, "InsufficientStorage", str(error))
    if isinstance(error, store.CompactedError):
        return status.expired(
            "The provided continue parameter or resource version is too old; list again without it"
        )
    if isinstance(error, RecursionError):  # a patch is read before there is an object
        return status.bad_request("the body is nested too deeply")
    if isinstance(error, store.FutureRevisionError):
        return status.not_given_yet(str(error))
    if isinstance(error, database.StoreError):
        return status.internal(str(error))
    return status.internal(f"{type(error).__name__}: {error}")


async def _ready(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _version(_: Request) -> Response:
    return representation.respond(discovery.VERSION)


async def _root(request: Request) -> Response:
    value, media = discovery.root(request.url.path.strip("/"), request.headers.get("accept", ""))
    return representation.respond(value, media=media or representation.JSON)


async def _group(request: Request) -> Response:
    return representation.respond(discovery.group(request.path_params["group"]))


async def _resources(request: Request) -> Response:
    group, version = request.path_params.get("group", ""), request.path_params["version"]
    return representation.respond(discovery.resources(group, version))


async def _openapi_index(_: Request) -> Response:
    return representation.respond(openapi.index())


async def _openapi(request: Request) -> Response:
    return representation.respond(openapi.document(request.path_params["name"]))


async def _nothing(_: Request) -> Response:
    raise status.no_resource()


class Served:
    """Dispatch of requests for objects."""

    def __init__(self, deps: Dependencies) -> None:
        """Serve from the given store."""
        self._deps = deps

    async def dispatch(self, request: Request) -> Answer:
        """Answer one request below a group version."""
        group, version = request.path_params.get("group", ""), request.path_params["version"]
        rest = request.path_params["rest"]
        if (group, rest.strip("/")) in reviews.KINDS and request.method == "POST":
            return await self._review(request, group, rest.strip("/"))
        target = requests.parse_path(group, version, rest)
        check_method(request.method, target)
        options = Options(dict(request.query_params), request.headers.get("user-agent", ""))
        form = Form(
            target.resource,
            table.wanted(request.headers.get("accept", "")),
            options.query.get("includeObject", "Metadata"),
            self._deps.clock,
        )
        if request.method in ("GET", "HEAD"):
            answer = self._read(target, options, form)
        else:
            raw = await body.read(request)
            call = writing.Call(self._deps, target, options, form, raw, body.media_type(request))
            answer = await _verb(request.method, target)(call)
        return await compression.fitted(request, answer) if isinstance(answer, Response) else answer

    def _read(self, target: Target, options: Options, form: Form) -> Answer:
        if target.subresource == "log":
            return logs.stream(self._deps, target, options)
        if options.flag("watch"):
            return watching.Watch(self._deps, target, options=options, form=form)
        if target.name:
            return reading.get(self._deps, target, form)
        return reading.list_objects(self._deps, target, options=options, form=form)

    async def _review(self, request: Request, group: str, plural: str) -> Response:
        value = body.decode(await body.read(request), body.media_type(request)) or {}
        user = request.scope.get("user_name", "")
        return representation.respond(
            reviews.answer(group, plural, spec=value.get("spec") or {}, user=user), code=201
        )


def _verb(method: str, target: Target) -> Callable[[writing.Call], Awaitable[Response]]:
    if method == "POST":
        return writing.create
    if method == "PUT":
        return writing.replace
    if method == "PATCH":
        return writing.change
    return writing.delete if target.name else writing.delete_collection


def check_method(method: str, target: Target) -> None:
    """Refuse what a path does not offer.

    Raises:
        status.StatusError: 404 for an unknown subresource, 501 for streams, 405 for a verb that is not there.
    """
    resource, subresource = target.resource, target.subresource
    if subresource in requests.STREAMS and resource.kind in ("Pod", "Service"):
        raise status.not_implemented(f"{resource.plural}/{subresource} is not available on this server yet")
    if subresource and subresource not in discovery.subresources(resource):
        raise status.no_resource(f"{resource.plural} have no {subresource}")
    if discovery.is_read_only(resource) and method not in ("GET", "HEAD"):
        raise status.method_not_allowed(
            "the kinds of this server are fixed: custom resource definitions can be read, not written"
            " (`kubectl api-resources` lists what is served)"
        )
    if not _offers(method, target):
        raise status.method_not_allowed("the server does not allow this method on the requested resource")


def _offers(method: str, target: Target) -> bool:
    if target.subresource == "log":
        return method in ("GET", "HEAD")
    if target.subresource:
        return method not in ("POST", "DELETE")
    if target.name:
        return method != "POST"
    return method not in ("PUT", "PATCH") and (
        method != "POST" or bool(target.namespace) == target.resource.namespaced
    )
