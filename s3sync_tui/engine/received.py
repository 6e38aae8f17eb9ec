"""What has come from a queue so far, in figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """What has come so far; every figure is cumulative."""

    messages: int = 0
    """Received, those that came again included."""
    changes: int = 0
    """Of our objects, as the messages tell them."""
    added: int = 0
    changed: int = 0
    gone: int = 0
    stale: int = 0
    """Older than what was applied before, or the same once more."""
    looked: int = 0
    """HEAD requests: looks at single objects."""
    ignored_objects: int = 0
    ignored_buckets: int = 0
    rejected: int = 0
    """Of keys that Postgres cannot store."""
    not_understood: int = 0
    """Messages, each time that they come."""
    refused: int = 0
    """Messages of which the table does not take a row, each time that they come."""
    lag_seconds: float | None = None
    """From the oldest change of the last batch to its commit, by S3's clock and the database's."""


ReceivedSink = Callable[[Received], None]
