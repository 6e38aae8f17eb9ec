"""What the model test plays with: a bucket, its table, and what must hold between them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import cast

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.changes import collapse, settle
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import CatalogError, LeaseHeld
from s3sync_tui.events import Event
from s3sync_tui.model import ModeChoice, RunMode, RunResult, RunStatus
from s3sync_tui.source.notifications import read_notification
from tests.faults.model_table import ModelTable
from tests.support.database import Connection
from tests.support.hostile_bucket import HostileBucket
from tests.support.model_bucket import shot
from tests.support.mortal import End, Fate

PAGE_SIZE = 7
PICTURES = 40


class World:
    """A bucket and a table that follows it."""

    def __init__(
        self,
        make: Callable[[Fate | None], Catalog],
        database: Connection,
        tally: Counter[str],
    ) -> None:
        self.bucket = HostileBucket(page_size=PAGE_SIZE)
        self._make = make
        self.table = ModelTable(database, tally)
        self._tally = tally
        self._catalog = make(None)

    async def open(self) -> None:
        """Connect."""
        await self._catalog.open()

    async def close(self) -> None:
        """Disconnect."""
        await self._catalog.close()

    # What happens to the bucket, and by others to the table ---------------------

    def fill(self, keys: Sequence[str]) -> None:
        """Pictures of two cameras, the last just now, and ``keys``."""
        offset = self.bucket.clock_offset_seconds
        for n in range(PICTURES):
            before = 3000 * (PICTURES - 1 - n)
            self.bucket.clock_offset_seconds = offset - before
            for camera in ("cam-0", "cam-1"):
                self.bucket.put(shot(camera, self.bucket.now))
        self.bucket.clock_offset_seconds = offset
        for key in keys:
            self.bucket.put(key)

    def shoot(self, camera: int, count: int) -> None:
        """New pictures; cameras may be new."""
        for _ in range(count):
            self.bucket.put(shot(f"cam-{camera}", self.bucket.now))

    def remove(self, picks: Sequence[int]) -> None:
        """Objects go."""
        for pick in picks:
            there = sorted(self.bucket.objects)
            if there:
                self.bucket.remove(there[pick % len(there)])

    def put_again(self, picks: Sequence[int]) -> None:
        """Objects are overwritten, or come back."""
        keys = sorted(self.bucket.versions)
        for pick in picks:
            if keys:
                self.bucket.put(keys[pick % len(keys)])

    def hours_pass(self, by: timedelta) -> None:
        """All that has happened did so earlier."""
        self.table.age(by)
        self.bucket.age(by)

    async def deliver(self, picks: Sequence[int]) -> None:
        """Messages come: any of those that were ever sent."""
        if not self.bucket.told:
            return
        told = [self.bucket.told[pick % len(self.bucket.told)] for pick in picks]
        before = self.table.rows_total()
        await self._deliver([each.message() for each in told])
        self.table.added_by_events += self.table.rows_total() - before

    async def _deliver(self, messages: Sequence[str]) -> None:
        notices = [read_notification(message, self.bucket.ours) for message in messages]
        assert not any(notice.faults for notice in notices)
        collapsed = collapse(
            (change for notice in notices for change in notice.changes),
            (key for notice in notices for key in notice.looks),
        )
        assert not await settle(self._catalog, self.bucket, collapsed)
        self._tally["messages"] += len(messages)

    # Runs ----------------------------------------------------------------------

    async def run_full(self) -> None:
        """A run that nothing happens to."""
        await self._take_turn()
        before = self.table.rows_total()
        result = await self._sync(self._catalog, "full")
        self.check(result, before)

    async def run(self, mode: str) -> None:
        """The same, of what may have changed."""
        await self._take_turn()
        before = self.table.rows_total()
        result = await self._sync(self._catalog, cast(ModeChoice, mode))
        self._tally[f"{result.mode.value} runs"] += 1
        if result.mode is RunMode.FULL:
            self.check(result, before)
            return
        assert result.status is RunStatus.SUCCEEDED
        assert self.table.rows_total() - before == result.stats.added
        self.table.check_history()
        self.table.check_rows(self.bucket)

    async def run_and_die(self, end: End, call: int) -> None:
        """The process dies at a call, and cleans nothing up."""
        await self._take_turn()
        fate = self._fate(end, call)
        before = self.table.rows_total()
        try:
            result = await self._with(fate, "full")
        except CatalogError:
            result = None  # before the run began
        if not fate.is_reached.is_set():
            assert result is not None
            self.check(result, before)
            return
        self._tally["processes dead"] += 1
        self.table.check_rows(self.bucket)

    async def run_and_cancel(self, call: int) -> None:
        """The process is told to stop."""
        await self._take_turn()
        fate = self._fate(End.CANCEL, call)
        before = self.table.rows_total()
        run = asyncio.ensure_future(self._with(fate, "full"))
        fate.stop = lambda: run.cancel("stopped")
        try:
            self.check(await run, before)
        except asyncio.CancelledError:
            self._tally["runs cancelled"] += 1
        self.table.check_rows(self.bucket)

    async def run_through_loss(self, end: End, call: int) -> None:
        """Connections die, or an answer is lost, and the run goes on."""
        await self._take_turn()
        before = self.table.rows_total()
        fate = self._fate(end, call)
        self.check(await self._with(fate, "full"), before)
        self._tally["connections lost"] += fate.is_reached.is_set()

    async def run_overtaken(self, call: int) -> None:
        """A run sleeps until its lease has run out and another has done its work."""
        await self._take_turn()
        fate = self._fate(End.SLEEP, call)
        before = self.table.rows_total()
        sleeper = asyncio.ensure_future(self._with(fate, "full"))
        asleep = asyncio.ensure_future(fate.is_reached.wait())
        await asyncio.wait({sleeper, asleep}, return_when=asyncio.FIRST_COMPLETED)
        asleep.cancel()
        if sleeper.done():
            self.check(sleeper.result(), before)
            return
        has_begun = self.table.lease_is_held()
        # What it has listed is old by now.
        self.remove(range(call, call + 9))
        for key in sorted(self.bucket.objects)[call::5]:
            self.bucket.put(key)
        await self._take_turn()
        before = self.table.rows_total()
        self.check(await self._sync(self._catalog, "full"), before)
        before = self.table.rows_total()
        fate.wake.set()
        result = await sleeper
        if has_begun:
            assert result.status is RunStatus.INTERRUPTED
            assert self.table.rows_total() == before
            self._tally["runs overtaken"] += 1
        else:
            self.check(result, before)
        self.table.check(self.bucket)

    async def run_beside_events(self, picks: Sequence[int], call: int) -> None:
        """While a run is at work the bucket changes, and all that was ever told comes, in a
        wild order and some of it twice."""
        await self._take_turn()
        fate = self._fate(End.SLEEP, call)
        before = self.table.rows_total()
        run = asyncio.ensure_future(self._with(fate, "full"))
        asleep = asyncio.ensure_future(fate.is_reached.wait())
        await asyncio.wait({run, asleep}, return_when=asyncio.FIRST_COMPLETED)
        asleep.cancel()
        self.put_again(picks)
        self.shoot(1, 3)
        self.remove(picks)
        told = [*self.bucket.told, *self.bucket.told[-len(picks) :]]
        order = sorted(range(len(told)), key=lambda n: n * (picks[0] + 7919) % 10007)
        for n in range(0, len(order), 50):
            await self._deliver([told[number].message() for number in order[n : n + 50]])
        fate.wake.set()
        result = await run
        assert result.status is RunStatus.SUCCEEDED
        self.table.added_by_events = self.table.rows_total() - self.table.added_by_runs()
        assert self.table.rows_total() - before >= result.stats.added
        self.table.check_history()
        self.table.check(self.bucket)
        self._tally["runs beside events"] += 1

    async def _with(self, fate: Fate, mode: ModeChoice) -> RunResult:
        catalog = self._make(fate)
        await catalog.connect()
        try:
            return await self._sync(catalog, mode)
        finally:
            await catalog.close()

    async def _sync(self, catalog: Catalog, mode: ModeChoice) -> RunResult:
        options = SyncOptions(batch_size=5, list_concurrency=3, mark_gone=True, mode=mode)

        def sink(_: Event) -> None:
            """Nobody looks."""

        return await sync(self.bucket, catalog, options, sink)

    def _fate(self, end: End, call: int) -> Fate:
        return Fate(end, call, cut=self.table.cut)

    async def _take_turn(self) -> None:
        """Nobody gets in while a lease is held; then it runs out."""
        if self.table.lease_is_held():
            with pytest.raises(LeaseHeld):
                await self._sync(self._catalog, "full")
            self.table.end_lease()
            self._tally["leases run out"] += 1

    def check(self, result: RunResult, rows_before: int) -> None:
        """After a full run that nothing but the bucket's own changes has met."""
        assert result.status is RunStatus.SUCCEEDED, result.error
        assert result.stats.total == len(self.bucket.images())
        assert result.stats.rejected == self.bucket.rejected()
        assert result.stats.total == result.stats.added + result.stats.skipped
        self.table.check_history()
        self.table.check(self.bucket)
        self._tally["full runs"] += 1
        assert self.table.added_by_runs() + self.table.added_by_events == self.table.rows_total()
