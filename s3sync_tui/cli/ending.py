"""How a command ends: what is said, and the exit code."""

from __future__ import annotations

import os
import sys
import traceback

import platformdirs

from s3sync_tui.errors import S3SyncError


class ExitWith(Exception):
    """End with this exit code; everything has been said."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def show_error(error: S3SyncError) -> None:
    """Say on stderr what is wrong and what to do."""
    bold, plain = ("\033[1;31m", "\033[0m") if _has_colour() else ("", "")
    hint = f"{error.hint}\n" if error.hint else ""
    sys.stderr.write(f"{bold}Error:{plain} {error.message}\n{hint}")


def fault_of_ours(fault: Exception) -> S3SyncError:
    """What to say of an error that nobody foresaw; the traceback goes to a file."""
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


def _has_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
