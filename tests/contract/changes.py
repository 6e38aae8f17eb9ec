"""Made-up changes of objects for the contract tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from s3sync_tui.changes import ChangeKind, ObjectChange
from tests.contract.images import rows
from tests.support.database import Connection


def created(
    key: str, sequencer: str = "", *, version: int = 1, ago: timedelta = timedelta()
) -> ObjectChange:
    """The object of :func:`tests.contract.images.rows`, put ``ago``."""
    image = rows([key], version=version)
    return ObjectChange(
        key,
        ChangeKind.CREATED,
        sequencer,
        datetime.now(UTC).replace(microsecond=0) - ago,
        image.etags[0],
        image.sizes[0],
    )


def removed(key: str, sequencer: str = "", *, ago: timedelta = timedelta()) -> ObjectChange:
    """Was removed ``ago``."""
    return ObjectChange(key, ChangeKind.REMOVED, sequencer, datetime.now(UTC) - ago)


def at(moment: datetime, changes: Iterable[ObjectChange]) -> list[ObjectChange]:
    """The same, at another time."""
    return [replace(change, at=moment) for change in changes]


def present(connection: Connection, table: str = "images") -> dict[str, str]:
    """The keys that are not marked missing, and their ETags."""
    query = f'select filename, etag from "{table}" where missing_since is null'
    return {str(key): str(etag) for key, etag in connection.execute(query.encode()).fetchall()}


def marked(connection: Connection) -> list[str]:
    """The keys that are marked missing."""
    query = (
        'select filename from images where missing_since is not null order by filename collate "C"'
    )
    return [str(key) for (key,) in connection.execute(query.encode()).fetchall()]


def kept(connection: Connection) -> dict[str, str]:
    """The sequencer that is kept for each key."""
    found = connection.execute("select filename, sequencer from sync_changes").fetchall()
    return {str(key): str(sequencer) for key, sequencer in found}


def let_pass(connection: Connection, hours: float) -> None:
    """For what is kept, so much time goes by."""
    connection.execute(
        "update sync_changes set applied_at = applied_at - make_interval(secs => %s)",
        [hours * 3600],
    )
