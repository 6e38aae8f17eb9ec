"""What took the database too long is done in halves.

Supabase gives up statements of its API after some seconds (by default 8), however good
the reason: a busy disk, a lock, a small machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import count

from s3sync_tui.catalog.base import BATCHES_PER_PROCESS
from s3sync_tui.catalog.functions import GONE_SAMPLE, FunctionCatalog
from s3sync_tui.changes import Applied, ObjectChange
from s3sync_tui.errors import CatalogError
from s3sync_tui.model import Difference, KeyRange, ObjectPage, RangeDigest, Rows

CALLS_UNTIL_MORE = 20
_UNLIMITED = 2**31

Write = Callable[[int, int, Rows], Awaitable[int]]


class TookTooLong(CatalogError):
    """The database gave up a statement; half of it may be done in time."""


class HalvingCatalog(FunctionCatalog):
    """A catalog whose ``_call`` raises :class:`TookTooLong`."""

    def __init__(self, *, table: str, description: str) -> None:
        super().__init__(table=table, description=description)
        self._rows_at_once = Portion()
        self._ranges_at_once = Portion()
        self._changes_at_once = Portion()
        # Batches that took too long, and the numbers of their halves: a repeated call of
        # such a batch asks for what its halves did. The engine's numbers are positive.
        self._halves: dict[tuple[int, int], tuple[int, int]] = {}
        self._numbers: defaultdict[int, count[int]] = defaultdict(lambda: count(1))
        self._latest = (0, 0)

    async def range_digests(self, spans: Sequence[KeyRange]) -> list[RangeDigest]:
        portion = self._ranges_at_once
        if len(spans) <= portion.size:
            try:
                digests = await super().range_digests(spans)
            except TookTooLong:
                if len(spans) <= 1:
                    raise
                portion.took_too_long(len(spans))
            else:
                portion.was_in_time()
                return digests
        middle = len(spans) // 2
        first = await self.range_digests(spans[:middle])
        return first + await self.range_digests(spans[middle:])

    async def compare(self, page: ObjectPage, *, started_at: datetime) -> Difference:
        try:
            return await super().compare(page, started_at=started_at)
        except TookTooLong:
            if len(page.images) <= 1:
                raise
        lower, upper = halve(page)
        first = await self.compare(lower, started_at=started_at)
        second = await self.compare(upper, started_at=started_at)
        offset = len(lower.images)
        return Difference(
            first.missing + [offset + index for index in second.missing],
            first.changed + [offset + index for index in second.changed],
            first.gone + second.gone,
            (first.gone_sample + second.gone_sample)[:GONE_SAMPLE],
        )

    async def mark_gone(self, page: ObjectPage, *, run_id: int, started_at: datetime) -> int:
        try:
            return await super().mark_gone(page, run_id=run_id, started_at=started_at)
        except TookTooLong:
            if len(page.images) <= 1:
                raise
        lower, upper = halve(page)
        first = await self.mark_gone(lower, run_id=run_id, started_at=started_at)
        return first + await self.mark_gone(upper, run_id=run_id, started_at=started_at)

    async def apply_changes(
        self, changes: Sequence[ObjectChange], *, looked_after: datetime | None = None
    ) -> Applied:
        portion = self._changes_at_once
        if len(changes) <= portion.size:
            try:
                applied = await super().apply_changes(changes, looked_after=looked_after)
            except TookTooLong:
                if len(changes) <= 1:
                    raise
                portion.took_too_long(len(changes))
            else:
                portion.was_in_time()
                return applied
        middle = len(changes) // 2
        first = await self.apply_changes(changes[:middle], looked_after=looked_after)
        second = await self.apply_changes(changes[middle:], looked_after=looked_after)
        return first.then(second, middle)

    async def insert_batch(
        self, run_id: int, batch: int, rows: Rows, *, fresh: bool = False
    ) -> int:
        insert = partial(super().insert_batch, fresh=fresh)
        return await self._write(
            insert, run_id, batch, rows, is_repeat=self._is_repeat(run_id, batch)
        )

    async def update_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        return await self._write(
            super().update_batch, run_id, batch, rows, is_repeat=self._is_repeat(run_id, batch)
        )

    def _is_repeat(self, run_id: int, batch: int) -> bool:
        """A run's batches are numbered as they come."""
        is_repeat = (run_id, batch) <= self._latest
        self._latest = max(self._latest, (run_id, batch))
        return is_repeat

    async def _write(
        self, write: Write, run_id: int, number: int, rows: Rows, *, is_repeat: bool
    ) -> int:
        """Write a batch, in parts where the database finds it too much.

        Each part has a number of its own, by which the database knows whether it was
        written before. The whole's is used again when they are done: where a gateway lost
        patience, not the database, the whole may still be committed. Then its rows count as
        the whole's, and the halves find nothing left to do. What is repeated is asked for as it
        was written, even where so much is no longer tried at once: new halves of what the
        database has written whole would find nothing to do, and nothing to tell.
        """
        batch = (run_id, number)
        portion = self._rows_at_once
        if (is_repeat or len(rows) <= portion.size) and batch not in self._halves:
            try:
                done = await write(run_id, number, rows)
            except TookTooLong:
                if len(rows) <= 1:
                    raise
                portion.took_too_long(len(rows))
            else:
                portion.was_in_time()
                return done
        if batch not in self._halves:
            self._halves[batch] = self._number_like(number), self._number_like(number)
        first, second = self._halves[batch]
        middle = len(rows) // 2
        lower, upper = rows.slice(0, middle), rows.slice(middle, len(rows))
        done = await self._write(write, run_id, first, lower, is_repeat=is_repeat)
        done += await self._write(write, run_id, second, upper, is_repeat=is_repeat)
        # From here on the whole's number stands for its parts, too: a crash of the server
        # undoes what came last first.
        await self._call(
            "s3sync_join_batches",
            {"p_run_id": run_id, "p_batch": number, "p_parts": [first, second]},
        )
        return done

    def _number_like(self, number: int) -> int:
        """A number for half of a batch, out of the block that ``number`` is of: no other
        process uses it."""
        block = (abs(number) - 1) // BATCHES_PER_PROCESS
        return -(block * BATCHES_PER_PROCESS + next(self._numbers[block]))


class Portion:
    """How much one call may carry, learnt from what was too much.

    Without it every call would first be tried whole, and each try costs the time that
    the database allows.
    """

    def __init__(self) -> None:
        self.size = _UNLIMITED
        self._in_time = 0

    def took_too_long(self, size: int) -> None:
        """A call that carried ``size`` was given up."""
        self.size = max(1, min(self.size, size // 2))
        self._in_time = 0

    def was_in_time(self) -> None:
        """A call went through; after a number of these, twice as much is tried."""
        self._in_time += 1
        if self._in_time >= CALLS_UNTIL_MORE and self.size < _UNLIMITED:
            self.size *= 2
            self._in_time = 0


def halve(page: ObjectPage) -> tuple[ObjectPage, ObjectPage]:
    """``page``, of two images or more, as two of adjoining key ranges."""
    images, span = page.images, page.span
    middle = len(images) // 2
    cut = images.keys[middle - 1]
    weight = page.weight_bytes // 2
    lower = [key for key in page.others if key <= cut]
    upper = [key for key in page.others if key > cut]
    return (
        ObjectPage(KeyRange(span.after, cut), images.slice(0, middle), lower, [], weight),
        ObjectPage(KeyRange(cut, span.up_to), images.slice(middle, len(images)), upper, [], weight),
    )
