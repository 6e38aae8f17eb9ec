"""Whatever happens to a bucket, and however late, often and mixed up it is told, beside runs
whose listings are older: in the end the table is the bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.model import RunTicket
from tests.contract.changes import present
from tests.contract.images import kept_counts, page, rows, true_counts
from tests.contract.runs import number, request, result
from tests.support.database import Connection

pytestmark = [
    pytest.mark.parametrize("transport", ["postgres"], indirect=True),
    pytest.mark.timeout(600),
]

KEYS = ["a", "b", "c", "d/é", "d/z"]
HOURS = timedelta(hours=2)


class World:
    """A bucket, what it has told of itself, and a table that is to follow it."""

    def __init__(self, catalog: Catalog, database: Connection) -> None:
        self.catalog = catalog
        self.database = database
        self.bucket: dict[str, int] = {}
        """Which version of each key is there."""
        self.told: list[ObjectChange] = []
        self.delivered: set[int] = set()
        self.looks: list[tuple[datetime, list[ObjectChange]]] = []
        """What the bucket has said, and not been applied."""
        self.run: tuple[RunTicket, dict[str, int]] | None = None
        """The run under way, and what it has listed."""

    async def put(self, pick: int) -> None:
        """An object is created or overwritten."""
        key = KEYS[pick % len(KEYS)]
        self.bucket[key] = len(self.told) + 1
        self._tell(key, pick)

    async def delete(self, pick: int) -> None:
        """An object is removed, also one that is not there."""
        key = KEYS[pick % len(KEYS)]
        self.bucket.pop(key, None)
        self._tell(key, pick)

    def _tell(self, key: str, pick: int) -> None:
        change = self._seen(key)
        # Mostly of one length, but not always.
        width = 6 if pick % 11 else 8
        self.told.append(replace(change, sequencer=f"{len(self.told):0{width}X}"))

    def _seen(self, key: str) -> ObjectChange:
        now = datetime.now(UTC)
        if key not in self.bucket:
            return ObjectChange(key, ChangeKind.REMOVED, "", now)
        image = rows([key], version=self.bucket[key])
        return ObjectChange(
            key, ChangeKind.CREATED, "", now, etag=image.etags[0], size_bytes=image.sizes[0]
        )

    async def deliver(self, pick: int) -> None:
        """Any of what was told comes, together with some others, perhaps once more."""
        if self.told:
            chosen = {pick * (n + 1) % len(self.told) for n in range(pick % 4 + 1)}
            await self._deliver(sorted(chosen, key=lambda n: n * 7919 % 31))

    async def _deliver(self, chosen: Sequence[int]) -> None:
        self.delivered.update(chosen)
        # Of one key, a batch brings the newest, as far as one can tell.
        batch: dict[str, ObjectChange] = {}
        unclear: set[str] = set()
        for change in (self.told[n] for n in chosen):
            other = batch.setdefault(change.key, change)
            if len(other.sequencer) != len(change.sequencer):
                unclear.add(change.key)
            elif other.sequencer < change.sequencer:
                batch[change.key] = change
        changes = [
            replace(change, sequencer="") if change.key in unclear else change
            for change in batch.values()
        ]
        applied = await self.catalog.apply_changes(changes)
        self._look({changes[n].key for n in applied.doubtful} | unclear, applied.at)

    def _look(self, keys: set[str], after: datetime) -> None:
        if keys:
            self.looks.append((after, [self._seen(key) for key in sorted(keys)]))

    async def apply_look(self, pick: int) -> None:
        """What the bucket has said a while ago reaches the table."""
        if self.looks:
            after, seen = self.looks.pop(pick % len(self.looks))
            applied = await self.catalog.apply_changes(seen, looked_after=after)
            self._look({seen[n].key for n in applied.doubtful}, applied.at)

    async def hours_pass(self, pick: int) -> None:
        """All that has happened is so much longer ago."""
        self.told = [replace(change, at=change.at - HOURS) for change in self.told]
        self.looks = [(after - HOURS, seen) for after, seen in self.looks]
        if self.run is not None:
            ticket, listed = self.run
            self.run = replace(ticket, started_at=ticket.started_at - HOURS), listed
        self.database.execute(
            """update sync_changes set applied_at = applied_at - interval '2 hours';
               update sync_runs set started_at = started_at - interval '2 hours';
               update images set created_at = created_at - interval '2 hours',
                 missing_since = missing_since - interval '2 hours'"""
        )

    async def step(self, pick: int) -> None:
        """A run begins and lists, or writes what it has listed and ends."""
        if self.run is None:
            ticket = await self.catalog.begin_run(request())
            self.run = ticket, dict(self.bucket)
            return
        (ticket, listed), self.run = self.run, None
        run_id = number(ticket)
        images = rows([])
        for key in sorted(listed):
            image = rows([key], version=listed[key])
            images = replace(
                images,
                keys=images.keys + image.keys,
                etags=images.etags + image.etags,
                sizes=images.sizes + image.sizes,
                modified=images.modified + image.modified,
            )
        seen = page(images)
        found = await self.catalog.compare(seen, started_at=ticket.started_at)
        await self.catalog.mark_gone(seen, run_id=run_id, started_at=ticket.started_at)
        missing, changed = images.take(found.missing), images.take(found.changed)
        await self.catalog.insert_batch(run_id, 1, missing, fresh=pick % 2 == 0)
        await self.catalog.update_batch(run_id, 2, changed)
        await self.catalog.finish_run(run_id, result(run_id))

    async def settle(self) -> None:
        """All that was told has come, and nothing is doubtful any more."""
        if self.run is not None:
            await self.step(0)
        late = set(range(len(self.told))) - self.delivered
        for n in sorted(late, key=lambda n: n * 104729 % 101):
            await self._deliver([n])
        while self.looks:
            await self.apply_look(0)

    def expected(self) -> dict[str, str]:
        return {key: rows([key], version=at).etags[0] for key, at in self.bucket.items()}


ACTIONS = [World.put, World.put, World.delete, World.deliver, World.deliver, World.deliver]
ACTIONS += [World.apply_look, World.step, World.hours_pass]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(range(len(ACTIONS))), st.integers(0, 999)),
        min_size=20,
        max_size=120,
    )
)
async def test_the_table_ends_as_the_bucket_is(
    catalog: Catalog, database: Connection, steps: list[tuple[int, int]]
) -> None:
    database.execute("truncate images, images_counts, sync_changes, sync_leases")
    world = World(catalog, database)
    for action, pick in steps:
        await ACTIONS[action](world, pick)
    await world.settle()
    assert present(database) == world.expected()
    assert kept_counts(database) == true_counts(database)
