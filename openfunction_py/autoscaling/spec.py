"""What one revision asks of its autoscaler: annotations over the platform's settings, resolved to numbers.

Refuses annotations out of Knative's limits, naming every one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from openfunction_py.autoscaling import config as settings
from openfunction_py.autoscaling.config import Config, SettingsError

PREFIX = "autoscaling.knative.dev/"
PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"
DEFAULT_PROGRESS_DEADLINE = 600.0
ALGORITHMS = ("linear", "weighted-exponential")
METRICS = {settings.KPA: ("concurrency", "rps"), settings.CLASSES[1]: ("cpu", "memory", "custom")}


@dataclass(frozen=True, slots=True)
class Spec:
    """Resolved scaling settings of one revision; durations in seconds, shares as fractions."""

    autoscaler_class: str = settings.KPA
    metric: str = "concurrency"
    aggregation: Literal["linear", "weighted-exponential"] = "linear"
    target_value: float = 70.0
    total_value: float = 100.0
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    stable_window: float = 60.0
    panic_window: float = 6.0
    panic_threshold: float = 2.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    activation_scale: int = 1
    initial_scale: int = 1
    min_scale: int = 0
    max_scale: int = 0
    scale_down_delay: float = 0.0
    enable_scale_to_zero: bool = True
    grace_period: float = 30.0
    retention_period: float = 0.0
    progress_deadline: float = DEFAULT_PROGRESS_DEADLINE

    @classmethod
    def from_annotations(
        cls, annotations: Mapping[str, str], config: Config, container_concurrency: int = 0
    ) -> Self:
        """Resolve the annotations of a revision; both Knative spellings (min-scale and minScale) are read.

        The target formula is pkg/reconciler/autoscaling/resources/target.go of Knative.

        Raises:
            SettingsError: with every wrong annotation at once.
        """
        read = Reader(annotations)
        autoscaler_class = read.choice("class", config.pod_autoscaler_class, settings.CLASSES)
        metric = read.choice("metric", METRICS[autoscaler_class][0], METRICS[autoscaler_class])
        total, target = targets(read, config, metric=metric, container_concurrency=container_concurrency)
        window = read.duration("window", config.stable_window, low=settings.WINDOW_MIN)
        panic = read.number("panic-window-percentage", config.panic_window_percentage, low=1, high=100)
        threshold = read.number(
            "panic-threshold-percentage", config.panic_threshold_percentage, low=110, high=1000
        )
        low, high = read.bounds(config)
        spec = cls(
            autoscaler_class=autoscaler_class,
            metric=metric,
            aggregation=read.algorithm(),
            target_value=target,
            total_value=total,
            target_burst_capacity=read.burst(config.target_burst_capacity),
            activator_capacity=config.activator_capacity,
            stable_window=window,
            panic_window=max(1.0, float(math.floor(window * panic / 100 + 0.5))),
            panic_threshold=threshold / 100,
            max_scale_up_rate=config.max_scale_up_rate,
            max_scale_down_rate=config.max_scale_down_rate,
            activation_scale=read.activation(low, high),
            initial_scale=read.initial(config),
            min_scale=low,
            max_scale=high,
            scale_down_delay=read.duration("scale-down-delay", config.scale_down_delay),
            enable_scale_to_zero=config.enable_scale_to_zero,
            grace_period=config.scale_to_zero_grace_period,
            retention_period=read.duration(
                "scale-to-zero-pod-retention-period", config.scale_to_zero_pod_retention_period, whole=False
            ),
            progress_deadline=read.progress_deadline(),
        )
        if read.errors:
            raise SettingsError(tuple(read.errors))
        return spec


def targets(
    read: "Reader", config: Config, *, metric: str, container_concurrency: int
) -> tuple[float, float]:
    """Return (total value, target value) of a revision."""
    share = read.number("target-utilization-percentage", config.target_utilization * 100, low=1, high=100)
    if read.get("target-utilization-percentage") is None:
        share = config.target_utilization * 100  # the platform's share may lie below the annotation's limit
    total = (
        config.requests_per_second_target_default
        if metric == "rps"
        else float(container_concurrency or config.container_concurrency_target_default)
    )
    asked = read.number("target", 0.0, low=settings.TARGET_MIN)
    if asked:
        capped = metric == "concurrency" and container_concurrency > 0
        total = min(asked, float(container_concurrency)) if capped else asked
    return total, max(settings.TARGET_MIN, total * share / 100)


def camel(name: str) -> str:
    """Return the old camelCase spelling of an annotation's name."""
    head, *rest = name.split("-")
    return head + "".join(word.capitalize() for word in rest)


