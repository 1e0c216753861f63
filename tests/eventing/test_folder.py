"""The folder of documents: what counts as a change, and what Components then say."""

from __future__ import annotations

from pathlib import Path

from openfunction_eventing.component import Component
from openfunction_eventing.folder import Folder
from tests.eventing import programs


def test_a_secret_that_is_another_by_now_is_a_change(tmp_path: Path) -> None:
    guarded = programs.component("nats://n:4222")
    reference = {"name": "token", "secretKeyRef": {"name": "bus", "key": "token"}}
    guarded["spec"]["metadata"].append(reference)
    programs.write(tmp_path, "settings", guarded)
    # as Kubernetes mounts it: a link to a folder of one version
    version, secret = tmp_path / "secrets" / "bus" / "..1", tmp_path / "secrets" / "bus" / "token"
    version.mkdir(parents=True)
    (version / "token").write_text("wrong")
    secret.symlink_to("..1/token")
    documents = Folder(tmp_path)
    assert (documents.changed(), documents.changed()) == (True, False)
    assert documents.read().all(Component)[0].text("token") == "wrong"
    later = tmp_path / "secrets" / "bus" / "..2"
    later.mkdir()
    (later / "token").write_text("right")
    secret.unlink()
    secret.symlink_to("..2/token")
    assert documents.changed()
    assert documents.read().all(Component)[0].text("token") == "right"
