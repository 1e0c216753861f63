"""Labels, annotations and derived names of Knative Serving's objects.

Holds words only; which object carries which stands with its maker.
"""

from __future__ import annotations

from collections.abc import Mapping

from openfunction_py.lib import naming

GROUP = "serving.knative.dev"
SERVICE = f"{GROUP}/service"
SERVICE_UID = f"{GROUP}/serviceUID"
CONFIGURATION = f"{GROUP}/configuration"
CONFIGURATION_UID = f"{GROUP}/configurationUID"
CONFIGURATION_GENERATION = f"{GROUP}/configurationGeneration"
ROUTE = f"{GROUP}/route"
REVISION = f"{GROUP}/revision"
REVISION_UID = f"{GROUP}/revisionUID"
APP = "app"
ROUTING_STATE = f"{GROUP}/routingState"
ROUTING_STATE_MODIFIED = f"{GROUP}/routingStateModified"
ROUTES = f"{GROUP}/routes"
CREATOR = f"{GROUP}/creator"
LAST_MODIFIER = f"{GROUP}/lastModifier"
SERVICE_TYPE = "networking.internal.knative.dev/serviceType"
SKS = "networking.internal.knative.dev/serverlessservice"

ACTIVE = "active"
RESERVE = "reserve"
PENDING = "pending"

# What changes on a Revision during its life is not copied to what it makes.
UNSTABLE = frozenset({ROUTING_STATE, ROUTING_STATE_MODIFIED, ROUTES, CREATOR, LAST_MODIFIER})


def revision(configuration: str, generation: int) -> str:
    """Name of the Revision of one generation of a Configuration."""
    return naming.child_name(configuration, f"-{generation:05d}")


def deployment(revision_name: str) -> str:
    """Name of a Revision's Deployment."""
    return naming.child_name(revision_name, "-deployment")


def private_service(revision_name: str) -> str:
    """Name of the Service that selects a Revision's Pods."""
    return naming.child_name(revision_name, "-private")


def stable(values: Mapping[str, str] | None) -> dict[str, str]:
    """Labels or annotations without those that change on a living Revision."""
    return {key: value for key, value in (values or {}).items() if key not in UNSTABLE}


def family(labels: Mapping[str, str] | None) -> dict[str, str]:
    """The labels that say which Service and Configuration an object belongs to."""
    wanted = (SERVICE, SERVICE_UID, CONFIGURATION, CONFIGURATION_UID, CONFIGURATION_GENERATION)
    return {key: value for key, value in (labels or {}).items() if key in wanted}
