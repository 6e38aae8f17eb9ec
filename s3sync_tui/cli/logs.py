"""Logs on stderr, and in a file where one is named: text for people, JSON lines for collectors."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import TextIO

from s3sync_tui.safe_text import safe_lines
from s3sync_tui.secrecy import without_secrets

AUTO = "auto"
"""In place of a log file's name: the one in the user's log directory."""

_OURS = "s3sync_tui"


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """What is worth a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up_logs(log_format: LogFormat, level: LogLevel, file: str | None = None) -> None:
    """Send the logs of this process to stderr; and to ``file``, which keeps what is info or
    worse, whatever the ``level`` of stderr. Of libraries, debug alone says more than warnings.

    Raises :class:`~s3sync_tui.errors.SettingsError` where ``file`` cannot be written.
    """
    formatter = _text() if log_format is LogFormat.TEXT else _json()
    least = getattr(logging, level.upper())
    handlers: list[logging.Handler] = [_ToStderr()]
    handlers[0].setLevel(least)
    if file:
        from s3sync_tui.cli.log_file import to_file  # which few want

        least = min(least, logging.INFO)
        handlers.append(to_file(file))
        handlers[1].setLevel(least)
    for handler in handlers:
        handler.setFormatter(formatter)
    others = least if level is LogLevel.DEBUG else max(least, logging.WARNING)
    logging.basicConfig(level=others, handlers=handlers, force=True)
    logging.getLogger(_OURS).setLevel(least)


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at the moment: live bars put themselves in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "is_said", False):  # in other words
            self.stream = sys.stderr
            super().emit(record)


class _TextLines(logging.Formatter):
    """No secrets, nothing that a terminal would obey, and no line that passes for a record: what
    follows the first one is set in."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, on one line or more."""
        text = safe_lines(without_secrets(super().format(record)))
        return text.replace("\n", "\n    ")


def _text() -> logging.Formatter:
    return _TextLines("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")


def _json() -> logging.Formatter:
    from s3sync_tui.headless.json_lines import JsonLines  # which few want

    return JsonLines()
