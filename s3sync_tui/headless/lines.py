"""A run, or what kept it from being one, as one line of a log, and as fields for JSON logs."""

from __future__ import annotations

import logging
from typing import Any

from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.safe_text import clipped, safe

LONGEST = 600
"""Characters of an error: a line stays a line."""


def log_run(
    log: logging.Logger, result: RunResult, more: str = "", *, is_said: bool = False, **fields: Any
) -> str:
    """Log how a run ended, and ``more`` after it; returns the line. What ``is_said`` already on
    stderr goes to the log file only."""
    line = run_line(result) + more
    is_well = result.status in {RunStatus.SUCCEEDED, RunStatus.CANCELLED}
    level = logging.INFO if is_well else logging.ERROR
    extra = {"fields": run_fields(result) | fields, "is_said": is_said}
    log.log(level, "%s", line, extra=extra)
    return line


def run_line(result: RunResult) -> str:
    """``run 1234 delta: 750 added, 48,210,332 listed, 51 LIST, 3.2 s``. Nothing that comes
    from a key is in it raw."""
    stats = result.stats
    counts = [f"{stats.added:,} added"]
    for count, what in ((stats.changed, "changed"), (stats.gone, "gone")):
        counts += [f"{count:,} {what}"] * bool(count)
    counts += [f"{stats.rejected:,} rejected"] * bool(stats.rejected)
    counts += [f"{stats.total:,} listed", f"{stats.list_requests:,} LIST"]
    name = "dry run" if result.run_id is None else f"run {result.run_id}"
    how = "" if result.status is RunStatus.SUCCEEDED else f" {result.status.value}"
    line = f"{name} {result.mode.value}{how}: {', '.join(counts)}, {stats.duration_seconds:,.1f} s"
    return f"{line}: {_sentence(result.error, result.hint)}" if result.error else line


def run_fields(result: RunResult) -> dict[str, Any]:
    """The same for programs."""
    stats = result.stats
    fields: dict[str, Any] = {
        "run_id": result.run_id,
        "status": result.status.value,
        "mode": result.mode.value,
        "added": stats.added,
        "changed": stats.changed,
        "gone": stats.gone,
        "rejected": stats.rejected,
        "total": stats.total,
        "list_requests": stats.list_requests,
        "duration_seconds": round(stats.duration_seconds, 3),
    }
    if result.error:
        fields |= {"error": _one_line(result.error), "hint": _one_line(result.hint)}
    return fields


def log_error(
    log: logging.Logger,
    error: S3SyncError,
    before: str = "",
    after: str = "",
    *,
    is_said: bool = False,
) -> str:
    """Log what is wrong and what to do, between ``before`` and ``after``; otherwise like
    :func:`log_run`."""
    line = before + _sentence(error.message, error.hint) + after
    level = logging.INFO if isinstance(error, LeaseHeld) else logging.ERROR
    log.log(level, "%s", line, extra={"fields": _error_fields(error), "is_said": is_said})
    return line


def _error_fields(error: S3SyncError) -> dict[str, Any]:
    return {
        "status": "skipped" if isinstance(error, LeaseHeld) else "failed",
        "error": _one_line(error.message),
        "hint": _one_line(error.hint),
        "exit_code": error.exit_code,
    }


def _sentence(message: str, hint: str) -> str:
    return f"{_one_line(message)} {_one_line(hint)}".rstrip()


def _one_line(text: str) -> str:
    return clipped(safe(" ".join(text.splitlines())), LONGEST)
