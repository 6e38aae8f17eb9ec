"""Logs in a file: readable by its owner alone, and rotated before it gets large."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from logging import LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path

from s3sync_tui.cli.logs import AUTO
from s3sync_tui.errors import SettingsError
from s3sync_tui.private_files import make_private_directory, open_private

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
            make_private_directory(file.parent)
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
    _has_complained = False

    def doRollover(self) -> None:  # noqa: N802  # its name in logging
        try:
            super().doRollover()
        except OSError as error:  # it may be a file in a directory of somebody else's
            self._complain(f"cannot be rotated, and grows: {error.strerror or error}")
            self.stream = self._open()

    def handleError(self, record: LogRecord) -> None:  # noqa: N802  # its name in logging
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._complain(f"cannot be written: {error.strerror or error}")

    def _complain(self, problem: str) -> None:
        """Once: a log that is in trouble must not become one more."""
        if not self._has_complained:
            self._has_complained = True
            sys.stderr.write(f"The log file {self.baseFilename} {problem}.\n")

    def _open(self) -> TextIOWrapper:
        fd = open_private(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return os.fdopen(fd, "a", encoding="utf-8")
