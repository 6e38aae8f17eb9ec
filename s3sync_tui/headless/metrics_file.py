"""What node_exporter's textfile collector reads of the last run: Prometheus's text format.

Written by hand: cron need not load a client for a dozen lines.
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from s3sync_tui.model import RunResult, RunStats, RunStatus
from s3sync_tui.private_files import open_private, replace_file
from s3sync_tui.settings import Settings

log = logging.getLogger(__name__)

_LAST_SUCCESS = "s3sync_last_success_timestamp_seconds"
_SKIPPED = "skipped"
_STATUSES = (*(status.value for status in RunStatus if status is not RunStatus.RUNNING), _SKIPPED)
_MOST_CHARACTERS = 1_000_000
_MODE = 0o644  # another user's node_exporter reads it, and there is no secret in it


def write_metrics(
    file: Path,
    settings: Settings,
    result: RunResult | None,
    exit_code: int,
    *,
    is_skipped: bool = False,
) -> None:
    """Replace ``file``, whole, by what there is to say of a run; ``result`` is None where it
    could not begin. The time of the last success is kept. That the file cannot be written is
    logged: the sync is what matters."""
    stats = RunStats() if result is None else result.stats
    status = RunStatus.FAILED.value if result is None else result.status.value
    if is_skipped:
        status = _SKIPPED
    now = time.time()
    try:
        is_success = status == RunStatus.SUCCEEDED
        last_success = now if is_success else _last_success(file)
        text = _text(_labels(settings), now, last_success, status, exit_code, stats)
        # The name in between does not end in .prom, by which the collector knows its files.
        replace_file(file, text.encode(), _MODE)
    except OSError as error:
        reason = error.strerror or error
        log.warning("the metrics file %s cannot be written: %s", file, reason)


def _text(
    labels: str, now: float, last_success: float, status: str, exit_code: int, stats: RunStats
) -> str:
    figures = [
        (_LAST_SUCCESS, "When a sync last succeeded; 0: not yet.", last_success),
        ("s3sync_last_run_timestamp_seconds", "When the last run ended.", now),
        ("s3sync_last_run_exit_code", "Its exit code.", exit_code),
        ("s3sync_last_run_duration_seconds", "How long it took.", stats.duration_seconds),
        ("s3sync_last_run_images", "Images that it listed.", stats.total),
        ("s3sync_last_run_added", "Rows that it inserted.", stats.added),
        ("s3sync_last_run_changed", "Rows that it updated.", stats.changed),
        ("s3sync_last_run_gone", "Rows whose object is gone.", stats.gone),
        ("s3sync_last_run_rejected", "Keys that Postgres cannot store.", stats.rejected),
        ("s3sync_last_run_list_requests", "LIST requests that it made.", stats.list_requests),
    ]
    lines = []
    for name, meaning, value in figures:
        lines += _head(name, meaning)
        lines.append(f"{name}{{{labels}}} {round(value, 3)}")
    name = "s3sync_last_run_status"
    lines += _head(name, "How it ended: 1 for that status, 0 for all others.")
    for each in _STATUSES:
        lines.append(f'{name}{{{labels},status="{each}"}} {int(each == status)}')
    return "\n".join(lines) + "\n"


def _head(name: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]


def _labels(settings: Settings) -> str:
    """Several jobs write several files, and no series may be there twice."""
    labels = {
        "bucket": settings.bucket or "",
        "prefix": settings.prefix,
        "table": settings.table,
    }
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _last_success(file: Path) -> float:
    """As the file that is to be replaced has it."""
    with suppress(OSError, UnicodeDecodeError, ValueError):
        with os.fdopen(open_private(file, os.O_RDONLY), encoding="utf-8") as there:
            text = there.read(_MOST_CHARACTERS)
        if match := re.search(rf"^{_LAST_SUCCESS}\{{.*\}} (\S+)$", text, re.MULTILINE):
            return float(match[1])
    return 0.0
