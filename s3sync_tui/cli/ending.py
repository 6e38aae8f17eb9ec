"""How a command ends: what is said, and the exit code."""

from __future__ import annotations

import os
import sys

from s3sync_tui.errors import S3SyncError


class ExitWith(Exception):
    """End with this exit code; everything has been said."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def say_how_it_ended(error: Exception) -> int:
    """Say what is to be said of what ended a command; returns the exit code."""
    from s3sync_tui.fault import fault_of_ours
    from s3sync_tui.headless.signals import Stopped

    if isinstance(error, Stopped | ExitWith):
        return error.exit_code
    known = error if isinstance(error, S3SyncError) else fault_of_ours(error)
    show_error(known)
    return known.exit_code


def show_error(error: S3SyncError) -> None:
    """Say on stderr what is wrong and what to do."""
    bold, plain = ("\033[1;31m", "\033[0m") if _has_colour() else ("", "")
    hint = f"{error.hint}\n" if error.hint else ""
    sys.stderr.write(f"{bold}Error:{plain} {error.message}\n{hint}")


def _has_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
