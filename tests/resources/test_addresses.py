"""Addresses of a Function, from its Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api import gateways
from openfunction_py.api.functions import Function
from openfunction_py.api.gateways import Gateway
from openfunction_py.resources import addresses


def gateway(**spec: Any) -> Gateway:
    """A Gateway at this machine, with parts of its spec replaced."""
    listeners = [{"name": "http", "protocol": "HTTP", "port": 8080}]
    whole = {"domain": "localhost", "gatewaySpec": {"listeners": listeners}, **spec}
    return Gateway.model_validate(
        {"metadata": {"name": "g"}, "spec": whole, "status": {"addresses": [{"value": "127.0.0.1"}]}}
    )


def function(*hostnames: str) -> Function:
    """A Function with host names of its own, or none."""
    triggers = {"http": {"route": {"hostnames": list(hostnames)}}}
    return Function.model_validate(
        {
            "metadata": {"name": "f", "namespace": "n"},
            "spec": {"image": "x", "serving": {"triggers": triggers}},
        }
    )


def urls(made: Gateway, *hostnames: str) -> list[str]:
    """The URLs, Internal last."""
    return [one.value for one in addresses.render(function(*hostnames), made).urls]


def test_host_form_comes_first_then_path_form_then_the_name_among_functions() -> None:
    assert urls(gateway()) == [
        "http://f.n.localhost:8080/",
        "http://127.0.0.1:8080/n/f/",
        "http://f.n.svc.cluster.local/",
    ]


def test_templates_and_domains_of_the_gateway_count() -> None:
    made = gateway(
        hostTemplate="{{.Namespace}}-{{.Name}}.{{.Domain}}", pathTemplate="x/{{ .Name }}", clusterDomain="c.d"
    )
    assert urls(made) == ["http://n-f.localhost:8080/", "http://127.0.0.1:8080/x/f/", "http://f.n.svc.c.d/"]


def test_the_users_host_names_replace_the_template() -> None:
    assert urls(gateway(), "a.example.com", "b.example.com")[:2] == [
        "http://a.example.com:8080/",
        "http://b.example.com:8080/",
    ]


def test_a_tls_listener_gives_https_and_the_default_port_is_left_out() -> None:
    made = gateway(gatewaySpec={"listeners": [{"name": "tls", "protocol": "HTTPS", "port": 443}]})
    assert urls(made)[0] == "https://f.n.localhost/"


def test_our_own_listener_is_no_way_in_from_outside() -> None:
    made = gateway(gatewaySpec={"listeners": [{"name": "ofn-http-internal", "protocol": "HTTP", "port": 80}]})
    assert urls(made) == ["http://f.n.svc.cluster.local/"]


def test_a_wrong_template_is_an_error() -> None:
    with pytest.raises(gateways.TemplateError):
        urls(gateway(hostTemplate="{{.Other}}"))
