"""What every transport promises about rows that are hard, unusual or not ours alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.model import (
    LAST_KEY,
    KeyRange,
    Rows,
    RunMode,
    RunResult,
    RunStats,
    RunStatus,
)
from tests.contract.images import HARD_KEYS, digest, kept_counts, page, rows, stored, true_counts
from tests.contract.runs import begin, fill, number, run_row
from tests.support.database import Connection

NOTHING = Rows([], [], [], [])

# What is done with the rows is the same when answers are lost; how they travel is not.
pytestmark = pytest.mark.parametrize("transport", ["postgres", "supabase"], indirect=True)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(
    keys=st.sets(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
        max_size=30,
    ),
    cut=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    fresh=st.booleans(),
)
async def test_any_key_that_can_be_stored_is_found_again(
    catalog: Catalog, database: Connection, keys: set[str], cut: str, fresh: bool
) -> None:
    database.execute("truncate images, images_counts; delete from sync_leases")
    ticket = await fill(catalog, rows(keys), fresh=fresh)
    assert stored(database) == rows(keys)
    spans = KeyRange().split([cut])
    found = await catalog.range_digests(spans)
    for span, one in zip(spans, found, strict=True):
        images = rows(key for key in keys if key in span)
        assert (one.rows, one.digest) == (len(images), digest(images))
        difference = await catalog.compare(page(images, span=span), started_at=ticket.started_at)
        assert (difference.missing, difference.changed, difference.gone) == ([], [], 0)


async def test_hard_keys_can_be_gone_and_others(catalog: Catalog) -> None:
    ticket = await fill(catalog, rows(HARD_KEYS))
    there, others = HARD_KEYS[::3], HARD_KEYS[1::3]
    difference = await catalog.compare(
        page(rows(there), others=others), started_at=ticket.started_at
    )
    assert (difference.missing, difference.changed) == ([], [])
    assert difference.gone_sample == HARD_KEYS[2::3]


async def test_marking_keeps_to_the_page_and_answers_the_same_when_repeated(
    catalog: Catalog, database: Connection
) -> None:
    ticket = await fill(catalog, rows([*HARD_KEYS, "outside"]))
    run_id = number(ticket)
    database.execute("update images set missing_since = '2020-01-01' where filename = 'A'")
    present = [key for key in HARD_KEYS if key not in {"A", "a", "NULL", '","', "\\"}]
    seen = page(rows(present[1:]), span=KeyRange("", "oute"), others=present[:1])
    for _ in range(2):
        marked = await catalog.mark_gone(seen, run_id=run_id, started_at=ticket.started_at)
        assert marked == 4
    found = database.execute("select filename from images where missing_since > '2026-01-01'")
    assert sorted(found.fetchall()) == sorted([("a",), ("NULL",), ('","',), ("\\",)])
    assert kept_counts(database) == true_counts(database)


async def test_a_batch_may_be_empty_unsorted_or_name_a_key_twice(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    assert await catalog.insert_batch(run_id, 1, NOTHING) == 0
    assert await catalog.update_batch(run_id, 2, NOTHING) == 0
    images = rows(["a", "b", "c"])
    assert await catalog.insert_batch(run_id, 3, images.take([2, 0, 1, 0])) == 3
    assert stored(database) == images
    newer = rows(["a", "b", "c"], version=2)
    assert await catalog.update_batch(run_id, 4, newer.take([2, 0, 1, 0])) == 3
    assert stored(database) == newer
    assert kept_counts(database) == true_counts(database)


async def test_rows_that_are_there_are_neither_counted_nor_touched(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    old = rows(["a", "c"])
    await catalog.insert_batch(run_id, 1, old)
    assert await catalog.insert_batch(run_id, 2, rows(["a", "b", "c"], version=2)) == 1
    assert stored(database).take([0, 2]) == old
    # Looking before inserting burns no identity values.
    assert database.execute("select max(id) - min(id) from images").fetchone() == (2,)


async def test_only_what_differs_is_updated(catalog: Catalog, database: Connection) -> None:
    ticket = await fill(catalog, rows(["a", "b", "c"]))
    database.execute("update images set labeled = true, label = 'cat', labeled_at = now()")
    labels = "select id, labeled, label, labeled_at, created_at from images order by filename"
    before = database.execute(labels).fetchall()
    images = rows(["a", "b", "c"])
    images.etags[1], images.sizes[1] = "other", 7
    images.sizes[2] += 1
    images = replace(images, modified=["2027-01-01T00:00:00.000Z"] * 3)
    assert await catalog.update_batch(number(ticket), 1, images) == 2
    # Other times alone are no other content.
    same = rows(["a"])
    assert stored(database) == Rows(
        images.keys, images.etags, images.sizes, same.modified + images.modified[1:]
    )
    assert database.execute(labels).fetchall() == before
    assert kept_counts(database) == true_counts(database)


async def test_a_row_of_ones_own_without_etag_and_time_is_completed(
    catalog: Catalog, database: Connection
) -> None:
    database.execute("insert into images (filename, created_at) values ('a', null), ('b', null)")
    database.execute("delete from images_counts")
    database.execute(schema_sql().encode())  # counts anew
    assert kept_counts(database) == true_counts(database)
    run_id = await begin(catalog)
    assert await catalog.update_batch(run_id, 1, rows(["a"])) == 1
    assert kept_counts(database) == true_counts(database)
    assert (await catalog.summary()).images == 2


async def test_rows_of_ones_own_without_etag_differ_but_break_nothing(
    catalog: Catalog, database: Connection
) -> None:
    database.execute("insert into images (filename, size_bytes) values ('a', null), ('b', 0)")
    [found] = await catalog.range_digests([KeyRange()])
    assert found.rows == 2
    images = Rows(["a", "b"], ["", ""], [0, 0], ["2026-11-24T00:00:00Z"] * 2)
    assert found.digest != digest(images)
    difference = await catalog.compare(page(images), started_at=datetime.now(UTC))
    assert (difference.missing, difference.changed, difference.gone) == ([], [0, 1], 0)


async def test_finishing_writes_the_final_state_with_the_figures_as_counted(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    await catalog.insert_batch(run_id, 1, rows(["a", "b", "c"]))
    await catalog.update_batch(run_id, 2, rows(["a"], version=2))
    told = RunStats(total=10, added=1, gone=2, rejected=3, list_requests=4, cost_usd=0.5)
    final = RunResult(
        run_id,
        RunStatus.FAILED,
        RunMode.FULL,
        dry_run=False,
        stats=told,
        failed_ranges=[KeyRange("a\n'\"", LAST_KEY)],
        gone_sample=HARD_KEYS,
        rejected_sample=["nul\\x00.jpg"],
        error="One range failed.",
        hint="Try again.",
    )
    stats = await catalog.finish_run(run_id, final)
    assert stats == replace(told, added=3, changed=1)
    assert run_row(database, run_id, "status", "total", "added", "skipped", "changed", "gone") == [
        "failed",
        10,
        3,
        7,
        1,
        2,
    ]
    assert run_row(database, run_id, "rejected", "list_requests", "cost_usd", "error", "hint") == [
        3,
        4,
        0.5,
        "One range failed.",
        "Try again.",
    ]
    assert run_row(database, run_id, "details", "duration_seconds >= 0", "finished_at > started_at")
    [details] = run_row(database, run_id, "details")
    assert details == {
        "failed_ranges": [["a\n'\"", LAST_KEY]],
        "gone_sample": HARD_KEYS,
        "rejected_sample": ["nul\\x00.jpg"],
        "phases": [],
        "mode_reason": "",
    }
    assert database.execute("select count(*) from sync_batches").fetchone() == (0,)


async def test_split_points_survive_hard_keys(catalog: Catalog, database: Connection) -> None:
    keys = [key for key in HARD_KEYS if key != LAST_KEY]
    await fill(catalog, rows(keys))
    database.execute("analyze images")
    points = await catalog.split_points(KeyRange(), 1000)
    assert set(points) <= set(keys)
    assert len(points) > len(keys) / 2
