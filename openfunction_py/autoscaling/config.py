"""The platform-wide autoscaler settings, as Knative's ConfigMap `config-autoscaler` holds them.

Refuses a document with any value out of its limits, naming every one; never falls back silently.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from openfunction_py.lib import durations

KPA = "kpa.autoscaling.knative.dev"
CLASSES = (KPA, "hpa.autoscaling.knative.dev")
WINDOW_MIN = 6.0
WINDOW_MAX = 3600.0
TARGET_MIN = 0.01
EXAMPLE = "_example"


class SettingsError(ValueError):
    """Settings that cannot be used; `errors` holds one sentence per wrong value."""

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Config:
    """All keys of `config-autoscaler`; durations in seconds, percentages as written."""

    pod_autoscaler_class: str = KPA
    enable_scale_to_zero: bool = True
    allow_zero_initial_scale: bool = False
    container_concurrency_target_percentage: float = 70.0
    container_concurrency_target_default: float = 100.0
    requests_per_second_target_default: float = 200.0
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    stable_window: float = 60.0
    panic_window_percentage: float = 10.0
    panic_threshold_percentage: float = 200.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    scale_to_zero_grace_period: float = 30.0
    scale_to_zero_pod_retention_period: float = 0.0
    scale_down_delay: float = 0.0
    initial_scale: int = 1
    min_scale: int = 0
    max_scale: int = 0
    max_scale_limit: int = 0

    @property
    def target_utilization(self) -> float:
        """The share of a target to aim at; a percentage of at most 1 is already a fraction, as in Knative."""
        percentage = self.container_concurrency_target_percentage
        return percentage / 100 if percentage > 1 else percentage


def number(text: str) -> float:
    """Read a finite number; NaN and infinities are refused."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def seconds(text: str) -> float:
    """Read a Go duration such as `1m30s` as seconds."""
    return durations.parse(text).total_seconds()


def boolean(text: str) -> bool:
    """Read a boolean with the spellings that Go's strconv.ParseBool takes."""
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise ValueError(text)


READERS: dict[type, tuple[Callable[[str], object], str]] = {
    bool: (boolean, "true or false"),
    int: (int, "a whole number"),
    float: (number, "a finite number"),
    str: (str, "text"),
}
DURATIONS = frozenset(
    {
        "stable_window",
        "scale_to_zero_grace_period",
        "scale_to_zero_pod_retention_period",
        "scale_down_delay",
    }
)


def key_of(field: str) -> str:
    """Return the ConfigMap key of a field."""
    return field.replace("_", "-")


def from_config_map(data: Mapping[str, str]) -> Config:
    """Read the `data` of `config-autoscaler`; keys that are not known are left alone, as Knative does.

    Raises:
        SettingsError: with every wrong value at once.
    """
    values, errors = read_fields(data)
    config = dataclasses.replace(Config(), **values)  # type: ignore[arg-type] # read_fields reads each by its type
    errors = (*errors, *limits(config))
    if errors:
        raise SettingsError(errors)
    return config


def read_fields(data: Mapping[str, str]) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the values that could be read, by field name, and a sentence for each that could not."""
    values: dict[str, object] = {}
    errors: list[str] = []
    for field in dataclasses.fields(Config):
        key = key_of(field.name)
        if key not in data:
            continue
        reader, what = (
            (seconds, "a duration such as 30s") if field.name in DURATIONS else READERS[type(field.default)]
        )
        try:
            values[field.name] = reader(data[key].strip())
        except (ValueError, OverflowError):
            errors.append(f"{key}: {data[key]!r} is not {what}")
    return values, tuple(errors)


def limits(config: Config) -> list[str]:
    """Return a sentence for each value of a configuration that is out of its limits."""
    whole = "must be in whole seconds"
    checks: tuple[tuple[bool, str], ...] = (
        (config.pod_autoscaler_class in CLASSES, f"pod-autoscaler-class must be one of {', '.join(CLASSES)}"),
        (
            0 < config.container_concurrency_target_percentage <= 100,
            "container-concurrency-target-percentage must be above 0 and at most 100",
        ),
        (
            config.container_concurrency_target_default * config.target_utilization >= TARGET_MIN,
            "container-concurrency-target-default times the target percentage must be at least 0.01",
        ),
        (
            config.requests_per_second_target_default >= TARGET_MIN,
            "requests-per-second-target-default must be at least 0.01",
        ),
        (
            config.target_burst_capacity >= 0 or config.target_burst_capacity == -1,
            "target-burst-capacity must be at least 0, or -1 for no limit",
        ),
        (config.activator_capacity >= 1, "activator-capacity must be at least 1"),
        (WINDOW_MIN <= config.stable_window <= WINDOW_MAX, "stable-window must be from 6s to 1h"),
        (config.stable_window.is_integer(), f"stable-window {whole}"),
        (1 <= config.panic_window_percentage <= 100, "panic-window-percentage must be from 1 to 100"),
        (config.panic_threshold_percentage > 0, "panic-threshold-percentage must be above 0"),
        (config.max_scale_up_rate > 1, "max-scale-up-rate must be above 1"),
        (config.max_scale_down_rate > 1, "max-scale-down-rate must be above 1"),
        (config.scale_to_zero_grace_period > 0, "scale-to-zero-grace-period must be above 0"),
        (
            config.scale_to_zero_pod_retention_period >= 0,
            "scale-to-zero-pod-retention-period must not be negative",
        ),
        (config.scale_down_delay >= 0, "scale-down-delay must not be negative"),
        (config.scale_down_delay.is_integer(), f"scale-down-delay {whole}"),
    )
    return [sentence for good, sentence in checks if not good] + scale_limits(config)


def scale_limits(config: Config) -> list[str]:
    """Return a sentence for each scale bound that is out of its limits or at odds with another."""
    lowest = 0 if config.allow_zero_initial_scale else 1
    limit, highest = config.max_scale_limit, config.max_scale
    checks: tuple[tuple[bool, str], ...] = (
        (
            config.initial_scale >= lowest,
            f"initial-scale must be at least {lowest} (0 needs allow-zero-initial-scale)",
        ),
        (config.min_scale >= 0, "min-scale must not be negative"),
        (highest >= 0, "max-scale must not be negative; 0 means no limit"),
        (limit >= 0, "max-scale-limit must not be negative; 0 means no limit"),
        (highest == 0 or config.min_scale <= highest, "min-scale must not be above max-scale"),
        (
            limit <= 0 or 0 < highest <= limit,
            "max-scale must be set and at most max-scale-limit when there is a limit",
        ),
    )
    return [sentence for good, sentence in checks if not good]
