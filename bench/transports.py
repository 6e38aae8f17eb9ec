"""The two transports and the naive way, side by side on one machine in one run.

    python bench/transports.py --keys 200000 --rounds 3

Lists from the stub; a real Postgres, a real PostgREST with a gateway before it as on
Supabase. Each round takes fresh databases; figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import psycopg

_ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(_ROOT))  # for tests.support

from naive import naive_sync

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.source.s3 import S3Source
from tests.support.database import DatabaseServer
from tests.support.supabase_stack import SupabaseStack

_BUCKET = "stub-bucket"


async def ours(make: Callable[[], Catalog], endpoint: str) -> int:
    """One run; returns the rows added."""
    catalog, source = make(), S3Source(_BUCKET, endpoint=endpoint)
    await catalog.open()
    try:
        result = await sync(source, catalog, SyncOptions(), lambda _: None)
    finally:
        await source.close()
        await catalog.close()
    if result.error:
        raise SystemExit(result.error)
    return result.stats.added


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-naive", action="store_true")
    arguments = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    # Short keys: 200 of them fit into the naive way's URL.
    options = [f"--keys={arguments.keys}", "--rendered", "--layout=hashed"]
    stub = subprocess.Popen(
        [sys.executable, str(_ROOT / "bench/listing_stub.py"), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert stub.stdout is not None
    endpoint = f"http://127.0.0.1:{stub.stdout.readline().strip()}"
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)

    def timed(side: str, what: str, work: Callable[[], int], added: int) -> None:
        began = time.perf_counter()
        if (found := work()) != added:
            raise SystemExit(f"{side}, {what}: {found} added, not {added}")
        seconds[side, what].append(time.perf_counter() - began)
        print(f"  {side:<9} {what:<12} {seconds[side, what][-1]:7.2f} s", flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as directory:
            server = DatabaseServer(Path(directory))
            for _ in range(arguments.rounds):
                _round(server, endpoint, arguments.keys, timed, naive=not arguments.no_naive)
            server.stop()
    finally:
        stub.kill()
        stub.wait()
    _print(seconds, arguments.keys)


def _round(
    server: DatabaseServer,
    endpoint: str,
    keys: int,
    timed: Callable[[str, str, Callable[[], int], int], None],
    *,
    naive: bool,
) -> None:
    database = server.database()
    direct = lambda: PostgresCatalog(database, table="images", description="bench")
    timed("Postgres", "first", lambda: asyncio.run(ours(direct, endpoint)), keys)
    _vacuum(database)
    timed("Postgres", "nothing new", lambda: asyncio.run(ours(direct, endpoint)), 0)
    server.drop(database)
    for side in ("REST", "naive") if naive else ("REST",):
        database = server.database()
        with SupabaseStack(database) as project:
            if side == "REST":
                rest = lambda: SupabaseCatalog(project.url, project.secret_key, table="images")
                work = lambda: asyncio.run(ours(rest, endpoint))  # noqa: B023
            else:
                work = lambda: naive_sync(_BUCKET, endpoint, project.url, project.secret_key)[1]
            timed(side, "first", work, keys)
            _vacuum(database)
            timed(side, "nothing new", work, 0)
        server.drop(database)


def _vacuum(database: str) -> None:
    # What autovacuum does within minutes; the same for all sides.
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("vacuum (analyze) images")


def _print(seconds: dict[tuple[str, str], list[float]], keys: int) -> None:
    median = {what: statistics.median(values) for what, values in seconds.items()}
    for (side, what), value in median.items():
        base, naive = median["Postgres", what], median.get(("naive", what))
        ratio = f"{base / value:5.0%} of Postgres" if side != "Postgres" else ""
        versus = f"{naive / value:5.1f} x naive" if naive else ""
        rate = f"{keys / value:>10,.0f} keys/s"
        print(f"{side:<9} {what:<12} {value:7.2f} s {rate}  {ratio:<16} {versus}")


if __name__ == "__main__":
    main()
