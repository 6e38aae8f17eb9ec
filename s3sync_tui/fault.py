"""An error that nobody foresaw: its traceback goes to a file, people get a sentence."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import platformdirs

from s3sync_tui.errors import S3SyncError
from s3sync_tui.private_files import PRIVATE, make_private_directory, open_private
from s3sync_tui.safe_text import safe_lines
from s3sync_tui.secrecy import without_secrets


def fault_of_ours(fault: Exception) -> S3SyncError:
    """What to say of ``fault``; the traceback goes to ``fault.log``."""
    file = platformdirs.user_log_path("s3sync-tui", appauthor=False) / "fault.log"
    try:
        make_private_directory(file.parent)
        told = "".join(traceback.format_exception(fault))
        with os.fdopen(_opened(file), "w", encoding="utf-8") as log:
            log.write(safe_lines(without_secrets(told)) + "\n")
        where = f"Please report it with {file}."
    except OSError:
        where = "Please report it."
    return S3SyncError(
        f"A fault of s3sync-tui: {type(fault).__name__}.",
        hint=f"Nothing is lost: the next run goes on from here. {where}",
    )


def _opened(file: Path) -> int:
    """For its owner alone, from its first moment on; also where an older version has made it."""
    handle = open_private(file, os.O_WRONLY | os.O_CREAT)
    os.fchmod(handle, PRIVATE)
    os.ftruncate(handle, 0)  # not before it is known whose it is
    return handle
