"""An error that nobody foresaw: its traceback goes to a file, people get a sentence."""

from __future__ import annotations

import traceback

import platformdirs

from s3sync_tui.errors import S3SyncError


def fault_of_ours(fault: Exception) -> S3SyncError:
    """What to say of ``fault``; the traceback goes to ``fault.log``."""
    file = platformdirs.user_log_path("s3sync-tui", appauthor=False) / "fault.log"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(traceback.format_exception(fault)), encoding="utf-8")
        where = f"Please report it with {file}."
    except OSError:
        where = "Please report it."
    return S3SyncError(
        f"A fault of s3sync-tui: {type(fault).__name__}.",
        hint=f"Nothing is lost: the next run goes on from here. {where}",
    )
