"""A sync that finds nothing new: against listing alone and the naive loop."""

from __future__ import annotations

from measuring import Plan, Rounds, our_listing, stub
from relay import relayed
from report import Section, at_least, at_most
from tables import Project, Tables, naive_sync, our_sync, supabase

_ALONE = "s3sync-tui, one process"


def measure(plan: Plan, tables: Tables) -> Section:
    """All sides on the same filled databases, which they leave as they are."""
    rounds = Rounds(plan)
    with (
        stub(plan, plan.keys) as bucket,
        stub(plan, plan.fewest) as few,
        tables.empty() as database,
        tables.empty() as small,
        supabase(small) as project,
    ):
        tables.fill(database, plan.keys)
        tables.fill(small, plan.fewest)
        for _ in range(plan.rounds):
            rounds.take("listing alone", plan.keys, lambda: _listing(bucket.endpoint))
            rounds.take("s3sync-tui", plan.keys, lambda: _ours(bucket.endpoint, database))
            rounds.take(_ALONE, plan.keys, lambda: _ours(bucket.endpoint, database, processes=1))
            rounds.take("naive loop", plan.fewest, lambda: _naive(few.endpoint, project))
        with relayed(database) as (conninfo, relay):
            _ours(bucket.endpoint, conninfo)
    keys = {
        "listing alone": plan.keys,
        "s3sync-tui": plan.keys,
        _ALONE: plan.keys,
        "naive loop": plan.fewest,
    }
    rates = {side: count / rounds.median(side) for side, count in keys.items()}
    ours = rates["s3sync-tui"]
    return Section(
        "Nothing new",
        f"{plan.keys:,} keys that the vacuumed table holds already; a full run, in as many "
        "processes as the command takes (two here), and in one. Listing alone: the same source "
        "and lister in one process, pages thrown away. Naive loop: "
        f"{plan.fewest:,} keys, through PostgREST. A relay counted {relay.bytes_up:,} bytes from "
        "us to the database, in a run of its own.",
        ["side", "keys", "seconds", "keys/s", "ours is"],
        [
            [side, f"{keys[side]:,}", f"{rounds.median(side):.2f}", f"{rate:,.0f}",
             "" if rate == ours else f"{ours / rate:.2f} x"]
            for side, rate in rates.items()
        ],
        [
            at_most("nothing new, time against listing alone, both in one process",
                    rates["listing alone"] / rates[_ALONE], 1.25, "x"),
            at_least("nothing new, against the naive loop", ours / rates["naive loop"], 40, "x"),
            at_most("nothing new, sent to the database", relay.bytes_up / plan.keys, 1,
                    "bytes per key"),
        ],
    )  # fmt: skip


def _listing(endpoint: str) -> tuple[float, int]:
    run = our_listing(endpoint)
    return run["seconds"], run["keys"]


def _ours(endpoint: str, database: str, processes: int | None = None) -> tuple[float, int]:
    run = our_sync(endpoint, database, processes=processes)
    if run["added"]:
        raise SystemExit(f"{run['added']} rows were added, where there was nothing new")
    return run["seconds"], run["keys"]


def _naive(endpoint: str, project: Project) -> tuple[float, int]:
    run = naive_sync(endpoint, project)
    return run["seconds"], run["keys"] - run["added"]
