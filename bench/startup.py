"""Start-up: CPU time of the command where there is next to nothing to do."""

from __future__ import annotations

from statistics import median

from measuring import Plan, Usage, command, stub
from report import Section, at_most
from tables import Tables

_STARTS = 10


def measure(plan: Plan, tables: Tables) -> Section:
    """Starts of both, in turn."""
    versions, syncs = list[Usage](), list[Usage]()
    with stub(plan, 1000) as bucket, tables.empty() as database:
        environ = {"AWS_ENDPOINT_URL_S3": bucket.endpoint, "DATABASE_URL": database}
        command("--once", "--quiet", **environ)  # fills the table, and the disk's cache
        for _ in range(_STARTS):
            versions.append(command("--version"))
            syncs.append(command("--once", "--quiet", **environ))
    sides = {"s3sync-tui --version": (versions, 0.15), "s3sync-tui --once": (syncs, 0.7)}
    cpu = {side: median(run.cpu_seconds for run in runs) for side, (runs, _) in sides.items()}
    return Section(
        "Start-up",
        f"Medians of {_STARTS} starts; `--once` has nothing new to find in 1,000 keys, on a "
        "running Postgres. CPU seconds, user and system, of all its threads.",
        ["command", "CPU seconds", "seconds"],
        [
            [side, f"{cpu[side]:.3f}", f"{median(run.wall_seconds for run in runs):.3f}"]
            for side, (runs, _) in sides.items()
        ],
        [at_most(f"{side}, CPU", cpu[side], goal, "s") for side, (_, goal) in sides.items()],
    )
