"""The Catalog protocol: all that the engine knows about where rows go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from s3sync_tui.changes import Applied, ObjectChange
from s3sync_tui.model import (
    CatalogSummary,
    Difference,
    KeyRange,
    Lanes,
    ObjectPage,
    RangeDigest,
    Rows,
    RunRequest,
    RunResult,
    RunStats,
    RunTicket,
)
from s3sync_tui.phases import PhaseRecord

if TYPE_CHECKING:
    from s3sync_tui.catalog.facts import CountFacts, GrowthFacts, HealthFacts, RunHistory

BATCHES_PER_PROCESS = 2**26
"""Batches of one run are numbered from 1, those of its further processes from 1 beyond this
number and its multiples. The parts of a batch that is written in parts have numbers below 0,
by the same rule."""


class Catalog(Protocol):
    """One table of images and what belongs to it.

    Every method retries what a moment's wait can mend, and raises
    :class:`~s3sync_tui.errors.CatalogError` for the rest.
    """

    description: str
    """For people: where this is, without secrets."""

    @property
    def region(self) -> str | None:
        """The cloud region of the database, where its address tells."""

    async def connect(self) -> None:
        """Connect, whatever state the schema is in: for looking into it."""

    async def open(self) -> None:
        """Connect and verify the schema.

        Raises :class:`~s3sync_tui.errors.SchemaError` where it is missing, old
        or damaged.
        """

    async def close(self) -> None:
        """Release connections."""

    async def summary(self) -> CatalogSummary:
        """How much there is, from the kept counts, and the database's time."""

    async def begin_run(self, request: RunRequest) -> RunTicket:
        """Take the lease, mark dead runs, write the run's row: all or nothing.

        Raises :class:`~s3sync_tui.errors.LeaseHeld`.
        """

    async def renew_lease(
        self, run_id: int, lease_seconds: int, stats: RunStats, phases: Sequence[PhaseRecord] = ()
    ) -> None:
        """Keep the lease and store progress for onlookers.

        Raises :class:`~s3sync_tui.errors.LeaseLost`.
        """

    async def finish_run(
        self,
        run_id: int,
        result: RunResult,
        lanes: Lanes | None = None,
        committed: Sequence[int] = (),
    ) -> RunStats:
        """Write the final state and give the lease back; returns the figures as
        the database counted them (a cancelled run may have committed a batch
        whose answer it did not wait for). Batches under way are waited for, later
        ones refused. Of a run that succeeded, ``lanes`` are kept for the next, all or
        nothing.

        Raises :class:`~s3sync_tui.errors.LeaseLost` where another run has taken
        over, unless ``result`` says so itself (``interrupted``), and, with nothing written,
        :class:`~s3sync_tui.errors.RowsLost` where ``result`` says ``succeeded``, but one of
        the batches that were ``committed``, by their numbers, is there no more.
        """

    async def lanes(self, bucket: str, prefix: str) -> Lanes | None:
        """What the last run that succeeded has kept; None where there is none, or the
        table has been emptied since."""

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """Keys that cut ``span`` into about ``parts`` ranges of equal rows,
        from the table's statistics; empty where there are none."""

    async def range_digests(self, spans: Sequence[KeyRange]) -> list[RangeDigest]:
        """What the catalog holds in each of ``spans``, in their order."""

    async def compare(self, page: ObjectPage, *, started_at: datetime) -> Difference:
        """How ``page`` and the catalog differ. Rows created after ``started_at``
        are never called gone: the page may be older than they are. Marked and
        archived rows are not gone once more; a marked row whose object is back has
        changed."""

    async def mark_gone(self, page: ObjectPage, *, run_id: int, started_at: datetime) -> int:
        """Set ``missing_since`` on the rows of ``page.span`` that it does not
        name; returns how many this run has marked there.
        Raises :class:`~s3sync_tui.errors.LeaseLost`.
        """

    async def insert_batch(
        self, run_id: int, batch: int, rows: Rows, *, fresh: bool = False
    ) -> int:
        """Insert the rows that are not there yet; returns how many were. ``fresh`` says
        that none was there a moment ago, which is quicker, and exact where it is wrong.

        ``batch`` is unique within the run: a repeated call with the same number
        (after an answer was lost) changes nothing and returns the first result.
        Raises :class:`~s3sync_tui.errors.LeaseLost`, and
        :class:`~s3sync_tui.errors.RowRefused`, with nothing done, where the table does not
        take one of the rows.
        """

    async def update_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        """Update the rows whose etag or size differs, or that were marked
        missing; returns how many. Otherwise as :meth:`insert_batch`."""

    async def apply_changes(
        self, changes: Sequence[ObjectChange], *, looked_after: datetime | None = None
    ) -> Applied:
        """Do to the rows what happened to their objects, all in one transaction.

        A change of ``created`` inserts or updates its key's row, ``removed`` marks it
        missing; what is older than what was applied before for that key does nothing,
        however late or often it comes. Exact beside a run, whose older listing does not
        undo it, and beside others who apply changes; needs no lease.

        At most one change a key, and no key with U+0000, which Postgres cannot store: the
        caller sees to both. Safe to repeat: after an answer was lost, everything is stale.

        ``looked_after`` says that the changes are what the bucket itself has just said of
        these keys, asked after that database time: the :attr:`Applied.at` of the call that
        found them doubtful. They are applied unless something else has been meanwhile.

        Raises :class:`~s3sync_tui.errors.RowRefused`, with nothing done that another call
        would not do again, where the table does not take one of the rows.
        """

    async def vacuum(self) -> None:
        """Refresh statistics and visibility after a bulk load, where permitted."""

    async def history(self, limit: int = 50, before: int | None = None) -> RunHistory:
        """The newest ``limit`` runs (at most 1,000), of those before run ``before``."""

    async def growth_facts(self) -> GrowthFacts:
        """Arrivals and sizes, from the kept counts: quick at any number of images."""

    async def health_facts(self) -> HealthFacts:
        """What health checks judge; also of a damaged schema.

        Raises :class:`~s3sync_tui.errors.SchemaError` where there is none.
        """

    async def verify_counts(self) -> CountFacts:
        """Count all images, and compare. Reads every row."""

    async def mend(self, statements: Sequence[str]) -> None:
        """Run the statements of a health check's fix, each by itself.

        Raises :class:`~s3sync_tui.errors.CatalogError`, also where this transport
        cannot run statements.
        """
