"""What the engine says while it works. Every counter is cumulative, so a reader
that misses an event loses nothing but a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s3sync_tui.model import KeyRange, RunMode, RunResult
from s3sync_tui.phases import Phase


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The lease is held and the run's row is written (a dry run has neither)."""

    run_id: int | None
    mode: RunMode
    bucket: str
    catalog: str
    interrupted: list[int]
    mode_reason: str = ""
    """Why it is full or delta, as half a sentence."""


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """Where one phase stands; at most ten a second for each."""

    phase: Phase
    done: int
    """Objects listed, images compared, rows written."""
    expected: int | None
    """How many there will be, as far as known; None while nobody can tell."""
    share: float
    """0 to 1: by count where ``expected`` is known, else as a guess from the keys listed."""
    per_second: float
    """Over the last five seconds."""
    list_requests: int
    cost_usd: float
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class BucketListed:
    """Every key range is listed, or given up."""

    images: int
    others: int
    """Objects that are no images, or whose key Postgres cannot store."""


@dataclass(frozen=True, slots=True)
class BatchInserted:
    """A batch is committed."""

    batch: int
    rows: int
    added_so_far: int
    changed_so_far: int


@dataclass(frozen=True, slots=True)
class RangeFailed:
    """A key range was given up after its retries; the others go on."""

    span: KeyRange
    reason: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run's row is final."""

    result: RunResult


Event = RunStarted | PhaseProgress | BucketListed | BatchInserted | RangeFailed | RunFinished
Sink = Callable[[Event], None]
