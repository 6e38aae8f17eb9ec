"""Logs in a file: readable by its owner alone, and never larger than it may get."""

from __future__ import annotations

import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from s3sync_tui.cli.logs import AUTO
from s3sync_tui.errors import SettingsError

MOST_BYTES = 5_000_000
KEPT = 3
"""Older files, beside the one that is written: .1, .2, .3."""


def to_file(name: str) -> RotatingFileHandler:
    """Write to ``name``, or, where it is ``auto``, to the user's log directory.

    Raises :class:`~s3sync_tui.errors.SettingsError` where that cannot be.
    """
    file = Path(name)
    try:
        if name == AUTO:
            file = default_log_file()
            file.parent.mkdir(parents=True, exist_ok=True)
        return _PrivateFile(file, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"--log-file {name}: {file} cannot be written: {error.strerror or error}.",
            hint="Name a file in a directory that is there and that this user may write to, or "
            "leave the flag out: logs go to stderr.",
        ) from error


def default_log_file() -> Path:
    """What ``auto`` means."""
    import platformdirs

    return platformdirs.user_log_path("s3sync-tui", appauthor=False) / "s3sync-tui.log"


class _PrivateFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        # The mode is set when the file is made, so that nobody can open it before.
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(fd, "a", encoding="utf-8")
