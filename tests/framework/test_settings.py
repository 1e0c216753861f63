"""What flags and environment say, and what is refused."""

from __future__ import annotations

import pytest

from functions_framework import exits, settings


def test_googles_names_come_before_openfunctions() -> None:
    got = settings.function_settings(
        {"FUNCTION_TARGET": "a", "FUNC_NAME": "b", "FUNC_SRC": "f.py", "FUNCTION_SIGNATURE_TYPE": "event"}
    )
    assert (got.target, got.source, got.signature, got.named) == ("a", "f.py", "event", True)


def test_the_names_of_googles_buildpacks_are_read() -> None:
    got = settings.function_settings(
        {
            "GOOGLE_FUNCTION_TARGET": "a",
            "GOOGLE_FUNCTION_SOURCE": "f.py",
            "GOOGLE_FUNCTION_SIGNATURE_TYPE": "cloudevent",
            "FUNC_NAME": "b",
        }
    )
    assert (got.target, got.source, got.signature) == ("a", "f.py", "cloudevent")


def test_nothing_set_means_googles_defaults() -> None:
    got = settings.function_settings({})
    assert (got.target, got.source, got.signature, got.named) == ("function", "main.py", "http", False)


def test_an_instance_reads_address_limits_and_identity() -> None:
    got = settings.instance_settings(
        {
            "HOST": "127.0.0.1",
            "PORT": "9",
            "OFN_TIMEOUT_SECONDS": "1.5",
            "K_REVISION": "r",
            "OFN_INSTANCE": "i",
        }
    )
    assert (got.host, got.port, got.timeout, got.revision, got.instance) == ("127.0.0.1", 9, 1.5, "r", "i")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "x"), ("PORT", "70000"), ("OFN_TIMEOUT_SECONDS", "0"), ("OFN_THREADS", "-1"), ("PORT", "nan")],
)
def test_a_value_that_cannot_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(exits.StartError, match=f"the variable {name} is '{value}'"):
        settings.instance_settings({name: value})


@pytest.mark.parametrize("name", ["PORT", "OFN_FD", "OFN_WORKERS", "OFN_THREADS"])
def test_half_a_port_or_worker_is_refused(name: str) -> None:
    with pytest.raises(exits.StartError, match=f"{name} is '1.5'; set a whole number"):
        settings.instance_settings({name: "1.5"})


@pytest.mark.parametrize(
    ("text", "on"),
    [("", False), ("0", False), ("False", False), ("no", False), ("off", False), ("1", True), ("True", True)],
)
def test_a_switch_that_says_no_is_off(text: str, on: bool) -> None:
    assert settings.switch({"DEBUG": text}, "DEBUG") is on
    assert settings.switch({}, "DEBUG") is False


def test_an_unknown_signature_lists_the_known() -> None:
    with pytest.raises(exits.StartError, match="use one of http, cloudevent"):
        settings.signature("smtp")
