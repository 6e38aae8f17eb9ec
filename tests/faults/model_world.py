"""What the model test plays with: a bucket, its table, and what must hold between them."""

from __future__ import annotations

import asyncio
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
from tests.contract.images import kept_counts, true_counts
from tests.support.database import Connection
from tests.support.hostile_bucket import HostileBucket
from tests.support.model_bucket import shot
from tests.support.mortal import End, Fate

PAGE_SIZE = 7
ENDS = {"succeeded", "interrupted", "cancelled", "failed"}
PICTURES = 40
_CUT = """select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    and (usename = 'authenticator' or application_name = 's3sync-tui')"""
_ROWS = """select convert_to(filename, 'UTF8'), etag, size_bytes,
    to_char(last_modified at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    label, missing_since is not null
  from {}"""
_AGE = """
update sync_changes set applied_at = applied_at - %(by)s;
update sync_runs set started_at = started_at - %(by)s, heartbeat_at = heartbeat_at - %(by)s,
  finished_at = finished_at - %(by)s;
update sync_leases set taken_at = taken_at - %(by)s, expires_at = expires_at - %(by)s
  where run_id <> 0;
update sync_lanes set full_at = full_at - %(by)s;
update images set created_at = created_at - %(by)s, missing_since = missing_since - %(by)s,
  last_modified = last_modified - %(by)s;
update images_archive set created_at = created_at - %(by)s, last_modified = last_modified - %(by)s;
update images_counts set hour = hour + interval '1000000 hours';
update images_counts set hour = hour - interval '1000000 hours' - %(by)s"""
_ARCHIVE = """with moved as (delete from images where filename = any(%s) returning *)
  insert into images_archive ({0}) select {0} from moved"""


