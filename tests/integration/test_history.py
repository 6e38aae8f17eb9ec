"""The runs that a dashboard keeps are those of the catalog, at a fraction of the reading."""

from __future__ import annotations

import random

from s3sync_tui.catalog.facts import RunHistory
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.insight.history import RunLog, recent_runs
from s3sync_tui.model import RunStats, RunStatus
from tests.contract.runs import begin, result
from tests.support.database import Connection

ENDS = [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED]


class Counting(PostgresCatalog):
    """Counts the runs that it was asked for."""

    rows = 0

    async def history(self, limit: int = 50, before: int | None = None) -> RunHistory:
        found = await super().history(limit, before)
        self.rows += len(found.runs)
        return found


async def test_kept_runs_are_those_of_the_catalog_whatever_happens(
    catalog_database: str, behind: Connection
) -> None:
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    reader = Counting(catalog_database, table="images", description="test")
    await catalog.open()
    await reader.open()
    chance, log, under_way = random.Random(3), RunLog(10), list[int]()
    for step in range(150):
        choices = ["renew", "finish", "finish", "die", "nothing", "delete"]
        match chance.choice(choices) if under_way else "begin":
            case "begin":
                under_way.append(await begin(catalog))
            case "renew":
                await catalog.renew_lease(under_way[0], 60, RunStats(total=step))
            case "finish":
                run = under_way.pop()
                await catalog.finish_run(run, result(run, chance.choice(ENDS), total=step))
            case "die":
                under_way.clear()
                behind.execute("update sync_leases set expires_at = now() - interval '1 s'")
                for _ in range(chance.randrange(20)):
                    run = await begin(catalog)
                    await catalog.finish_run(run, result(run))
            case "delete" if chance.random() < 0.1:
                under_way.clear()
                behind.execute("delete from sync_runs")
                behind.execute("update sync_leases set run_id = 0, expires_at = '-infinity'")
        if chance.random() < 0.7:
            assert await log.read(reader) == await recent_runs(catalog, 10)
    await catalog.close()
    await reader.close()


async def test_what_has_ended_is_not_read_again(catalog_database: str, behind: Connection) -> None:
    behind.execute(
        "insert into sync_runs (table_name, bucket, mode, holder, status) "
        "select 'images', 'b', 'full', 'h', 'succeeded' from generate_series(1, 100)"
    )
    reader = Counting(catalog_database, table="images", description="test")
    await reader.open()
    log = RunLog(50)
    assert len(await log.read(reader)) == 50
    reader.rows = 0
    for _ in range(5):
        assert len(await log.read(reader)) == 50
    assert reader.rows == 10
    await begin(reader)
    assert (await log.read(reader))[0].status is RunStatus.RUNNING
    reader.rows = 0
    assert len(await log.read(reader)) == 50
    assert reader.rows == 3
    await reader.close()
