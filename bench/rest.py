"""The same syncs through PostgREST, against those through a Postgres connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from measuring import Plan, Rounds, stub
from report import Section, at_least
from tables import Tables, our_sync, our_sync_over_rest, supabase, vacuum

_GOALS = {"first sync": 60, "nothing new": 80}


def measure(plan: Plan, tables: Tables) -> Section:
    """Both ways, a fresh database for each in each round."""
    rounds = Rounds(plan)

    def both(side: str, database: str, run: Callable[[], Any]) -> None:
        rounds.take(f"{side}, first sync", plan.keys, lambda: _added(run()))
        vacuum(database)
        rounds.take(f"{side}, nothing new", plan.keys, lambda: _skipped(run()))

    with stub(plan, plan.keys) as bucket:
        for _ in range(plan.rounds):
            with tables.empty() as database:
                both("Postgres", database, lambda: our_sync(bucket.endpoint, database))
            with tables.empty() as database, supabase(database) as project:
                both("REST", database, lambda: our_sync_over_rest(bucket.endpoint, project))
    shares = {
        what: 100 * rounds.median(f"Postgres, {what}") / rounds.median(f"REST, {what}")
        for what in _GOALS
    }
    return Section(
        "Through PostgREST",
        f"{plan.keys:,} keys, the whole run by each transport; PostgREST 12 with ten connections "
        "behind the tests' gateway, which is Python and takes its part of the two cores.",
        ["what", "Postgres, seconds", "REST, seconds", "REST is"],
        [
            [what, f"{rounds.median(f'Postgres, {what}'):.2f}",
             f"{rounds.median(f'REST, {what}'):.2f}", f"{share:.0f} %"]
            for what, share in shares.items()
        ],
        [
            at_least(f"{what}, PostgREST of Postgres", share, _GOALS[what],
                     "%")
            for what, share in shares.items()
        ],
    )  # fmt: skip


def _added(run: Any) -> tuple[float, int]:
    return run["seconds"], run["added"]


def _skipped(run: Any) -> tuple[float, int]:
    return run["seconds"], run["keys"] - run["added"]
