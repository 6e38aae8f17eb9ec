"""Everything that can go wrong, said in words an operator can act on.

Each error carries the exit code of its kind; the table is in the README.
"""

from __future__ import annotations

from datetime import datetime

from s3sync_tui.safe_text import clipped, safe_lines
from s3sync_tui.secrecy import without_secrets

_LONGEST = 4000
"""Characters of a message: a settings file may have many faults, and a server much to say."""


class S3SyncError(Exception):
    """A fault with a sentence about what is wrong and a hint about what to do.

    ``message`` and ``hint`` are shown to people, logged and stored: whatever they are made of,
    they hold no secret that is known and nothing that a terminal would obey.
    """

    exit_code = 1
    passes = False
    """Whether it may pass by itself: then it is worth trying again soon."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = _fit_to_show(message)
        self.hint = _fit_to_show(hint)
        super().__init__(self.message)


class SettingsError(S3SyncError):
    """A setting is missing, malformed or out of range."""

    exit_code = 2


class BucketError(S3SyncError):
    """The bucket cannot be read."""

    exit_code = 3


class BucketUnreachable(BucketError):
    """The endpoint does not answer, or answers with nothing usable."""

    passes = True


class BucketDenied(BucketError):
    """Credentials are missing, expired, wrong or lack ``s3:ListBucket``."""


class BucketMissing(BucketError):
    """There is no such bucket at this endpoint."""


class WrongRegion(BucketError):
    """The bucket lives in another region than the one configured."""


class QueueError(S3SyncError):
    """The queue of the bucket's notifications cannot be used."""

    exit_code = 3


class QueueUnreachable(QueueError):
    """The queue does not answer, or answers with nothing usable."""


class QueueDenied(QueueError):
    """Credentials are missing, expired, wrong or lack a right on the queue."""


class QueueMissing(QueueError):
    """There is no such queue."""


class CatalogError(S3SyncError):
    """The database cannot be used."""

    exit_code = 4


class CatalogUnreachable(CatalogError):
    """The database does not answer, or went away and stayed away."""

    passes = True


class CatalogDenied(CatalogError):
    """The database refuses this user, or the user may not do what is needed."""


class RowsLost(CatalogError):
    """The database has lost what it had committed."""

    passes = True


class RowRefused(CatalogError):
    """The table refuses a row, by a rule of its owner's: a constraint, a trigger, a type."""


class SchemaError(S3SyncError):
    """The schema is missing, too old, damaged, or cannot be applied."""

    exit_code = 5


class LeaseHeld(S3SyncError):
    """Another run is syncing this bucket into this table."""

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        run_id: int | None = None,
        holder: str = "",
        since: datetime | None = None,
    ) -> None:
        """``run_id``, ``holder`` (its host and process) and ``since`` are the other run's,
        where known."""
        super().__init__(message, hint=hint)
        self.run_id = run_id
        self.holder = holder
        self.since = since


class LeaseLost(S3SyncError):
    """This run's lease expired and another run took over."""

    exit_code = 6


class PartlyDone(S3SyncError):
    """Some key ranges could not be listed, or some rows not written; all else is in the table."""

    exit_code = 7


class TimedOut(S3SyncError):
    """The sync did not end within the time that it was given."""

    exit_code = 124  # as timeout(1) has it


def _fit_to_show(text: str) -> str:
    return clipped(safe_lines(without_secrets(text[: 10 * _LONGEST])), _LONGEST)
