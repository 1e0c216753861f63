"""The Shipwright objects that a Builder makes, and the names of attempts."""

from __future__ import annotations

from typing import Any

from openfunction_py.api.builders import Builder
from openfunction_py.api.functions import Function
from openfunction_py.resources import builders, builds, servings


def builder(**spec: Any) -> Builder:
    """A Builder with parts of its spec given."""
    whole = {
        "image": "<your registry name>/hello:v1",
        "srcRepo": {"url": "https://example.com/r.git"},
        **spec,
    }
    labels = {"openfunction.io/function": "hello"}
    return Builder.model_validate(
        {"metadata": {"name": "b", "namespace": "default", "labels": labels}, "spec": whole}
    )


def spec_of(**spec: Any) -> dict[str, Any]:
    """The spec of a Builder's Build."""
    made: dict[str, Any] = builds.make_build(builder(**spec)).to_wire()["spec"]
    return made


def function(**spec: Any) -> Function:
    """A Function with a uid."""
    whole = {"image": "hello:v1", "build": {"srcRepo": {"url": "https://x"}}, "serving": {}, **spec}
    metadata = {"name": "hello", "namespace": "default", "uid": "u"}
    return Function.model_validate({"metadata": metadata, "spec": whole})


def test_git_source_has_url_revision_folder_and_secret() -> None:
    repo = {"url": "https://x", "revision": "v1", "sourceSubPath": "a", "credentials": {"name": "s"}}
    assert spec_of(srcRepo=repo)["source"] == {
        "type": "Git",
        "git": {"url": "https://x", "revision": "v1", "cloneSecret": "s"},
        "contextDir": "a",
    }


def test_a_bundle_wins_over_a_url() -> None:
    repo = {"url": "https://x", "bundleContainer": {"image": "b@sha256:0"}}
    assert spec_of(srcRepo=repo)["source"] == {"type": "OCI", "ociArtifact": {"image": "b@sha256:0"}}


def test_inline_source_is_a_mounted_config_map() -> None:
    spec = spec_of(srcRepo={"inline": {"main.py": ""}})
    assert spec["source"] == {"type": "Local", "local": {"name": "inline-source"}}
    assert spec["volumes"] == [{"name": "inline-source", "configMap": {"name": "b-source"}}]


def test_the_image_is_clean_and_pushed_with_its_secret() -> None:
    assert spec_of(imageCredentials={"name": "s"})["output"] == {"image": "hello:v1", "pushSecret": "s"}


def test_the_engines_own_timeout_wins() -> None:
    assert spec_of(timeout="10m")["timeout"] == "10m"
    assert spec_of(timeout="10m", shipwright={"timeout": "5m"})["timeout"] == "5m"


def test_the_users_parameters_are_passed_on_and_replace_ours() -> None:
    params = [{"name": "env", "values": [{"value": "A=1"}]}, {"name": "x", "value": "y"}]
    spec = spec_of(env={"B": "2"}, builder="b:v1", dockerfile="D", shipwright={"params": params})
    assert spec["paramValues"] == [
        {"name": "builder-image", "value": "b:v1"},
        {"name": "dockerfile", "value": "D"},
        *params,
    ]


def test_the_default_strategy_is_ours_and_a_named_one_replaces_it() -> None:
    assert spec_of()["strategy"] == {"name": "openfunction", "kind": "ClusterBuildStrategy"}
    own = {"strategy": {"name": "mine", "kind": "BuildStrategy"}}
    assert spec_of(shipwright=own)["strategy"] == own["strategy"]


def test_what_the_result_does_not_depend_on_keeps_the_intent() -> None:
    more = {
        "srcRepo": {"url": "https://x"},
        "timeout": "1m",
        "failedBuildsHistoryLimit": 3,
        "builderMaxAge": "1h",
    }
    assert builders.intent_hash(function()) == builders.intent_hash(function(build=more))


def test_image_and_credentials_are_part_of_the_intent() -> None:
    hashes = {
        builders.intent_hash(one)
        for one in (function(), function(image="hello:v2"), function(imageCredentials={"name": "s"}))
    }
    assert len(hashes) == 3


def test_an_attempt_has_one_name_and_the_next_of_the_same_intent_another() -> None:
    first = builders.next_name(function(), previous="")
    assert first == builders.next_name(function(), previous="")
    assert first != builders.next_name(function(), previous=first)


def test_a_version_depends_on_the_digest_and_not_on_the_old_runtime_field() -> None:
    same = servings.intent_hash(function(serving={"runtime": "knative"}), digest="sha256:a")
    assert servings.intent_hash(function(), digest="sha256:a") == same
    assert servings.intent_hash(function(), digest="sha256:b") != same


def test_only_annotations_that_mean_something_reach_a_version() -> None:
    made = function().to_wire()
    made["metadata"]["annotations"] = {"plugins": "pre: [a]", "note": "x"}
    serving = servings.make(Function.model_validate(made), digest="", name="s")
    assert serving.metadata.annotations == {"plugins": "pre: [a]"}
