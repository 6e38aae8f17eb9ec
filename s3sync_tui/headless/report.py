"""A run in words and in JSON."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from s3sync_tui.errors import S3SyncError
from s3sync_tui.events import RunStarted
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.safe_text import safe, safe_key


def as_json(result: RunResult) -> dict[str, Any]:
    """The run as one object; its first four keys are a promise to other programs."""
    stats = result.stats
    document: dict[str, Any] = {
        "total": stats.total,
        "added": stats.added,
        "skipped": stats.skipped,
        "duration": duration(stats.duration_seconds),
        "duration_seconds": round(stats.duration_seconds, 3),
        "status": result.status.value,
        "run_id": result.run_id,
        "mode": result.mode.value,
        "mode_reason": result.mode_reason,
        "dry_run": result.dry_run,
        "changed": stats.changed,
        "gone": stats.gone,
        "rejected": stats.rejected,
        "list_requests": stats.list_requests,
        "cost_usd": round(stats.cost_usd, 6),
        "gone_sample": result.gone_sample,
        "rejected_sample": result.rejected_sample,
        "failed_ranges": [
            {"after": span.after, "up_to": span.up_to} for span in result.failed_ranges
        ],
    }
    if result.error:
        document |= {"error": result.error, "hint": result.hint}
    return document


def error_as_json(error: S3SyncError, *, skipped: bool) -> dict[str, Any]:
    """A run that could not begin; ``skipped`` where that was as wished."""
    return {
        "total": 0,
        "added": 0,
        "skipped": 0,
        "duration": duration(0),
        "status": "skipped" if skipped else "failed",
        "error": error.message,
        "hint": error.hint,
    }


def summary_line(result: RunResult) -> str:
    """The last line of ``--once``."""
    stats = result.stats
    how = {
        RunStatus.SUCCEEDED: "completed in",
        RunStatus.CANCELLED: "cancelled after",
        RunStatus.INTERRUPTED: "taken over by another run after",
    }.get(result.status, "failed after")
    return (
        f"Sync {how} {duration(stats.duration_seconds)} - "
        f"Added: {stats.added}, Skipped: {stats.skipped}"
    )


def start_notes(started: RunStarted, *, with_mode: bool) -> list[str]:
    """What there is to say of a run that begins, a sentence each."""
    mode = f"{started.mode.value.capitalize()} run: {started.mode_reason}."
    said = [mode] if with_mode else []
    if started.interrupted:
        numbers = ", ".join(map(str, started.interrupted))
        said.append(f"Completing what run {numbers} left: it was interrupted.")
    return said


def notes(result: RunResult) -> list[str]:
    """What the summary line does not say, a sentence each."""
    stats = result.stats
    said = []
    if result.dry_run:
        said.append("Dry run: nothing was written.")
    if stats.changed:
        said.append(f"Changed: {stats.changed} (another ETag or size in S3).")
    if stats.gone:
        said.append(
            f"Gone: {stats.gone} row{'s have' if stats.gone > 1 else ' has'} no object in S3 "
            "any more, for example "
            f"'{safe_key(result.gone_sample[0])}' (--mark-gone sets missing_since)."
        )
    if stats.rejected:
        said.append(
            f"Rejected: {stats.rejected} keys that Postgres cannot store, for example "
            f"'{safe(result.rejected_sample[0])}'."
        )
    return said


def duration(seconds: float) -> str:
    """A length of time for people: ``3.2s``, ``4m 10s``, ``2h 05m``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    return f"{minutes // 60}h {minutes % 60:02}m"


def say(line: str, to: TextIO | None = None) -> None:
    """Print a line at once; who reads it may be waiting at a pipe's other end."""
    to = to or sys.stdout
    to.write(f"{line}\n")
    to.flush()
