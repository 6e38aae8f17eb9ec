"""SIGKILL at any moment of a sync: nothing is lost, nothing is there twice, all is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from zlib import crc32

import pytest

from tests.contract.images import kept_counts, stored, true_counts
from tests.support.command import Command
from tests.support.database import Connection
from tests.support.killing import Moment, killed, moments
from tests.support.sampling import sampled
from tests.support.stub import CameraKeys, ListingStub, Reply, Request, served
from tests.support.supabase_stack import SupabaseStack

KEYS = sampled(5_000, 50_000)
KILLS = sampled(5, 50)
"""For each transport, with one process and with two."""
MOST_IN_A_ROW = 4
STATES = [
    "it has its row",
    "its first batch is in",
    "its fifth batch is in",
    "all is in",
    "it is over",
]

log = logging.getLogger(__name__)

Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Life:
    """A sync that is to be killed, and its catalog."""

    command: Command
    behind: Connection
    keys: CameraKeys

    def one(self, query: str) -> int:
        """The one number that ``query`` asks for."""
        [(found,)] = self.behind.execute(query.encode()).fetchall()
        assert isinstance(found, int)
        return found

    def has_come_to(self, state: str) -> Callable[[], bool]:
        """Tells whether a run that begins from now on has come to one of ``STATES``."""
        last = self.one("select coalesce(max(id), 0) from sync_runs")
        run = f"select count(*) from sync_runs where id > {last}"
        batches = f"select count(*) from sync_batches where added > 0 and run_id > {last}"
        images = "select count(*) from images"
        all_in = len(self.keys)
        query, least = {
            "": ("select 1", 1),
            "it has its row": (run, 1),
            "its first batch is in": (batches, 1),
            "its fifth batch is in": (batches, 5),
            "all is in": (f"select case when ({run}) > 0 then ({images}) else 0 end", all_in),
            "it is over": (f"{run} and status <> 'running'", 1),
        }[state]
        return lambda: self.one(query) >= least

    def begin_anew(self) -> None:
        """Nothing was ever synced."""
        self.behind.execute(
            "truncate images, images_counts, sync_runs, sync_batches, sync_lanes, sync_leases"
        )

    def expire_the_lease(self) -> None:
        """Whose holder is dead."""
        self.behind.execute("update sync_leases set expires_at = now() where run_id <> 0")

    def complete(self) -> int:
        """Sync undisturbed: then all is as if nothing had ever been killed. Returns how many
        runs were told to be interrupted."""
        ended = self.command.run("--once", "--json", "--full")
        assert ended.code == 0, ended.err
        assert ended.document["total"] == len(self.keys)
        assert ended.document["changed"] == 0
        keys = list(self.keys)
        images = stored(self.behind)
        assert images.keys == keys
        assert images.etags == [format(crc32(key.encode()), "032x") for key in keys]
        assert kept_counts(self.behind) == true_counts(self.behind)
        assert self.one("select sum(added)::bigint from sync_runs") == len(keys)
        assert self.one("select count(*) from sync_leases where run_id <> 0") == 0
        assert self.one("select count(*) from sync_batches") == 0
        interrupted = self.one("select count(*) from sync_runs where status = 'interrupted'")
        succeeded = self.one("select count(*) from sync_runs where status = 'succeeded'")
        assert self.one("select count(*) from sync_runs") == interrupted + succeeded
        return interrupted


@pytest.fixture
def endpoint() -> Iterator[str]:
    stub = ListingStub(CameraKeys(KEYS), latency_seconds=0.02)

    def in_small_pages(request: Request) -> Reply | None:
        """Two processes have something to share, too, where there are few keys."""
        if "list-type" not in request.query or "delimiter" in request.query:
            return None
        return Reply(200, stub.listing(request.query | {"max-keys": str(KEYS // 25)}))

    stub.script = in_small_pages
    with served(stub) as address:
        yield address


@pytest.fixture(params=["postgres", "supabase"])
def life(
    request: pytest.FixtureRequest,
    endpoint: str,
    catalog_database: str,
    behind: Connection,
    tmp_path: Path,
) -> Life:
    environ = {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": endpoint,
        "S3SYNC_LIST_CONCURRENCY": "4",
        "S3SYNC_BATCH_SIZE": str(KEYS // 25),
    }
    if request.param == "postgres":
        environ["DATABASE_URL"] = catalog_database
    else:
        supabase: SupabaseStack = request.getfixturevalue("supabase")
        environ |= {"SUPABASE_URL": supabase.url, "SUPABASE_SECRET_KEY": supabase.secret_key}
    return Life(Command(tmp_path, environ), behind, CameraKeys(KEYS))


@pytest.mark.timeout(sampled(180, 1800))
@pytest.mark.parametrize("processes", [1, 2])
def test_a_sync_killed_at_any_moment_loses_nothing_and_counts_nothing_twice(
    life: Life, processes: int, record_property: Record
) -> None:
    life.command.environ["S3SYNC_PROCESSES"] = str(processes)
    started = time.monotonic()
    life.complete()
    random = Random(f"kills {processes} {life.command.environ.get('SUPABASE_URL') is None}")
    plan = moments(KILLS, time.monotonic() - started, STATES, random)
    kills = interrupted = 0
    in_a_row = MOST_IN_A_ROW
    for number, moment in enumerate(plan):
        if in_a_row == MOST_IN_A_ROW:
            life.begin_anew()
            in_a_row = 0
        kills += kill_one(life, moment, with_others=random.random() < 0.5)
        in_a_row += 1
        if number == KILLS - 1 or random.random() < 0.5:
            in_a_row = MOST_IN_A_ROW
            interrupted += life.complete()
    assert kills >= interrupted >= KILLS // 4  # the others had ended, or had not begun
    record_property("syncs killed", kills)
    record_property("told as interrupted", interrupted)


def kill_one(life: Life, moment: Moment, *, with_others: bool) -> bool:
    """Kill a sync; false where it had ended before."""
    log.warning("to be killed at %s, %s", moment, "with its others" if with_others else "alone")
    seen = life.has_come_to(moment.state)
    process = life.command.start_apart("--once", "--quiet", "--full")
    is_killed = killed(process, moment, seen, with_others=with_others)
    life.expire_the_lease()
    return is_killed
