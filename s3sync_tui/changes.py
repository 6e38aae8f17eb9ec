"""What happened to single objects, one by one, and what the catalog made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ChangeKind(StrEnum):
    """What happened to an object."""

    CREATED = "created"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What happened to one key: a notification says so, or a look at the bucket.

    Attributes:
        sequencer: orders the changes of one key; hexadecimal as S3 sends it, empty where
            none is known.
        at: when it happened, with a time zone; for a look at the bucket, Last-Modified.
        etag: without quotes.
    """

    key: str
    kind: ChangeKind
    sequencer: str
    at: datetime
    etag: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of changes that were given to the catalog.

    Attributes:
        added: rows inserted.
        changed: rows that took another ETag, size or time, or are no longer missing.
        gone: rows marked missing.
        stale: older than what was applied before for their key, or the same once more.
        doubtful: positions of changes that nothing was done about, because nobody can
            tell which is newer: look at the bucket.
        at: the database's time before anything was read.
        refused: keys whose rows the table does not take, by a rule of its owner's, and why.
    """

    added: int
    changed: int
    gone: int
    stale: int
    doubtful: list[int]
    at: datetime
    refused: dict[str, str] = field(default_factory=dict)

    def then(self, later: Applied, offset: int) -> Applied:
        """Both together, where ``later`` is of the changes from position ``offset`` on."""
        return Applied(
            self.added + later.added,
            self.changed + later.changed,
            self.gone + later.gone,
            self.stale + later.stale,
            self.doubtful + [offset + position for position in later.doubtful],
            self.at,
            self.refused | later.refused,
        )
