"""What every transport promises; the transports are in conftest.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.errors import LeaseHeld, LeaseLost, SchemaError
from s3sync_tui.model import (
    KeyRange,
    Rows,
    RunMode,
    RunRecord,
    RunRequest,
    RunResult,
    RunStats,
    RunStatus,
)
from s3sync_tui.phases import Phase, PhaseRecord
from tests.contract.conftest import Transport
from tests.contract.images import (
    HARD_KEYS,
    digest,
    kept_counts,
    page,
    rows,
    stored,
    true_counts,
)
from tests.support.database import Connection

LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def begin(catalog: Catalog, *, bucket: str = "bucket", lease_seconds: int = 60) -> int:
    request = RunRequest(bucket, "", RunMode.FULL, "host, process 1", lease_seconds)
    ticket = await catalog.begin_run(request)
    assert ticket.run_id is not None
    return ticket.run_id


def result(run_id: int, status: RunStatus = RunStatus.SUCCEEDED, **stats: int) -> RunResult:
    return RunResult(
        run_id, status, RunMode.FULL, False, RunStats(**stats), [KeyRange("a", "b")], ["g"], ["r"]
    )


def expire(connection: Connection) -> None:
    connection.execute("update sync_leases set expires_at = now() - interval '1 second'")


def runs(connection: Connection) -> list[tuple[object, ...]]:
    query = "select status, total, added, skipped, changed from sync_runs order by id"
    return connection.execute(query).fetchall()


# Rows -------------------------------------------------------------------------


async def test_rows_arrive_byte_for_byte(catalog: Catalog, database: Connection) -> None:
    images = rows(HARD_KEYS)
    assert await catalog.insert_batch(await begin(catalog), 1, images) == len(HARD_KEYS)
    assert stored(database) == images
    assert kept_counts(database) == true_counts(database)


async def test_a_repeated_batch_changes_nothing_and_answers_the_same(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    assert await catalog.insert_batch(run, 1, rows("abc")) == 3
    assert await catalog.insert_batch(run, 1, rows("abc")) == 3
    assert await catalog.insert_batch(run, 2, rows("bcd")) == 1
    assert await catalog.update_batch(run, 3, rows("ab", version=2)) == 2
    assert await catalog.update_batch(run, 3, rows("ab", version=2)) == 2
    assert await catalog.update_batch(run, 4, rows("abcd")) == 2
    stats = await catalog.finish_run(run, result(run, total=4))
    assert (stats.added, stats.changed) == (4, 4)
    assert stored(database) == rows("abcd")
    assert kept_counts(database) == true_counts(database)


async def test_writers_at_once_count_every_row_once(catalog: Catalog, database: Connection) -> None:
    run = await begin(catalog)
    keys = [f"{i:04}.jpg" for i in range(800)]
    overlapping = [rows(keys[i * 80 : i * 80 + 160]) for i in range(10)]

    async def label() -> None:
        for i in range(0, 800, 7):
            database.execute(
                "update images set labeled = true, label = 'x' where filename = %s", [keys[i]]
            )
            await asyncio.sleep(0)

    inserted, _ = await asyncio.gather(
        asyncio.gather(*(catalog.insert_batch(run, n, r) for n, r in enumerate(overlapping))),
        label(),
    )
    assert sum(inserted) == 800
    changed, _ = await asyncio.gather(
        asyncio.gather(
            *(
                catalog.update_batch(run, 100 + n, rows(keys[n * 80 : n * 80 + 160], version=2))
                for n in range(10)
            )
        ),
        label(),
    )
    assert sum(changed) == 800
    assert stored(database) == rows(keys, version=2)
    assert kept_counts(database) == true_counts(database)
    labelled = database.execute("select count(*) from images where labeled").fetchone()
    assert labelled == (115,)


async def test_an_archived_image_is_never_inserted_again_but_kept_up_to_date(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    await catalog.insert_batch(run, 1, rows("ab"))
    database.execute(
        "with moved as (delete from images where filename = 'a' returning *) "
        "insert into images_archive select * from moved"
    )
    whole = page(rows("ab"))
    [held] = await catalog.range_digests([whole.span])
    assert (held.rows, held.digest) == (2, digest(rows("ab")))
    assert await catalog.insert_batch(run, 2, rows("ab")) == 0
    assert (await catalog.compare(page(rows("ab")), started_at=LATER)).missing == []
    newer = page(rows("ab", version=2))
    assert (await catalog.compare(newer, started_at=LATER)).changed == [0, 1]
    assert await catalog.update_batch(run, 3, rows("ab", version=2)) == 2
    [held] = await catalog.range_digests([whole.span])
    assert held.digest == digest(rows("ab", version=2))
    assert (await catalog.compare(page(rows("b", version=2)), started_at=LATER)).gone == 0
    assert kept_counts(database) == true_counts(database)
    assert (await catalog.summary()).images == 2


# Reconciling ------------------------------------------------------------------


async def test_digests_are_those_of_the_client(catalog: Catalog, database: Connection) -> None:
    await catalog.insert_batch(await begin(catalog), 1, rows(HARD_KEYS))
    # A table of the user's own may know no more than the key.
    database.execute("insert into images (filename) values ('~plain')")
    spans = [KeyRange(), *KeyRange().split(HARD_KEYS[::5]), KeyRange("~", "~~")]
    held = await catalog.range_digests(spans)
    everything = rows(HARD_KEYS)
    for span, found in zip(spans[1:-1], held[1:-1], strict=True):
        mine = everything.take(i for i, key in enumerate(everything.keys) if key in span)
        if "~plain" not in span:
            assert (found.rows, found.digest) == (len(mine), digest(mine))
    assert held[0].rows == len(HARD_KEYS) + 1
    assert held[-1].rows == 1


async def test_no_ranges_have_no_digests(catalog: Catalog) -> None:
    assert await catalog.range_digests([]) == []


async def test_differences_are_found_in_a_page_and_only_there(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    await catalog.insert_batch(run, 1, rows(["a", "b", "c", "d", "e", "z"]))
    images = rows(["a", "c2", "d", "e"])
    images.etags[3] = "other"
    seen = page(images, span=KeyRange("", "m"), others=["c"])
    found = await catalog.compare(seen, started_at=LATER)
    assert (found.missing, found.changed) == ([1], [3])
    assert (found.gone, found.gone_sample) == (1, ["b"])
    # Rows that came after the run began are younger than the page.
    database.execute("update images set created_at = %s", [LATER])
    assert (await catalog.compare(seen, started_at=datetime.now(UTC))).gone == 0
    # Rows without a date are older than anything.
    database.execute("update images set created_at = null")
    assert (await catalog.compare(seen, started_at=datetime.now(UTC))).gone == 1


async def test_what_is_gone_is_marked_once_and_what_is_back_has_changed(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    await catalog.insert_batch(run, 1, rows("abc"))
    without_b, now = page(rows("ac")), (await catalog.summary()).at
    assert await catalog.mark_gone(without_b, run_id=run, started_at=now) == 1
    assert await catalog.mark_gone(without_b, run_id=run, started_at=now) == 1
    [held] = await catalog.range_digests([KeyRange()])
    assert (held.rows, held.digest) == (3, digest(rows("ac")))
    assert (await catalog.compare(without_b, started_at=LATER)).gone == 0
    back = page(rows("abc"))
    assert (await catalog.compare(back, started_at=LATER)).changed == [1]
    assert await catalog.update_batch(run, 2, rows("b")) == 1
    [held] = await catalog.range_digests([KeyRange()])
    assert held.digest == digest(rows("abc"))
    marked = database.execute(
        "select count(*) from images where missing_since is not null"
    ).fetchone()
    assert marked == (0,)


async def test_split_points_cut_the_table_into_equal_parts(
    catalog: Catalog, database: Connection
) -> None:
    assert await catalog.split_points(KeyRange(), 8) == []
    run = await begin(catalog)
    keys = [f"{c},\"'\\{{}}\n{i:03}" for c in ("a", "é", "😀") for i in range(300)]
    await catalog.insert_batch(run, 1, rows(keys))
    database.execute("analyze images")
    cuts = await catalog.split_points(KeyRange(), 9)
    assert cuts == sorted(cuts)
    assert len(cuts) == 8
    assert set(cuts) <= set(keys)
    counts = [held.rows for held in await catalog.range_digests(KeyRange().split(cuts))]
    assert sum(counts) == 900
    assert max(counts) <= 150
    inside = await catalog.split_points(KeyRange("é", "é~"), 4)
    assert inside
    assert all("é" < cut < "é~" for cut in inside)


# Runs and leases --------------------------------------------------------------


async def test_one_run_at_a_time_and_the_other_is_told_whose(catalog: Catalog) -> None:
    run = await begin(catalog)
    with pytest.raises(LeaseHeld, match="process 1") as held:
        await begin(catalog)
    assert f"number {run}" in held.value.message
    assert await begin(catalog, bucket="another") > run
    await catalog.finish_run(run, result(run))
    assert await begin(catalog) > run


async def test_of_many_that_begin_at_once_one_wins(catalog: Catalog) -> None:
    outcomes = await asyncio.gather(*(begin(catalog) for _ in range(6)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(int) == 1
    assert [type(outcome) for outcome in outcomes].count(LeaseHeld) == 5


async def test_a_dead_run_is_marked_interrupted_with_what_it_committed(
    catalog: Catalog, database: Connection
) -> None:
    dead = await begin(catalog)
    await catalog.insert_batch(dead, 1, rows("abc"))
    expire(database)
    ticket = await catalog.begin_run(RunRequest("bucket", "", RunMode.FULL, "other", 60))
    assert ticket.interrupted == [dead]
    assert runs(database) == [("interrupted", 3, 3, 0, 0), ("running", 0, 0, 0, 0)]


async def test_the_old_holder_can_neither_write_nor_renew_nor_finish(
    catalog: Catalog, database: Connection
) -> None:
    old = await begin(catalog)
    expire(database)
    new = await begin(catalog)
    with pytest.raises(LeaseLost):
        await catalog.insert_batch(old, 1, rows("a"))
    with pytest.raises(LeaseLost):
        await catalog.update_batch(old, 2, rows("a"))
    with pytest.raises(LeaseLost):
        await catalog.mark_gone(page(rows("")), run_id=old, started_at=LATER)
    with pytest.raises(LeaseLost):
        await catalog.renew_lease(old, 60, RunStats())
    with pytest.raises(LeaseLost):
        await catalog.finish_run(old, result(old))
    assert await catalog.insert_batch(new, 1, rows("a")) == 1
    await catalog.renew_lease(new, 60, RunStats(total=1))
    assert runs(database)[0][0] == "interrupted"


async def test_an_expired_lease_that_nobody_took_is_renewed(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    expire(database)
    await catalog.renew_lease(run, 60, RunStats(total=7, list_requests=3))
    with pytest.raises(LeaseHeld):
        await begin(catalog)
    assert runs(database)[0][:2] == ("running", 7)


async def test_how_far_a_run_is_can_be_followed_from_elsewhere(transport: Transport) -> None:
    catalog, onlooker = await transport.make(), await transport.make()
    run = await begin(catalog)

    async def seen() -> RunRecord:
        [record] = (await onlooker.history()).runs
        return record

    assert (await seen()).phases == []
    listing = PhaseRecord(
        Phase.LIST, 0.0, None, 2.0, 1_500, 3_000, 0.5, 800.0, 750.0, 900.0, 0.1, (700.0, 800.0)
    )
    dedupe = PhaseRecord(Phase.DEDUPE, None, None, 2.0, 0, None, 0.0, 0.0, 0.0, 0.0, 0.1, ())
    await catalog.renew_lease(run, 60, RunStats(total=1_500), [listing, dedupe])
    assert (await seen()).phases == [listing, dedupe]
    await catalog.renew_lease(run, 60, RunStats(total=1_600))
    assert ((await seen()).phases, (await seen()).stats.total) == ([listing, dedupe], 1_600)
    ended = replace(listing, ended=3.5, elapsed=4.0, done=3_000, share=1.0)
    final = replace(result(run, RunStatus.FAILED, total=3_000), phases=[ended, dedupe])
    await catalog.finish_run(run, final)
    assert (await seen()).phases == [ended, dedupe]
    assert (await seen()).failed_ranges == [KeyRange("a", "b")]


async def test_a_dead_run_keeps_how_far_it_was(catalog: Catalog, database: Connection) -> None:
    run = await begin(catalog)
    listing = PhaseRecord(
        Phase.LIST, 0.1, None, 2.0, 1_500, None, 0.5, 800.0, 750.0, 900.0, 0.1, (700.0, 800.0)
    )
    await catalog.renew_lease(run, 60, RunStats(total=1_500), [listing])
    expire(database)
    await begin(catalog)
    dead = (await catalog.history()).runs[1]
    assert (dead.status, dead.phases) == (RunStatus.INTERRUPTED, [listing])


async def test_a_finished_run_can_be_finished_again_but_writes_no_more(
    catalog: Catalog, database: Connection
) -> None:
    run = await begin(catalog)
    await catalog.insert_batch(run, 1, rows("abc"))
    final = result(run, RunStatus.CANCELLED, total=5)
    first = await catalog.finish_run(run, final)
    assert (first.total, first.added, first.skipped) == (5, 3, 2)
    assert (await catalog.finish_run(run, final)).added == 3
    with pytest.raises(LeaseLost):
        await catalog.insert_batch(run, 2, rows("d"))
    assert runs(database) == [("cancelled", 5, 3, 2, 0)]
    batches = database.execute("select count(*) from sync_batches").fetchone()
    assert batches == (0,)


async def test_the_summary_is_kept_and_true(catalog: Catalog) -> None:
    assert (await catalog.summary()).images == 0
    await catalog.insert_batch(await begin(catalog), 1, rows(HARD_KEYS))
    summary = await catalog.summary()
    assert (summary.images, summary.size_bytes) == (len(HARD_KEYS), sum(rows(HARD_KEYS).sizes))
    assert abs(summary.at - datetime.now(UTC)) < timedelta(minutes=5)


async def test_empty_batches_are_no_trouble(catalog: Catalog) -> None:
    run = await begin(catalog)
    nothing = Rows([], [], [], [])
    assert await catalog.insert_batch(run, 1, nothing) == 0
    assert await catalog.update_batch(run, 2, nothing) == 0
    found = await catalog.compare(page(nothing), started_at=LATER)
    assert (found.missing, found.changed, found.gone) == ([], [], 0)


# The schema -------------------------------------------------------------------


async def test_a_missing_schema_says_what_to_do(transport: Transport) -> None:
    with pytest.raises(SchemaError, match="missing") as fault:
        await transport.make("no_such_table")
    assert "schema" in fault.value.hint


async def test_a_damaged_schema_is_refused(transport: Transport) -> None:
    transport.connection.execute("drop index images_filename_s3sync_idx")
    with pytest.raises(SchemaError, match="damaged"):
        await transport.make()