class Reader:
    """Reads annotations with their limits and collects a sentence for each wrong one."""

    def __init__(self, annotations: Mapping[str, str]) -> None:
        self.annotations = annotations
        self.errors: list[str] = []

    def get(self, name: str) -> str | None:
        """Return an annotation in either spelling, or None."""
        value = self.annotations.get(PREFIX + name)
        return self.annotations.get(PREFIX + camel(name)) if value is None else value

    def refuse(self, name: str, rule: str) -> None:
        """Note that an annotation breaks a rule."""
        self.errors.append(f"annotation {PREFIX}{name}: {self.get(name)!r} {rule}")

    def value(self, name: str, default: float, convert: Callable[[str], float], what: str) -> float | None:
        """Return a converted annotation, the default without one, None (and a note) when it cannot be read."""
        text = self.get(name)
        if text is None:
            return default
        try:
            return convert(text.strip())
        except (ValueError, OverflowError):
            self.refuse(name, f"is not {what}")
            return None

    def number(self, name: str, default: float, *, low: float, high: float = math.inf) -> float:
        """Return a finite number within its limits."""
        value = self.value(name, default, settings.number, "a finite number")
        return self.within(name, value, default, low=low, high=high)

    def whole(self, name: str, default: int, *, low: int = 0) -> int:
        """Return a whole number within its limits."""
        value = self.value(name, default, int, "a whole number")
        return int(self.within(name, value, default, low=low, high=2**31 - 1))

    def duration(self, name: str, default: float, *, low: float = 0.0, whole: bool = True) -> float:
        """Return a duration in seconds, at most one hour; whole seconds unless told otherwise."""
        value = self.value(name, default, settings.seconds, "a duration such as 30s")
        if value is not None and whole and self.get(name) is not None and not value.is_integer():
            self.refuse(name, "must be in whole seconds")
            return default
        return self.within(name, value, default, low=low, high=settings.WINDOW_MAX)

    def within(self, name: str, value: float | None, default: float, *, low: float, high: float) -> float:
        """Return a value within its limits; a default is the platform's own and was checked there."""
        if value is None or self.get(name) is None:
            return default
        if low <= value <= high:
            return value
        self.refuse(name, f"must be at least {low:.10g}" if value < low else f"must be at most {high:.10g}")
        return default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words."""
        value = self.get(name)
        if value is None or value in allowed:
            return value or default
        self.refuse(name, f"must be one of {', '.join(allowed)}")
        return default

    def algorithm(self) -> Literal["linear", "weighted-exponential"]:
        """Return how the windows average."""
        chosen = self.choice("metric-aggregation-algorithm", ALGORITHMS[0], ALGORITHMS)
        return "weighted-exponential" if chosen == ALGORITHMS[1] else "linear"

    def burst(self, default: float) -> float:
        """Return the target burst capacity; -1 means no limit."""
        value = self.value("target-burst-capacity", default, settings.number, "a finite number")
        if value is None or value >= 0 or value == -1:
            return default if value is None else value
        self.refuse("target-burst-capacity", "must be at least 0, or -1 for no limit")
        return default

    def bounds(self, config: Config) -> tuple[int, int]:
        """Return (min, max) scale; max 0 means no limit."""
        low, high = self.whole("min-scale", config.min_scale), self.whole("max-scale", config.max_scale)
        if high and low > high:
            self.refuse("min-scale", f"must not be above max-scale ({high})")
        if config.max_scale_limit and not 0 < high <= config.max_scale_limit:
            self.refuse("max-scale", f"must be from 1 to this platform's limit of {config.max_scale_limit}")
        return low, high

    def initial(self, config: Config) -> int:
        """Return the initial scale, which is 0 only where the platform allows that."""
        name, low = "initial-scale", 0 if config.allow_zero_initial_scale else 1
        if low and self.get(name) == "0":
            self.refuse(name, "must be at least 1 unless config-autoscaler says allow-zero-initial-scale")
            return config.initial_scale
        return self.whole(name, config.initial_scale, low=low)

    def activation(self, low: int, high: int) -> int:
        """Return the activation scale: how many instances a wake asks for."""
        value = self.whole("activation-scale", 1, low=2)
        if self.get("activation-scale") is not None and (value < low or (high and value > high)):
            self.refuse("activation-scale", f"must lie between min-scale ({low}) and max-scale ({high})")
        return value

    def progress_deadline(self) -> float:
        """Return how long an activation may take, in seconds."""
        text = self.annotations.get(PROGRESS_DEADLINE)
        if text is None:
            return DEFAULT_PROGRESS_DEADLINE
        try:
            value = settings.seconds(text)
        except (ValueError, OverflowError):
            value = 0.0
        if value <= 0 or not value.is_integer():
            self.errors.append(
                f"annotation {PROGRESS_DEADLINE}: {text!r} must be a duration in whole seconds above 0"
            )
            return DEFAULT_PROGRESS_DEADLINE
        return value
