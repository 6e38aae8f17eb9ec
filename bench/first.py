"""The first sync, into an empty table: against a bare COPY and the naive loop."""

from __future__ import annotations

from measuring import Plan, Rounds, stub
from report import Goal, Section, at_least
from tables import Project, Tables, naive_sync, our_sync, supabase

_ROWS_PER_SECOND = 200_000


def measure(plan: Plan, tables: Tables) -> Section:
    """Each side fills a database of its own in each round."""
    rounds = Rounds(plan)
    with stub(plan, plan.keys) as bucket, stub(plan, plan.fewest) as few:
        for _ in range(plan.rounds):
            with tables.empty() as database:
                rounds.take("s3sync-tui", plan.keys, lambda: _ours(bucket.endpoint, database))
            rounds.take("bare COPY", plan.keys, lambda: tables.bare_copy(plan.keys))
            with tables.empty() as database, supabase(database) as project:
                rounds.take("naive loop", plan.fewest, lambda: _naive(few.endpoint, project))
    keys = {"s3sync-tui": plan.keys, "bare COPY": plan.keys, "naive loop": plan.fewest}
    rates = {side: count / rounds.median(side) for side, count in keys.items()}
    ours = rates["s3sync-tui"]
    share = 100 * ours / rates["bare COPY"]
    return Section(
        "First sync",
        "The whole run, in as many processes as the command takes (two here), into an empty table "
        "of a fresh database. Bare COPY: the same rows, ready "
        "made, into the same table with its indexes, one connection. Naive loop: `bench/naive.py` "
        f"through PostgREST, {plan.fewest:,} keys.",
        ["side", "keys", "seconds", "keys/s", "ours is"],
        [
            [side, f"{keys[side]:,}", f"{rounds.median(side):.2f}", f"{rate:,.0f}",
             "" if rate == ours else f"{ours / rate:.2f} x"]
            for side, rate in rates.items()
        ],
        [
            Goal(
                "first sync",
                f"{_ROWS_PER_SECOND // 1000}k rows/s, or 70 % of a bare COPY",
                f"{ours / 1000:.0f}k rows/s, {share:.0f} %",
                ours >= _ROWS_PER_SECOND or share >= 70,
            ),
            at_least("first sync, against the naive loop", ours / rates["naive loop"], 25, "x"),
        ],
    )  # fmt: skip


def _ours(endpoint: str, database: str) -> tuple[float, int]:
    run = our_sync(endpoint, database)
    return run["seconds"], run["added"]


def _naive(endpoint: str, project: Project) -> tuple[float, int]:
    run = naive_sync(endpoint, project)
    return run["seconds"], run["added"]
