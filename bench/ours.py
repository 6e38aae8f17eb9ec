"""Our own sides, each in a process of its own; prints JSON.

    python bench/ours.py list --concurrency 64
    python bench/ours.py sync --processes 1
    python bench/ours.py cuts --parts 128

Settings come from the environment, as with the command. The clock runs from the making of source
and catalog until they are closed; Python's own start and the imports are left to the section on
start-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from s3sync_tui.connect import Opener, make_source, open_catalog, sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import BucketError
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.source.ranges import Listing

for module in ("catalog.postgres", "catalog.supabase", "source.s3"):
    import_module(f"s3sync_tui.{module}")  # the command does it late; here, no clock runs yet


async def listed(settings: Settings, concurrency: int, cuts: list[str]) -> dict[str, Any]:
    """List everything, and keep nothing."""
    found = 0

    async def deliver(page: ObjectPage) -> None:
        nonlocal found
        found += len(page.images)

    def failed(span: KeyRange, error: BucketError) -> None:
        raise SystemExit(f"{span}: {error}")

    settings = settings.model_copy(update={"list_concurrency": concurrency})
    async with make_source(settings) as source:
        await source.open()
        if concurrency > 1 and not cuts:  # as the engine does
            cuts = await source.split_points(KeyRange(), concurrency)
        await Listing(
            source,
            KeyRange().split(cuts),
            concurrency=concurrency,
            deliver=deliver,
            failed=failed,
        ).run()
        return {"keys": found, "list_requests": source.list_requests}


async def synced(settings: Settings, processes: int | None) -> dict[str, Any]:
    """One run; in as many processes as the command would take, or in so many."""
    settings = settings.model_copy(update={"processes": processes})
    async with make_source(settings) as source, open_catalog(settings) as catalog:
        options = sync_options(settings, dry_run=False)
        result = await sync(source, catalog, options, lambda _: None, opener=Opener(settings))
    if result.error:
        raise SystemExit(result.error)
    stats = result.stats
    return {
        "keys": stats.total,
        "added": stats.added,
        "list_requests": stats.list_requests,
        "mode": result.mode,
    }


async def cut_points(settings: Settings, parts: int) -> list[str]:
    """Where the statistics of the table cut the key space."""
    async with open_catalog(settings) as catalog:
        return await catalog.split_points(KeyRange(), parts)


def main() -> None:
    """Do one thing, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["list", "sync", "cuts"])
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--processes", type=int, help="default: as the command")
    parser.add_argument("--parts", type=int, default=64, help="how many ranges to cut")
    parser.add_argument("--cuts", type=Path, help="a JSON file with keys that cut the key space")
    given = parser.parse_args()
    settings = load_settings(
        {}, environ=os.environ, config=Path(os.devnull), directory=Path.cwd()
    ).settings
    began, cpu = time.perf_counter(), time.process_time()
    if given.what == "cuts":
        print(json.dumps(asyncio.run(cut_points(settings, given.parts))))
        return
    if given.what == "list":
        cuts = json.loads(given.cuts.read_text()) if given.cuts else []
        found = asyncio.run(listed(settings, given.concurrency, cuts))
    else:
        found = asyncio.run(synced(settings, given.processes))
    found["seconds"] = time.perf_counter() - began
    found["cpu_seconds"] = time.process_time() - cpu
    print(json.dumps(found))


if __name__ == "__main__":
    main()
