"""The settings of `config-autoscaler` and the annotations of a revision, with their limits."""

import pytest

from openfunction_py.autoscaling import config as settings
from openfunction_py.autoscaling.config import Config
from openfunction_py.autoscaling.spec import Spec

ANNOTATION = "autoscaling.knative.dev/"


def test_an_empty_document_gives_knatives_defaults() -> None:
    config = settings.from_config_map({})
    assert config == Config()
    assert (config.stable_window, config.scale_to_zero_grace_period, config.target_burst_capacity) == (
        60,
        30,
        211,
    )


def test_every_key_is_read_in_its_own_type() -> None:
    config = settings.from_config_map(
        {
            "enable-scale-to-zero": "false",
            "stable-window": "6s",
            "scale-to-zero-grace-period": "1s",
            "max-scale-up-rate": "10",
            "initial-scale": "2",
            "container-concurrency-target-percentage": "0.5",
            "_example": "stable-window: nonsense",
        }
    )
    assert not config.enable_scale_to_zero
    assert (config.stable_window, config.scale_to_zero_grace_period, config.initial_scale) == (6, 1, 2)
    assert config.target_utilization == 0.5


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stable-window", "5s"),
        ("stable-window", "2h"),
        ("stable-window", "6500ms"),
        ("stable-window", "soon"),
        ("panic-threshold-percentage", "-5"),
        ("panic-threshold-percentage", "NaN"),
        ("panic-window-percentage", "0.5"),
        ("max-scale-up-rate", "1"),
        ("max-scale-down-rate", "inf"),
        ("target-burst-capacity", "-2"),
        ("activator-capacity", "0.9"),
        ("scale-to-zero-grace-period", "0s"),
        ("scale-to-zero-pod-retention-period", "-1s"),
        ("scale-down-delay", "1500ms"),
        ("initial-scale", "0"),
        ("initial-scale", "1.5"),
        ("min-scale", "-1"),
        ("max-scale-limit", "5"),
        ("enable-scale-to-zero", "maybe"),
        ("pod-autoscaler-class", "mine"),
        ("container-concurrency-target-percentage", "101"),
    ],
)
def test_a_value_out_of_its_limits_is_refused_by_its_key(key: str, value: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.from_config_map({key: value})
    assert any(key in sentence for sentence in caught.value.errors)


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.from_config_map({"stable-window": "1s", "max-scale-up-rate": "x", "min-scale": "-1"})
    assert len(caught.value.errors) == 3


def test_zero_initial_scale_needs_its_own_permission() -> None:
    allowed = {"initial-scale": "0", "allow-zero-initial-scale": "true"}
    assert settings.from_config_map(allowed).initial_scale == 0


@pytest.mark.parametrize(
    ("annotations", "concurrency", "total", "target"),
    [
        ({}, 0, 100, 70),
        ({}, 10, 10, 7),
        ({"target": "50"}, 10, 10, 7),
        ({"target": "5"}, 10, 5, 3.5),
        ({"metric": "rps"}, 10, 200, 140),
        ({"metric": "rps", "target": "50"}, 10, 50, 35),
        ({"target-utilization-percentage": "100"}, 10, 10, 10),
        ({"targetUtilizationPercentage": "50"}, 10, 10, 5),
        ({"target": "0.01"}, 0, 0.01, 0.01),
    ],
)
def test_the_target_follows_metric_concurrency_and_utilisation(
    annotations: dict[str, str], concurrency: int, total: float, target: float
) -> None:
    prefixed = {ANNOTATION + name: value for name, value in annotations.items()}
    spec = Spec.from_annotations(prefixed, Config(), concurrency)
    assert spec.total_value == total
    assert spec.target_value == pytest.approx(target)


@pytest.mark.parametrize("name", ["min-scale", "minScale"])
def test_both_spellings_of_an_annotation_are_read(name: str) -> None:
    assert Spec.from_annotations({ANNOTATION + name: "3"}, Config(), 0).min_scale == 3


@pytest.mark.parametrize(("window", "panic"), [("6s", 1), ("60s", 6), ("65s", 7), ("1h", 360)])
def test_the_panic_window_is_a_rounded_share_of_at_least_a_second(window: str, panic: float) -> None:
    assert Spec.from_annotations({ANNOTATION + "window": window}, Config(), 0).panic_window == panic


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target", "NaN"),
        ("target", "-1"),
        ("target-utilization-percentage", "0"),
        ("window", "5s"),
        ("window", "7.5s"),
        ("panic-threshold-percentage", "100"),
        ("panic-window-percentage", "nan"),
        ("activation-scale", "1"),
        ("metric", "cpu"),
        ("class", "mine"),
        ("metric-aggregation-algorithm", "median"),
        ("target-burst-capacity", "-3"),
        ("min-scale", "many"),
        ("scale-down-delay", "2h"),
    ],
)
def test_an_annotation_out_of_its_limits_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=name):
        Spec.from_annotations({ANNOTATION + name: value}, Config(), 0)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("window", "5s", "must be at least 6"),
        ("window", "2h", "must be at most 3600"),
        ("min-scale", "2147483648", "must be at most 2147483647"),
        ("initial-scale", "0", "must be at least 1 unless config-autoscaler says allow-zero-initial-scale"),
    ],
)
def test_the_bound_that_is_broken_is_the_one_that_is_told(name: str, value: str, rule: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        Spec.from_annotations({ANNOTATION + name: value}, Config(), 0)
    assert caught.value.errors == (f"annotation {ANNOTATION}{name}: {value!r} {rule}",)


def test_bounds_that_cross_and_an_activation_outside_them_are_refused_together() -> None:
    wrong = {"min-scale": "5", "max-scale": "2", "activation-scale": "9"}
    with pytest.raises(settings.SettingsError) as caught:
        Spec.from_annotations({ANNOTATION + name: value for name, value in wrong.items()}, Config(), 0)
    assert len(caught.value.errors) == 2


def test_the_progress_deadline_has_its_own_annotation() -> None:
    assert (
        Spec.from_annotations({"serving.knative.dev/progress-deadline": "2m"}, Config(), 0).progress_deadline
        == 120
    )
    with pytest.raises(settings.SettingsError, match="progress-deadline"):
        Spec.from_annotations({"serving.knative.dev/progress-deadline": "0s"}, Config(), 0)
