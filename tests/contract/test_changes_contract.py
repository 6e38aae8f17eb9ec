"""What every transport promises about changes of single objects, as notifications tell
them: in any order, several times, late, and beside a run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.changes import Applied, ObjectChange
from tests.contract.changes import at, created, kept, let_pass, marked, present, removed
from tests.contract.conftest import Transport
from tests.contract.images import HARD_KEYS, kept_counts, page, rows, stored, true_counts
from tests.contract.runs import begin, fill, number, result
from tests.contract.test_fencing_contract import until_waiting
from tests.support.database import Connection

LOSING = ["postgres losing answers", "supabase losing answers"]
TELLING = pytest.mark.parametrize("transport", ["postgres", "supabase"], indirect=True)
"""Who loses an answer learns from the next that everything is stale."""


def figures(applied: Applied) -> tuple[int, int, int, int, list[int]]:
    return applied.added, applied.changed, applied.gone, applied.stale, applied.doubtful


@pytest.fixture(autouse=True)
def _counts_are_true(request: pytest.FixtureRequest, database: Connection) -> object:
    yield
    assert kept_counts(database) == true_counts(database)


@TELLING
async def test_changes_are_applied_in_the_order_of_their_sequencers(
    catalog: Catalog, database: Connection
) -> None:
    first = created("a.jpg", "0A")
    assert figures(await catalog.apply_changes([first])) == (1, 0, 0, 0, [])
    database.execute("update images set labeled = true, label = 'cat'")
    assert figures(await catalog.apply_changes([first])) == (0, 0, 0, 1, [])
    newer = created("a.jpg", "0C", version=2, ago=timedelta(minutes=1))
    assert figures(await catalog.apply_changes([newer])) == (0, 1, 0, 0, [])
    older = created("a.jpg", "0B", version=3)
    assert figures(await catalog.apply_changes([older])) == (0, 0, 0, 1, [])
    found = database.execute(
        "select filename, etag, size_bytes, last_modified, labeled, label from images"
    )
    assert found.fetchall() == [
        ("a.jpg", newer.etag, newer.size_bytes, newer.at, True, "cat"),
    ]
    assert (await catalog.verify_counts()).wrong_hours == 0


@TELLING
async def test_what_is_removed_is_marked_and_what_is_created_again_is_not(
    catalog: Catalog, database: Connection
) -> None:
    await catalog.apply_changes([created("a.jpg", "01"), created("b.jpg", "01")])
    assert figures(await catalog.apply_changes([removed("a.jpg", "02")])) == (0, 0, 1, 0, [])
    assert (list(present(database)), marked(database)) == (["b.jpg"], ["a.jpg"])
    # Marked once; the mark stays as it is.
    mark = database.execute("select missing_since from images where filename = 'a.jpg'").fetchone()
    assert figures(await catalog.apply_changes([removed("a.jpg", "03")])) == (0, 0, 0, 0, [])
    again = database.execute("select missing_since from images where filename = 'a.jpg'").fetchone()
    assert again == mark
    back = created("a.jpg", "04")
    assert figures(await catalog.apply_changes([back])) == (0, 1, 0, 0, [])
    assert (present(database)["a.jpg"], marked(database)) == (back.etag, [])
    # As an update of a run: another time alone is no other content.
    same = created("a.jpg", "05", ago=timedelta(minutes=5))
    assert figures(await catalog.apply_changes([same])) == (0, 0, 0, 0, [])


@TELLING
async def test_a_removal_that_overtook_its_creation_leaves_no_row(
    catalog: Catalog, database: Connection
) -> None:
    assert figures(await catalog.apply_changes([removed("a", "0B")])) == (0, 0, 0, 0, [])
    assert figures(await catalog.apply_changes([created("a", "0A")])) == (0, 0, 0, 1, [])
    assert (stored(database).keys, kept(database)) == ([], {"a": "0B"})
    assert figures(await catalog.apply_changes([created("a", "0C")])) == (1, 0, 0, 0, [])


@TELLING
@pytest.mark.parametrize(
    ("before", "after"), [("0A", "000B"), ("000A", "0B"), ("0A", ""), ("", "0A"), ("", "")]
)
async def test_sequencers_of_other_lengths_are_doubtful(
    catalog: Catalog, database: Connection, before: str, after: str
) -> None:
    await catalog.apply_changes([created("b", before)])
    was = stored(database)
    batch = [created("a", "01"), created("b", after, version=2), removed("c", "01")]
    assert figures(await catalog.apply_changes(batch)) == (1, 0, 0, 0, [1])
    assert stored(database).take([1]) == was
    assert kept(database) == {"a": "01", "b": before, "c": "01"}


@TELLING
@pytest.mark.parametrize("minutes", [46, -16])
async def test_what_happened_long_ago_or_in_times_to_come_is_doubtful_unless_its_key_is_known(
    catalog: Catalog, database: Connection, minutes: int
) -> None:
    await catalog.apply_changes([created("known", "02"), created("stale", "02")])
    long_ago = timedelta(minutes=minutes)
    applied = await catalog.apply_changes(
        [
            created("unknown", "01", ago=long_ago),
            created("known", "03", version=2, ago=long_ago),
            removed("gone", "01", ago=long_ago),
            created("stale", "01", version=2, ago=long_ago),
            created("recent", "01", ago=timedelta(minutes=44 if minutes > 0 else -14)),
        ]
    )
    assert figures(applied) == (1, 1, 0, 1, [0, 2])
    assert stored(database).keys == ["known", "recent", "stale"]
    assert kept(database) == {"known": "03", "recent": "01", "stale": "02"}


@TELLING
async def test_what_the_bucket_itself_says_is_applied(
    catalog: Catalog, database: Connection
) -> None:
    await catalog.apply_changes([created("a", "0A"), created("b", "0A"), created("c", "0A")])
    batch = [created("a", "000B"), removed("b", "000B"), created("d", ago=timedelta(days=9))]
    doubtful = await catalog.apply_changes(batch)
    assert doubtful.doubtful == [0, 1, 2]
    seen = [created("a", version=2), removed("b"), created("d", ago=timedelta(days=9))]
    applied = await catalog.apply_changes(seen, looked_after=doubtful.at)
    assert figures(applied) == (1, 1, 1, 0, [])
    assert present(database) == {
        change.key: change.etag for change in (seen[0], created("c"), seen[2])
    }
    assert kept(database) == {"a": "", "b": "", "c": "0A", "d": ""}
    # Nobody can compare with that, so the next is looked at, too.
    assert (await catalog.apply_changes([created("a", "0C")])).doubtful == [0]


@TELLING
async def test_what_the_bucket_said_before_another_change_is_doubtful_again(
    catalog: Catalog, database: Connection
) -> None:
    await catalog.apply_changes([created("a", "0A")])
    first = await catalog.apply_changes([created("a", "000B")])
    await catalog.apply_changes([created("a", "0B", version=2)])
    seen = [created("a", version=3)]
    again = await catalog.apply_changes(seen, looked_after=first.at)
    assert (figures(again), kept(database)) == ((0, 0, 0, 0, [0]), {"a": "0B"})
    assert figures(await catalog.apply_changes(seen, looked_after=again.at)) == (0, 1, 0, 0, [])
    assert present(database) == {"a": seen[0].etag}
    # So is what was seen so long ago that something else may have been forgotten.
    long_ago = datetime.now(UTC) - timedelta(minutes=46)
    applied = await catalog.apply_changes([created("b")], looked_after=long_ago)
    assert (figures(applied), list(present(database))) == ((0, 0, 0, 0, [0]), ["a"])


@TELLING
async def test_archived_rows_are_there(catalog: Catalog, database: Connection) -> None:
    await catalog.apply_changes([created(key, "01") for key in "abc"])
    database.execute(
        """insert into images_archive (id, filename, size_bytes, etag, last_modified)
             select id, filename, size_bytes, etag, last_modified from images;
           delete from images"""
    )
    batch = [created("a", "02"), created("b", "02", version=2), removed("c", "02")]
    assert figures(await catalog.apply_changes(batch)) == (0, 1, 0, 0, [])
    found = database.execute(
        "select filename, etag, missing_since from images_archive order by filename"
    )
    assert found.fetchall() == [
        ("a", batch[0].etag, None),
        ("b", batch[1].etag, None),
        ("c", created("c").etag, None),
    ]
    assert stored(database).keys == []


@pytest.mark.parametrize("transport", [*LOSING, "postgres", "supabase"], indirect=True)
async def test_a_call_that_is_repeated_changes_nothing(
    catalog: Catalog, database: Connection
) -> None:
    now = datetime.now(UTC)
    everything = "select to_jsonb(i) from images i order by filename"
    batch = at(now, [created("a", "01"), created("b", "01"), removed("c", "01")])
    await catalog.apply_changes(batch)
    batch = at(now, [created("a", "02", version=2), removed("b", "02"), created("c", "02")])
    await catalog.apply_changes(batch)
    was = database.execute(everything).fetchall()
    assert [row["etag"] for (row,) in was] == [batch[0].etag, created("b").etag, batch[2].etag]  # type: ignore[index]
    for repeated in (batch, batch[::-1]):
        assert figures(await catalog.apply_changes(repeated)) == (0, 0, 0, 3, [])
    assert database.execute(everything).fetchall() == was


async def test_hard_keys_are_applied(catalog: Catalog, database: Connection) -> None:
    await catalog.apply_changes([created(key, "01") for key in reversed(HARD_KEYS)])
    assert stored(database).keys == HARD_KEYS
    assert kept(database) == dict.fromkeys(HARD_KEYS, "01")
    gone = HARD_KEYS[::2]
    await catalog.apply_changes([removed(key, "02") for key in gone])
    assert marked(database) == gone
    doubtful = await catalog.apply_changes([removed(key) for key in HARD_KEYS])
    assert sorted(doubtful.doubtful) == list(range(len(HARD_KEYS)))


@TELLING
async def test_no_changes_and_very_many(catalog: Catalog, database: Connection) -> None:
    before = datetime.now(UTC)
    applied = await catalog.apply_changes([])
    assert figures(applied) == (0, 0, 0, 0, [])
    assert abs(applied.at - before) < timedelta(minutes=1)
    assert applied.at.tzinfo is not None
    many = [created(f"{key:05}.jpg", "01") for key in range(3000)]
    assert (await catalog.apply_changes(many)).added == 3000
    assert (await catalog.summary()).images == 3000


@TELLING
async def test_another_table_has_changes_of_its_own(
    transport: Transport, database: Connection
) -> None:
    database.execute(schema_sql("photos").encode())
    images, photos = await transport.make(), await transport.make("photos")
    await images.apply_changes([created("a", "02")])
    assert figures(await photos.apply_changes([created("a", "01", version=2)])) == (1, 0, 0, 0, [])
    assert present(database, "photos") == {"a": created("a", version=2).etag}
    assert kept_counts(database, "photos") == true_counts(database, "photos")
    found = database.execute("select table_name, sequencer from sync_changes order by 1")
    assert found.fetchall() == [("images", "02"), ("photos", "01")]
    # A run of the one is not overtaken by changes of the other.
    run_id = await begin(photos)
    await images.apply_changes([created("b", "01")])
    assert await photos.insert_batch(run_id, 1, rows(["b"]), fresh=True) == 1


# Beside a run, whose listing is older.


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_run_does_not_insert_what_was_removed_since_it_began(
    catalog: Catalog, database: Connection, fresh: bool
) -> None:
    await catalog.apply_changes([removed("before", "01")])
    run_id = await begin(catalog)
    await catalog.apply_changes([removed("b", "01"), created("c", "01", version=2)])
    listed = rows(["a", "b", "before", "c", "d"])
    assert await catalog.insert_batch(run_id, 1, listed, fresh=fresh) == 3
    # What changed before the run began, its listing knows better.
    listed_keys = {key: created(key).etag for key in ("a", "before", "d")}
    assert present(database) == listed_keys | {"c": created("c", version=2).etag}
    assert (await catalog.finish_run(run_id, result(run_id))).added == 3


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_run_does_not_update_what_changed_since_it_began(
    catalog: Catalog, database: Connection, fresh: bool
) -> None:
    await fill(catalog, rows(["a", "b", "c", "d"]), fresh=fresh)
    database.execute("delete from sync_leases")
    await catalog.apply_changes([created("d", "01", version=2)])
    run_id = await begin(catalog)
    await catalog.apply_changes([created("a", "01", version=3), removed("b", "01")])
    listed = rows(["a", "b", "c", "d"], version=4)
    assert await catalog.update_batch(run_id, 1, listed) == 2
    etags = {"a": created("a", version=3).etag}
    assert present(database) == etags | {key: created(key, version=4).etag for key in "cd"}
    assert marked(database) == ["b"]


async def test_a_run_does_not_mark_what_was_created_since_it_began(
    catalog: Catalog, database: Connection
) -> None:
    ticket = await fill(catalog, rows(["a", "b", "c", "d"]))
    await catalog.apply_changes([created("a", "01"), removed("b", "01"), created("e", "01")])
    seen = page(rows(["d"]))
    for _ in range(2):
        marks = await catalog.mark_gone(seen, run_id=number(ticket), started_at=ticket.started_at)
        assert marks == 1
    assert marked(database) == ["b", "c"]


# At the same time as a run's batch, which waits for a row.


@pytest.mark.parametrize("fresh", [False, True])
async def test_what_is_removed_while_a_run_inserts_it_is_marked(
    catalog: Catalog, database: Connection, fresh: bool
) -> None:
    run_id = await begin(catalog)
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b"]), fresh=fresh))
        await until_waiting(database, 1)
        removal = asyncio.create_task(catalog.apply_changes([removed("a", "01")]))
        await until_waiting(database, 2)
    await batch
    await removal
    assert (list(present(database)), marked(database)) == (["b"], ["a"])


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_batch_that_waits_for_a_removal_sees_it(
    catalog: Catalog, database: Connection, fresh: bool
) -> None:
    run_id = await begin(catalog)
    with database.transaction():
        database.execute(
            """select s3sync_apply_changes(
                 '{a}', '{removed}', '{01}', array[now()], '{""}', '{0}')"""
        )
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b"]), fresh=fresh))
        await until_waiting(database, 1)
    assert await batch == 1
    assert present(database).keys() == {"b"}


async def test_what_a_run_and_a_change_insert_at_once_is_there_once(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    newer = created("a", "01", version=2)
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b"])))
        await until_waiting(database, 1)
        change = asyncio.create_task(catalog.apply_changes([newer]))
        await until_waiting(database, 2)
    assert await batch == 2
    await change
    assert present(database) == {"a": newer.etag, "b": created("b").etag}


@pytest.mark.parametrize("kind", [created, removed])
async def test_an_update_that_waits_for_a_change_leaves_it_alone(
    catalog: Catalog, database: Connection, kind: object
) -> None:
    run_id = number(await fill(catalog, rows(["a", "b"])))
    is_removed = kind is removed
    with database.transaction():
        database.execute(
            """select s3sync_apply_changes(
                 '{a}', array[%s], '{01}', array[now()], '{newest}', '{7}')""",
            ["removed" if is_removed else "created"],
        )
        batch = asyncio.create_task(catalog.update_batch(run_id, 1, rows(["a", "b"], version=2)))
        await until_waiting(database, 1)
    assert await batch == 1
    listed = {"b": created("b", version=2).etag}
    assert present(database) == (listed if is_removed else listed | {"a": "newest"})


async def test_a_mark_that_waits_for_a_change_is_not_set(
    catalog: Catalog, database: Connection
) -> None:
    ticket = await fill(catalog, rows(["a", "b", "c"]))
    same = created("a")
    with database.transaction():
        # The row is right already; that it was created again is all that is new.
        database.execute(
            """select s3sync_apply_changes(
                 '{a}', '{created}', '{01}', array[now()], array[%s], array[%s]::bigint[])""",
            [same.etag, same.size_bytes],
        )
        marking = asyncio.create_task(
            catalog.mark_gone(
                page(rows(["c"])), run_id=number(ticket), started_at=ticket.started_at
            )
        )
        await until_waiting(database, 1)
    assert await marking == 1
    assert marked(database) == ["b"]


async def test_changes_of_other_objects_pass_by_a_mark_that_waits_for_a_row(
    transport: Transport, database: Connection
) -> None:
    catalog, other = await transport.make(), await transport.make()
    ticket = await fill(catalog, rows(["a", "b", "c"]))
    with database.transaction():
        database.execute("select from images where filename = 'b' for update")
        marking = asyncio.create_task(
            catalog.mark_gone(
                page(rows(["c"])), run_id=number(ticket), started_at=ticket.started_at
            )
        )
        await until_waiting(database, 1)
        await other.apply_changes([created("aa", "01")])
    assert await marking == 2
    gone = "select filename from images where missing_since is not null order by filename"
    assert database.execute(gone).fetchall() == [("a",), ("b",)]


@TELLING
async def test_the_same_changes_at_once_are_applied_once(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await transport.make(), await transport.make()
    batch = [created(f"{key:03}", "01") for key in range(300)]
    first, second = await asyncio.gather(one.apply_changes(batch), other.apply_changes(batch[::-1]))
    assert sorted([first.added, second.added]) == [0, 300]
    assert sorted([first.stale, second.stale]) == [0, 300]
    # Nor was there a deadlock, after which one would have been tried again.
    assert "again" not in caplog.text


# Locks are taken in one order, however the keys come: a deadlock would be tried again.


@TELLING
async def test_appliers_do_not_lock_each_other(
    transport: Transport, database: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await transport.make(), await transport.make()
    batch = [created(key, "01") for key in "abc"]
    with database.transaction(force_rollback=True):
        database.execute("insert into sync_changes values ('images', 'b', '00', now())")
        first = asyncio.create_task(one.apply_changes(batch))
        await until_waiting(database, 1)
        second = asyncio.create_task(other.apply_changes(batch[::-1]))
        await until_waiting(database, 2)
    assert figures(await first) == (3, 0, 0, 0, [])
    assert figures(await second) == (0, 0, 0, 3, [])
    assert "again" not in caplog.text


@TELLING
@pytest.mark.parametrize("fresh", [False, True])
async def test_changes_and_a_run_that_inserts_do_not_lock_each_other(
    catalog: Catalog, database: Connection, caplog: pytest.LogCaptureFixture, fresh: bool
) -> None:
    run_id = await begin(catalog)
    listed = rows(["a", "b", "c"]).take([2, 1, 0])
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, listed, fresh=fresh))
        await until_waiting(database, 1)
        changes = [created("a", "01", version=2), created("c", "01", version=2)]
        applied = asyncio.create_task(catalog.apply_changes(changes))
        await until_waiting(database, 2)
    assert await batch == 3
    assert figures(await applied) == (0, 2, 0, 0, [])
    assert "again" not in caplog.text


@TELLING
async def test_changes_and_a_run_that_updates_do_not_lock_each_other(
    catalog: Catalog, database: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = number(await fill(catalog, rows(["a", "b", "c"])))
    with database.transaction():
        database.execute("select from images where filename = 'b' for update")
        batch = asyncio.create_task(catalog.update_batch(run_id, 1, rows("abc", version=2)))
        await until_waiting(database, 1)
        # The batch waits, but holds none of these meanwhile.
        changes = [removed("a", "01"), created("c", "01", version=3)]
        assert figures(await catalog.apply_changes(changes)) == (0, 1, 1, 0, [])
    assert await batch == 1
    assert "again" not in caplog.text


@TELLING
async def test_appliers_and_a_run_in_each_other_s_way_are_never_locked(
    transport: Transport, database: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The same keys in different orders, and always the same few hours to count in."""
    catalogs = [await transport.make() for _ in range(3)]
    keys = [f"{key:02}" for key in range(40)]
    database.execute(
        """insert into images_archive (id, filename, size_bytes, etag)
             select n, lpad(n::text, 2, '0'), 1, 'archived' from generate_series(0, 39, 5) n;
           select s3sync_recount()"""
    )
    ticket = await fill(catalogs[0], rows(keys[1::5]))
    run_id = number(ticket)

    def some(round_: int, sequencer: str) -> list[ObjectChange]:
        shifted = keys[round_ % 7 :: 2] + keys[1 - round_ % 2 :: 2][: round_ * 3]
        chosen = list(dict.fromkeys(shifted))[:: 1 if round_ % 2 else -1]
        return [
            removed(key, sequencer)
            if (int(key) + round_) % 3 == 0
            else created(key, sequencer, version=round_, ago=timedelta(minutes=20 * (round_ % 2)))
            for key in chosen
        ]

    async def apply(catalog: Catalog, first: int) -> None:
        for round_ in range(first, first + 12):
            await catalog.apply_changes(some(round_, f"{round_:04X}"))

    async def run(catalog: Catalog) -> None:
        for batch in range(1, 25, 2):
            listed = rows(keys, version=batch).take([*range(20, 40), *range(20)])
            await catalog.insert_batch(run_id, batch, listed, fresh=bool(batch % 4 == 1))
            await catalog.update_batch(run_id, batch + 1, listed)
            await catalog.mark_gone(
                page(rows(keys[::2])), run_id=run_id, started_at=ticket.started_at
            )

    await asyncio.gather(
        apply(catalogs[1], 1), apply(catalogs[2], 4), apply(catalogs[1], 7), run(catalogs[0])
    )
    assert "again" not in caplog.text