class World:
    """A bucket and a table that follows it."""

    def __init__(
        self,
        make: Callable[[Fate | None], Catalog],
        database: Connection,
        tally: dict[str, int],
    ) -> None:
        self.bucket = HostileBucket(page_size=PAGE_SIZE)
        self._make = make
        self._database = database
        self._tally = tally
        self._catalog = make(None)
        self._labels: dict[str, str] = {}
        self._known: set[str] = set()
        """Filenames that the table or its archive has had."""
        self._added_by_events = 0
        database.execute(
            """truncate images, images_archive, images_counts, sync_runs, sync_leases, sync_batches,
               sync_lanes, sync_changes restart identity cascade"""
        )
        columns = database.execute(
            """select string_agg(quote_ident(attname), ', ') from pg_attribute
               where attrelid = 'images'::regclass and attnum > 0 and not attisdropped"""
        ).fetchall()
        self._archive = _ARCHIVE.format(columns[0][0])

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

    def label(self, picks: Sequence[int]) -> None:
        """An application labels images, also archived ones."""
        for key in self._pick(picks, ("images", "images_archive")):
            label = f"label {len(self._labels)} of {len(key)}"
            for table in ("images", "images_archive"):
                self._database.execute(
                    f"update {table} set labeled = true, label = %s, labeled_at = now() "
                    "where filename = %s".encode(),
                    [label, key],
                )
            self._labels[key] = label
            self._count("labels set")

    def archive(self, picks: Sequence[int]) -> None:
        """It moves images to the archive."""
        keys = self._pick(picks, ("images",))
        self._database.execute(self._archive.encode(), [keys])
        self._count("rows archived", len(keys))

    def hours_pass(self, by: timedelta) -> None:
        """All that has happened did so earlier."""
        with self._database.transaction():
            for statement in _AGE.split(";"):
                self._database.execute(statement.encode(), {"by": by})
        self.bucket.age(by)

    async def deliver(self, picks: Sequence[int]) -> None:
        """Messages come: any of those that were ever sent."""
        if not self.bucket.told:
            return
        told = [self.bucket.told[pick % len(self.bucket.told)] for pick in picks]
        before = self._rows_total()
        await self._deliver([each.message() for each in told])
        self._added_by_events += self._rows_total() - before

    async def _deliver(self, messages: Sequence[str]) -> None:
        notices = [read_notification(message, self.bucket.ours) for message in messages]
        assert not any(notice.faults for notice in notices)
        collapsed = collapse(
            (change for notice in notices for change in notice.changes),
            (key for notice in notices for key in notice.looks),
        )
        assert not await settle(self._catalog, self.bucket, collapsed)
        self._count("messages", len(messages))

    # Runs ----------------------------------------------------------------------

    async def run_full(self) -> None:
        """A run that nothing happens to."""
        await self._take_turn()
        before = self._rows_total()
        result = await self._sync(self._catalog, "full")
        self.check(result, before)

    async def run(self, mode: str) -> None:
        """The same, of what may have changed."""
        await self._take_turn()
        before = self._rows_total()
        result = await self._sync(self._catalog, cast(ModeChoice, mode))
        self._count(f"{result.mode.value} runs")
        if result.mode is RunMode.FULL:
            self.check(result, before)
            return
        assert result.status is RunStatus.SUCCEEDED
        assert self._rows_total() - before == result.stats.added
        self.check_history()
        self._check_rows()

    async def run_and_die(self, end: End, call: int) -> None:
        """The process dies at a call, and cleans nothing up."""
        await self._take_turn()
        fate = self._fate(end, call)
        before = self._rows_total()
        try:
            result = await self._with(fate, "full")
        except CatalogError:
            result = None  # before the run began
        if not fate.is_reached.is_set():
            assert result is not None
            self.check(result, before)
            return
        self._count("processes dead")
        self._check_rows()

    async def run_and_cancel(self, call: int) -> None:
        """The process is told to stop."""
        await self._take_turn()
        fate = self._fate(End.CANCEL, call)
        before = self._rows_total()
        run = asyncio.ensure_future(self._with(fate, "full"))
        fate.stop = lambda: run.cancel("stopped")
        try:
            self.check(await run, before)
        except asyncio.CancelledError:
            self._count("runs cancelled")
        self._check_rows()

    async def run_through_loss(self, end: End, call: int) -> None:
        """Connections die, or an answer is lost, and the run goes on."""
        await self._take_turn()
        before = self._rows_total()
        fate = self._fate(end, call)
        self.check(await self._with(fate, "full"), before)
        self._count("connections lost", fate.is_reached.is_set())

    async def run_overtaken(self, call: int) -> None:
        """A run sleeps until its lease has run out and another has done its work."""
        await self._take_turn()
        fate = self._fate(End.SLEEP, call)
        before = self._rows_total()
        sleeper = asyncio.ensure_future(self._with(fate, "full"))
        asleep = asyncio.ensure_future(fate.is_reached.wait())
        await asyncio.wait({sleeper, asleep}, return_when=asyncio.FIRST_COMPLETED)
        asleep.cancel()
        if sleeper.done():
            self.check(sleeper.result(), before)
            return
        has_begun = self._lease_is_held()
        # What it has listed is old by now.
        self.remove(range(call, call + 9))
        for key in sorted(self.bucket.objects)[call::5]:
            self.bucket.put(key)
        await self._take_turn()
        before = self._rows_total()
        self.check(await self._sync(self._catalog, "full"), before)
        before = self._rows_total()
        fate.wake.set()
        result = await sleeper
        if has_begun:
            assert result.status is RunStatus.INTERRUPTED
            assert self._rows_total() == before
            self._count("runs overtaken")
        else:
            self.check(result, before)
        self.check_table()

    async def run_beside_events(self, picks: Sequence[int]) -> None:
        """A full run while all that was ever told comes, in a wild order."""
        await self._take_turn()
        order = sorted(range(len(self.bucket.told)), key=lambda n: n * (picks[0] + 7919) % 10007)
        messages = [self.bucket.told[n].message() for n in order[-40:]]
        late = [self.bucket.told[n].message() for n in order[:-40]]
        await self._deliver(late)
        before = self._rows_total()
        size = len(picks) + 3
        parts = [messages[n : n + size] for n in range(0, len(messages), size)]

        async def deliver() -> None:
            for part in parts:
                await self._deliver(part)

        result, _ = await asyncio.gather(self._sync(self._catalog, "full"), deliver())
        assert result.status is RunStatus.SUCCEEDED
        self._added_by_events = self._rows_total() - self._added_by_runs()
        assert self._rows_total() - before >= result.stats.added
        self.check_history()
        self.check_table()
        self._count("runs beside events")

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
        def cut() -> None:
            self._database.execute(_CUT.encode())

        return Fate(end, call, cut=cut)

    async def _take_turn(self) -> None:
        """Nobody gets in while a lease is held; then it runs out."""
        if self._lease_is_held():
            with pytest.raises(LeaseHeld):
                await self._sync(self._catalog, "full")
            self._database.execute("update sync_leases set expires_at = '-infinity'")
            self._count("leases run out")

    # What must hold ------------------------------------------------------------

    def check(self, result: RunResult, rows_before: int) -> None:
        """After a full run that nothing but the bucket's own changes has met."""
        assert result.status is RunStatus.SUCCEEDED, result.error
        assert result.stats.total == len(self.bucket.images())
        assert result.stats.rejected == self.bucket.rejected()
        assert result.stats.total == result.stats.added + result.stats.skipped
        self.check_history()
        self.check_table()
        self._count("full runs")
        assert self._added_by_runs() + self._added_by_events == self._rows_total()

    def check_table(self) -> None:
        """Table and archive are the bucket, byte for byte."""
        images, archived, marked = self._check_rows()
        wanted = self.bucket.images()
        assert not images.keys() & archived.keys()
        assert images == {key: row for key, row in wanted.items() if key not in archived}
        assert {k: row for k, row in archived.items() if k in wanted} == {
            k: row for k, row in wanted.items() if k in archived
        }
        assert marked == self._known - wanted.keys() - archived.keys()

    def _check_rows(
        self,
    ) -> tuple[dict[str, tuple[object, ...]], dict[str, tuple[object, ...]], set[str]]:
        """Rows that are there, archived ones, and keys that are marked missing: nothing is in
        them that was never in the bucket, no row is lost, no label either."""
        found: list[dict[str, tuple[object, ...]]] = []
        marked: set[str] = set()
        known: set[str] = set()
        for table in ("images", "images_archive"):
            rows: dict[str, tuple[object, ...]] = {}
            for name, *columns in self._database.execute(_ROWS.format(table).encode()).fetchall():
                key = cast(bytes, name).decode()
                etag, size, modified, label, is_marked = columns
                assert etag in self.bucket.versions[key]
                assert label == self._labels.get(key)
                known.add(key)
                if is_marked and table == "images":
                    marked.add(key)
                else:
                    rows[key] = (etag, size, modified)
            found.append(rows)
        assert self._known <= known
        self._known = known
        return found[0], found[1], marked

    def check_counts(self) -> None:
        """At any time."""
        assert kept_counts(self._database) == true_counts(self._database)

    def check_history(self) -> None:
        """Every run has ended, in words that fit."""
        query = "select status, finished_at is null from sync_runs"
        statuses = self._database.execute(query).fetchall()
        assert {status for status, _ in statuses} <= ENDS
        assert not any(is_open for _, is_open in statuses)
        assert not self._lease_is_held()

    def _added_by_runs(self) -> int:
        return self._number("select coalesce(sum(added), 0) from sync_runs")

    def _rows_total(self) -> int:
        return self._number(
            "select (select count(*) from images) + (select count(*) from images_archive)"
        )

    def _lease_is_held(self) -> bool:
        return bool(
            self._number(
                "select count(*) from sync_leases where run_id <> 0 and expires_at > now()"
            )
        )

    def _number(self, query: str) -> int:
        [(number,)] = self._database.execute(query.encode()).fetchall()
        return int(str(number))

    def _pick(self, picks: Sequence[int], tables: Sequence[str]) -> list[str]:
        query = " union all ".join(f"select filename from {table}" for table in tables)
        keys = sorted(str(key) for (key,) in self._database.execute(query.encode()).fetchall())
        return sorted({keys[pick % len(keys)] for pick in picks}) if keys else []

    def _count(self, what: str, times: int = 1) -> None:
        self._tally[what] = self._tally.get(what, 0) + times
