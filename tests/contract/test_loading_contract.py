"""What every transport promises about rows that are said to be fresh: as exact as any,
also where they are not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.model import Rows
from tests.contract.conftest import Transport
from tests.contract.images import HARD_KEYS, kept_counts, rows, stored, true_counts
from tests.contract.runs import begin, result
from tests.contract.test_fencing_contract import until_waiting
from tests.support.database import Connection


async def test_fresh_rows_are_stored_counted_and_told_again(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    images = rows([*HARD_KEYS, *(f"{number:05}.jpg" for number in range(2500))])
    for _ in range(2):
        assert await catalog.insert_batch(run_id, 1, images, fresh=True) == len(images)
    assert await catalog.insert_batch(run_id, 2, Rows([], [], [], []), fresh=True) == 0
    assert stored(database) == images
    assert kept_counts(database) == true_counts(database)
    assert (await catalog.finish_run(run_id, result(run_id))).added == len(images)


async def test_fresh_rows_that_are_there_after_all_stay_as_they_are(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    old = rows(["a", "c"])
    assert await catalog.insert_batch(run_id, 1, old, fresh=True) == 2
    newer = rows(["a", "b", "c"], version=2)
    for _ in range(2):
        assert await catalog.insert_batch(run_id, 2, newer, fresh=True) == 1
    assert stored(database).take([0, 2]) == old
    assert kept_counts(database) == true_counts(database)
    assert (await catalog.finish_run(run_id, result(run_id))).added == 3


async def test_archived_rows_are_not_inserted_again_however_fresh(
    catalog: Catalog, database: Connection
) -> None:
    database.execute("insert into images_archive (id, filename) values (1, 'b'), (2, 'y')")
    run_id = await begin(catalog)
    # Two pages of different ranges in one batch: between them lies the archived y.
    images = rows(["a", "b", "c", "x", "z"])
    assert await catalog.insert_batch(run_id, 1, images.take([3, 4, 0, 1, 2]), fresh=True) == 4
    assert stored(database) == images.take([0, 2, 3, 4])


async def test_a_fresh_batch_may_be_unsorted_or_name_a_key_twice(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    images = rows(["a", "b", "c"])
    assert await catalog.insert_batch(run_id, 1, images.take([2, 0, 1]), fresh=True) == 3
    other = rows(["d", "e"])
    assert await catalog.insert_batch(run_id, 2, other.take([1, 0, 1]), fresh=True) == 2
    assert stored(database) == rows(["a", "b", "c", "d", "e"])
    assert kept_counts(database) == true_counts(database)


@pytest.mark.parametrize(
    "moment",
    ["2026-11-24T13:30:00Z", "2026-11-24T23:30:00.000-02:30", "2026-11-24T13:30:00", "1969-12-31"],
)
async def test_other_times_than_those_of_s3_are_counted_right(
    catalog: Catalog, database: Connection, moment: str
) -> None:
    run_id = await begin(catalog)
    images = replace(rows(["a", "b"]), modified=[moment, "2026-11-24T13:00:00Z"])
    assert await catalog.insert_batch(run_id, 1, images, fresh=True) == 2
    assert kept_counts(database) == true_counts(database)


@pytest.mark.parametrize(
    ("body", "added"),
    [("if new.filename = 'b' then return null; end if; return new;", 2),
     ("new.size_bytes := 7; return new;", 3)],
)  # fmt: skip
async def test_triggers_of_ones_own_have_their_say(
    catalog: Catalog, database: Connection, body: str, added: int
) -> None:
    database.execute(
        f"""create function public.own() returns trigger language plpgsql
              as $$ begin {body} end $$;
            create trigger own before insert on images for each row
              execute function public.own()""".encode()
    )
    run_id = await begin(catalog)
    assert await catalog.insert_batch(run_id, 1, rows(["a", "b", "c"]), fresh=True) == added
    assert kept_counts(database) == true_counts(database)


async def test_fresh_rows_of_another_table(transport: Transport, database: Connection) -> None:
    database.execute(schema_sql("photos").encode())
    catalog = await transport.make("photos")
    run_id = await begin(catalog)
    assert await catalog.insert_batch(run_id, 1, rows(HARD_KEYS), fresh=True) == len(HARD_KEYS)
    assert stored(database, "photos") == rows(HARD_KEYS)
    assert kept_counts(database, "photos") == true_counts(database, "photos")


async def test_a_row_that_someone_else_inserts_meanwhile_is_not_counted(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    with database.transaction():
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(
            catalog.insert_batch(run_id, 1, rows(["a", "b", "c"]), fresh=True)
        )
        await until_waiting(database, 1)
    assert await batch == 2
    found = database.execute("select filename from images order by filename").fetchall()
    assert found == [("a",), ("b",), ("c",)]
    assert (await catalog.finish_run(run_id, result(run_id))).added == 2
