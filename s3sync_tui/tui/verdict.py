"""How things stand, told from what was last read: runs, health, or the error instead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from s3sync_tui.errors import CatalogError, S3SyncError, SchemaError
from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.tui.state import Standing, State

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.health import Health

RETRY_SECONDS = 10
"""Until what does not answer is asked again."""
_HOLDER_SILENT = timedelta(seconds=90)
_LATE = {CheckStatus.WARN, CheckStatus.FAIL}


def state_of_error(error: S3SyncError, now: datetime) -> State:
    """The catalog cannot be read."""
    if isinstance(error, SchemaError):
        return State(Standing.SCHEMA_MISSING, now, None, error.message, error.hint)
    if isinstance(error, CatalogError):
        retry_at = now + timedelta(seconds=RETRY_SECONDS)
        return State(Standing.CATALOG_UNREACHABLE, now, None, error.message, error.hint, retry_at)
    return State(Standing.FAILED, now, None, error.message, error.hint)


def state_of(runs: Sequence[RunRecord], health: Health | None, now: datetime) -> State:
    """The catalog can be read; ``runs`` newest first."""
    last = runs[0] if runs else None
    if last is not None and last.status is RunStatus.RUNNING:
        if now - last.heartbeat_at < _HOLDER_SILENT:
            return State(Standing.OTHER_HOST, last.started_at, last)
        return State(
            Standing.FAILED,
            last.heartbeat_at,
            last,
            f"Run {last.run_id} has gone silent: whoever held it has died.",
            "Sync again: what it committed stays, and the next run completes the rest.",
        )
    # What health found before the last run ended may have ended with it.
    ended = last.finished_at if last is not None else None
    is_news = health is not None and (ended is None or health.at > ended)
    failing = {c.name: c for c in health.checks if c.status in _LATE} if health and is_news else {}
    bucket = failing.get("bucket")
    if bucket is not None and health is not None:
        return _unreachable(bucket, last, health.at)
    if last is None:
        return State(Standing.NEVER_RUN)
    if last.status is RunStatus.SUCCEEDED:
        late = failing.get("schedule")
        if late is not None:
            return State(Standing.BEHIND, ended, last, late.measured, late.fix)
        return State(Standing.IN_SYNC, ended, last)
    standing = Standing.CANCELLED if last.status is RunStatus.CANCELLED else Standing.FAILED
    return State(standing, ended, last, last.error, last.hint)


def _unreachable(bucket: Check, last: RunRecord | None, asked: datetime) -> State:
    retry_at = asked + timedelta(seconds=RETRY_SECONDS)
    return State(Standing.BUCKET_UNREACHABLE, asked, last, bucket.measured, bucket.fix, retry_at)
