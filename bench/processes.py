"""Listing in more than one process: the command, with nothing to write."""

from __future__ import annotations

from functools import partial

from measuring import Plan, Rounds, command, stub
from report import Section, at_least
from tables import Tables


def measure(plan: Plan, tables: Tables) -> Section:
    """One process against two."""
    rounds = Rounds(plan)
    with stub(plan, plan.keys) as bucket, tables.empty() as database:
        for _ in range(plan.rounds):
            for processes in (1, 2):
                rounds.take(
                    f"{processes}",
                    plan.keys,
                    partial(ours_with_processes, bucket.endpoint, database, processes),
                )
    ratio = rounds.median("1") / rounds.median("2")
    return Section(
        "Listing, one and two processes",
        "`s3sync-tui --once --dry-run --processes N` of an empty table, by the run's own clock; "
        "the stub and Postgres share the cores with them.",
        ["processes", "seconds", "keys/s"],
        [
            [side, f"{rounds.median(side):.2f}", f"{plan.keys / rounds.median(side):,.0f}"]
            for side in rounds.seconds
        ],
        [at_least("listing, two processes against one", ratio, 1.5, "x")],
    )


def ours_with_processes(endpoint: str, database: str, processes: int) -> tuple[float, int]:
    """List with so many processes, each in a core if it gets one; nothing is written."""
    said = command(
        "--once", "--dry-run", "--json", f"--processes={processes}",
        AWS_ENDPOINT_URL_S3=endpoint, DATABASE_URL=database,
    ).document  # fmt: skip
    return said["duration_seconds"], said["total"]
