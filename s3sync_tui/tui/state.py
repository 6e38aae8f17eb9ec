"""How things stand between bucket and catalog, as header and Sync panel tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from s3sync_tui.model import RunRecord


class Standing(StrEnum):
    """The ways it can stand."""

    CONNECTING = "connecting"
    NEVER_RUN = "never run"
    IN_SYNC = "in sync"
    BEHIND = "behind"
    """The last run that succeeded is older than the schedule allows."""
    SYNCING = "syncing"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CATALOG_UNREACHABLE = "catalog unreachable"
    BUCKET_UNREACHABLE = "bucket unreachable"
    SCHEMA_MISSING = "schema missing"
    OTHER_HOST = "other host syncing"


UNDER_WAY = frozenset({Standing.SYNCING, Standing.CANCELLING})
"""While these last, our own bars run."""


@dataclass(frozen=True, slots=True)
class State:
    """How things stand, and what one needs to know about it."""

    standing: Standing
    at: datetime | None = None
    """When it came to stand so: the last success, the failure, the other's start."""
    run: RunRecord | None = None
    """The run that it is about: the last one, or another host's."""
    error: str = ""
    hint: str = ""
    retry_at: datetime | None = None
    """The next try, where one is due by itself."""
