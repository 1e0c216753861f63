"""Dapr's calls: which are answered here, over which transport; docs/dapr.md shows this table."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: of the gRPC method; the family's for what is not answered.
        http: method and path over HTTP; empty where Dapr has none.
        answered: whether it is done here.
        note: what differs from daprd.
    """

    name: str
    http: str
    answered: bool = True
    note: str = ""


CALLS: tuple[Call, ...] = (
    Call("PublishEvent", "POST /v1.0/publish/{pubsub}/{topic}"),
    Call("BulkPublishEvent", "POST /v1.0/publish/bulk/{pubsub}/{topic}"),
    Call("BulkPublishEventAlpha1", "POST /v1.0-alpha1/publish/bulk/{pubsub}/{topic}"),
    Call("SubscribeTopicEventsAlpha1", "", note="gRPC only, as with daprd"),
    Call("InvokeBinding", "POST /v1.0/bindings/{name}"),
    Call("GetState", "GET /v1.0/state/{store}/{key}"),
    Call("GetBulkState", "POST /v1.0/state/{store}/bulk"),
    Call("SaveState", "POST /v1.0/state/{store}"),
    Call("DeleteState", "DELETE /v1.0/state/{store}/{key}"),
    Call("DeleteBulkState", ""),
    Call("ExecuteStateTransaction", "POST /v1.0/state/{store}/transaction"),
    Call(
        "QueryStateAlpha1",
        "POST /v1.0-alpha1/state/{store}/query",
        note="no store here can be queried; it says so",
    ),
    Call("GetSecret", "GET /v1.0/secrets/{store}/{key}"),
    Call("GetBulkSecret", "GET /v1.0/secrets/{store}/bulk"),
    Call(
        "InvokeService",
        "ANY /v1.0/invoke/{app}/method/{method}",
        note="other apps by `--peer id=host:port`, over HTTP",
    ),
    Call("GetMetadata", "GET /v1.0/metadata"),
    Call("SetMetadata", "PUT /v1.0/metadata/{key}"),
    Call("Shutdown", "POST /v1.0/shutdown"),
    Call("", "GET /v1.0/healthz", note="names the components that are not well"),
    Call("", "GET /v1.0/healthz/outbound"),
    Call("GetConfiguration", "GET /v1.0/configuration/{store}", answered=False),
    Call("SubscribeConfiguration", "GET /v1.0/configuration/{store}/subscribe", answered=False),
    Call("UnsubscribeConfiguration", "GET /v1.0/configuration/{store}/{id}/unsubscribe", answered=False),
    Call("TryLockAlpha1", "POST /v1.0-alpha1/lock/{store}", answered=False),
    Call("UnlockAlpha1", "POST /v1.0-alpha1/unlock/{store}", answered=False),
    Call("ScheduleJob", "POST /v1.0/jobs/{name}", answered=False),
    Call("InvokeActor", "ANY /v1.0/actors/{type}/{id}/method/{method}", answered=False),
    Call("StartWorkflow", "POST /v1.0/workflows/{component}/{name}/start", answered=False),
    Call("EncryptAlpha1", "PUT /v1.0-alpha1/crypto/{component}/encrypt", answered=False),
    Call("SubtleCrypto", "POST /v1.0-alpha1/subtlecrypto/{component}", answered=False),
    Call("ConverseAlpha1", "POST /v1.0-alpha1/conversation/{component}/converse", answered=False),
)
ANSWERED = frozenset(one.name for one in CALLS if one.answered and one.name)
_VERSIONED = re.compile(r"/v1\.0(?:-alpha\d|-beta\d)?/([a-z]+)(?:/|$)")


def of_path(path: str) -> str:
    """How a call is named whose path is Dapr's and is not answered here; empty for any other path."""
    found = _VERSIONED.match(path)
    if found is None or found.group(1) == "invoke":
        return ""
    family = found.group(1)
    named = next((one.name for one in CALLS if one.name and _family(one.http) == family), "")
    return f"{named} ({path})" if named else f"the call {path}"


def _family(http: str) -> str:
    _, _, path = http.partition(" ")
    found = _VERSIONED.match(path)
    return found.group(1) if found else ""


def row(one: Call) -> str:
    """A call as a row of docs/dapr.md."""
    done = "yes" if one.answered else "no"
    http = f"`{one.http}`{'' if one.answered else ' no'}" if one.http else "–"
    return f"| {one.name or '–'} | {http} | {done if one.name else '–'} | {one.note} |"
