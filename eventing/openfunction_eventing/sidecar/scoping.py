"""Which topics of a component an app may use: Dapr's topic scopes, from its metadata.

It refuses nothing itself.
"""

from __future__ import annotations

from typing import Literal

from openfunction_eventing.component import Component


def allowed(component: Component, app: str, topic: str, *, to: Literal["publishing", "subscription"]) -> bool:
    """Whether an app may publish to a topic, or subscribe to it.

    A topic outside `allowedTopics` is nobody's. A protected one needs a scope; so does every other once the app has
    one (dapr/dapr pkg/runtime/pubsub/subscription.go).
    """
    known = _listed(component.text("allowedTopics"))
    if known and topic not in known:
        return False
    scopes = _scopes(component.text(f"{to}Scopes"), app)
    protected = topic in _listed(component.text("protectedTopics"))
    if not protected and not scopes:
        return True
    return topic in scopes


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _scopes(text: str, app: str) -> list[str]:
    """The topics of an app in `app1=a,b;app2=c`; an app with none has the empty topic, which no message has."""
    for part in text.split(";"):
        name, sign, topics = part.partition("=")
        if name.strip() == app and sign:
            return _listed(topics) or [""]
    return []
