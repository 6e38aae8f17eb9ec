"""Log records as JSON, a line each: for collectors, CloudWatch among them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from s3sync_tui.secrecy import without_secrets


class JsonLines(logging.Formatter):
    """One object a record; what its ``fields`` hold, a dict, is beside the rest."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(fields := getattr(record, "fields", None), dict):
            document |= fields
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        elif record.exc_text:  # another process's: its traceback has come as text
            document["traceback"] = record.exc_text
        return json.dumps(_clean(document))


def _clean(value: Any) -> Any:
    """Without secrets, wherever they are. What a terminal would obey, JSON itself escapes."""
    match value:
        case str():
            return without_secrets(value)
        case dict():
            return {key: _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case _:
            return value
