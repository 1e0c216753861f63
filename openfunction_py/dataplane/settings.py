"""The limits of the gateway as one value.

Holds defaults only; nothing here is read from the environment.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes in bytes, durations in seconds."""

    max_target: int = 8 * 1024
    max_head: int = 64 * 1024
    max_headers: int = 200
    body_buffer: int = 64 * 1024
    discard: int = 64 * 1024 * 1024  # as head_timeout: past it, an answer is lost
    queue_length: int = 10_000
    held_bytes: int = 64 * 1024 * 1024
    hold: float = 60.0
    head_timeout: float = 10.0
    idle_timeout: float = 75.0
    answer_slack: float = 1.0
    connect_timeout: float = 2.0
    upstream_idle: float = 30.0
    upstream_kept: int = 256
    suspect: float = 0.1
    sweep: float = 0.1
    idle_sweep: float = 0.5
    drain: float = 10.0
    retry_after: int = 1
    access_log: bool = False
