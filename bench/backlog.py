"""Many new keys into a table that holds nine times as many already."""

from __future__ import annotations

from typing import Any

from measuring import Plan, Rounds, stub
from report import Section, at_least
from tables import Tables, our_sync, our_sync_over_rest, supabase, vacuum

_OURS, _REST, _BARE = "s3sync-tui", "s3sync-tui over PostgREST", "COPY, INSERT … ON CONFLICT"


def measure(plan: Plan, tables: Tables) -> Section:
    """Each side gets a copy of the same filled database in each round."""
    rounds, new, modes = Rounds(plan), plan.many // 10, set[str]()

    def added(run: Any) -> tuple[float, int]:
        modes.add(run["mode"])
        return run["seconds"], run["added"]

    with stub(plan, plan.many, new=new) as bucket, tables.empty() as held:
        tables.fill(held, plan.many, without=new)
        plan.say(f"(a run before: {our_sync(bucket.endpoint, held)})")
        vacuum(held)
        bucket.grow()
        for _ in range(plan.rounds):
            with tables.copy_of(held) as database:
                rounds.take(
                    _OURS, new, lambda: added(our_sync(bucket.endpoint, database, mode="auto"))
                )
            with tables.copy_of(held) as database:
                rounds.take(_BARE, new, lambda: tables.bare_staged_copy(database, plan.many, new))
            with tables.copy_of(held) as database, supabase(database) as project:
                rounds.take(
                    _REST,
                    new,
                    lambda: added(our_sync_over_rest(bucket.endpoint, project, mode="auto")),
                )
    seconds = {side: rounds.median(side) for side in rounds.seconds}
    what = f"{new:,} new keys over {plan.many - new:,}"
    return Section(
        "A large backlog",
        f"{new:,} new keys of 50 cameras in a bucket of {plan.many:,}; the table holds the others, "
        "and one full run has found nothing new before. Ours: the whole run (mode auto, which was "
        f"{', '.join(sorted(modes))}). Against it: the new rows, ready made, by COPY into a "
        "temporary table and INSERT … ON CONFLICT DO NOTHING, one connection.",
        ["side", "seconds", "new keys/s"],
        [[side, f"{took:.2f}", f"{new / took:,.0f}"] for side, took in seconds.items()],
        [
            at_least(
                f"{what}, against a bare staged COPY",
                100 * seconds[_BARE] / seconds[_OURS],
                75,
                "%",
            ),
            at_least(
                f"{what}, PostgREST of Postgres", 100 * seconds[_OURS] / seconds[_REST], 60, "%"
            ),
        ],
    )
