"""Kubeconfigs and service accounts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from openfunction_py.kube import config

CA = b"-----BEGIN CERTIFICATE-----"


def write(path: Path, *, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    document = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:1/", **cluster}}],
        "users": [{"name": "u", "user": user or {"token": "secret"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "broken", "context": {"cluster": "nowhere", "user": "u"}},
        ],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_reads_server_authority_token_and_namespace_of_the_current_context(tmp_path: Path) -> None:
    authority: dict[str, Any] = {"certificate-authority-data": base64.b64encode(CA).decode()}
    path = write(tmp_path / "config", **authority)
    found = config.load(path)
    assert (found.server, found.ca_data, found.token, found.namespace) == (
        "https://host:1",
        CA,
        "secret",
        "team",
    )


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(CA)
    user = {"client-certificate": "me.crt", "client-key": "keys/me.key"}
    found = config.load(write(tmp_path / "config", user=user, **{"certificate-authority": "ca.crt"}))
    assert found.ca_data == CA
    assert (found.client_cert, found.client_key) == (tmp_path / "me.crt", tmp_path / "keys" / "me.key")


def test_client_certificates_may_stand_in_the_file_itself(tmp_path: Path) -> None:
    user = {
        f"client-{part}-data": base64.b64encode(part.encode()).decode() for part in ("certificate", "key")
    }
    found = config.load(write(tmp_path / "config", user=user))
    assert (found.client_cert_data, found.client_key_data) == (b"certificate", b"key")


def test_a_kubeconfig_may_be_json(tmp_path: Path) -> None:
    path = write(tmp_path / "config")
    path.write_text(json.dumps(yaml.safe_load(path.read_text())))
    assert config.load(path, context="here").token == "secret"


def test_a_token_file_is_read_at_each_use(tmp_path: Path) -> None:
    found = config.load(write(tmp_path / "config", user={"tokenFile": "token"}))
    (tmp_path / "token").write_text("one\n")
    assert found.bearer() == "one"
    (tmp_path / "token").write_text("two\n")
    assert found.bearer() == "two"


def test_the_files_of_kubeconfig_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "first")
    second = {"contexts": [{"name": "other", "context": {"cluster": "c"}}]}
    (tmp_path / "second").write_text(yaml.safe_dump(second))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/first:{tmp_path}/second:{tmp_path}/missing")
    assert config.load(context="other").server == "https://host:1"


@pytest.mark.parametrize(
    ("context", "sentence"),
    [("none", "has no context named none"), ("broken", "has no cluster named nowhere")],
)
def test_a_name_that_does_not_exist_is_named(tmp_path: Path, context: str, sentence: str) -> None:
    with pytest.raises(config.ConfigError, match=sentence):
        config.load(write(tmp_path / "config"), context=context)


@pytest.mark.parametrize("text", ["", "- a list", "{}"])
def test_a_file_that_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(config.ConfigError):
        config.load(tmp_path / "config")


def test_credentials_do_not_show_in_a_representation(tmp_path: Path) -> None:
    assert "secret" not in repr(config.load(write(tmp_path / "config")))


def test_a_pod_finds_its_cluster(tmp_path: Path) -> None:
    for name, text in (("ca.crt", "ca"), ("token", "t"), ("namespace", "ns\n")):
        (tmp_path / name).write_text(text)
    found = config.in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, account=tmp_path)
    assert (found.server, found.bearer(), found.namespace) == ("https://[fd00::1]:443", "t", "ns")


def test_outside_of_a_cluster_a_sentence_says_so() -> None:
    with pytest.raises(config.ConfigError, match="no cluster"):
        config.in_cluster({})
