"""Peak memory of the command, for buckets of different sizes."""

from __future__ import annotations

from measuring import Plan, command, stub
from report import Section, at_most
from tables import Tables


def measure(plan: Plan, tables: Tables) -> Section:
    """First syncs: the most that a run ever holds."""
    peaks, rows = list[float](), list[list[str]]()
    for keys in (plan.keys, plan.many):
        with stub(plan, keys) as bucket, tables.empty() as database:
            run = command(
                "--once", "--json", AWS_ENDPOINT_URL_S3=bucket.endpoint, DATABASE_URL=database
            )
        if run.document["added"] != keys:
            raise SystemExit(f"{run.document['added']} added, not {keys}")
        peaks.append(run.peak_mb)
        rows.append([f"{keys:,}", f"{run.peak_mb:.1f}", f"{run.wall_seconds:.1f}"])
        plan.say(f"{keys:,} keys: {run.peak_mb:.1f} MB, {run.wall_seconds:.1f} s")
    growth = 100 * (peaks[1] / peaks[0] - 1)
    return Section(
        "Memory",
        "First syncs by `s3sync-tui --once`, resident memory at its peak (of the largest process, "
        "where there are several). One run each.",
        ["keys", "peak, MB", "seconds"],
        rows,
        [
            at_most(f"peak memory, {plan.many:,} keys against {plan.keys:,}", growth, 10, "% more"),
            at_most("peak memory", max(peaks), 150, "MB"),
        ],
    )