# How long what is known is kept.


@TELLING
async def test_what_is_kept_is_forgotten_after_an_hour(
    catalog: Catalog, database: Connection
) -> None:
    await catalog.apply_changes([created("a", "01"), removed("b", "01")])
    let_pass(database, 0.9)
    await catalog.apply_changes([created("c", "01")])
    assert kept(database).keys() == {"a", "b", "c"}
    let_pass(database, 0.2)
    await catalog.apply_changes([])
    assert kept(database).keys() == {"c"}
    # What comes so late after all is older than what could be told.
    assert (await catalog.apply_changes([created("b", "00", ago=timedelta(hours=1))])).doubtful == [
        0
    ]


@TELLING
async def test_what_a_run_under_way_must_know_is_kept_but_not_for_more_than_a_day(
    catalog: Catalog, database: Connection
) -> None:
    await catalog.apply_changes([created("before", "01")])
    run_id = await begin(catalog)
    await catalog.apply_changes([removed("a", "01")])
    let_pass(database, 20)
    database.execute("update sync_runs set started_at = started_at - interval '20 hours'")
    await catalog.apply_changes([])
    assert kept(database) == {"a": "01"}
    assert await catalog.insert_batch(run_id, 1, rows(["a", "b"]), fresh=True) == 1
    let_pass(database, 5)
    database.execute("update sync_runs set started_at = started_at - interval '5 hours'")
    await catalog.apply_changes([])
    assert kept(database) == {}
    await catalog.apply_changes([created("c", "01")])
    let_pass(database, 2)
    await catalog.finish_run(run_id, result(run_id))
    await catalog.apply_changes([])
    assert kept(database) == {}


@TELLING
async def test_a_call_forgets_only_so_much(catalog: Catalog, database: Connection) -> None:
    database.execute(
        """insert into sync_changes (table_name, filename, sequencer, applied_at)
             select 'images', n, '01', now() - interval '2 hours' from generate_series(1, 5000) n"""
    )
    await catalog.apply_changes([])
    assert len(kept(database)) == 4000
