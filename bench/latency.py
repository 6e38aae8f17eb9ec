"""Listing at 60 ms a request: parallel ranges against one request after another.

By the lister in one process, and by the command in as many as it takes; the latter finds nothing
or everything in the table, and writes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from layouts import LAYOUTS
from measuring import Plan, Rounds, child, command, our_listing, stub
from report import Goal, Section, at_least, at_most
from tables import Tables

_LATENCY_MS = 60
_STREAMS = 64
"""The command's default."""
_ONE_BY_ONE, _UNKNOWN, _KNOWN = "one after another", "unknown", "known"
_COMMAND = ", the command"
_GOALS = {
    _UNKNOWN: (25, 5),
    _UNKNOWN + _COMMAND: (25, 5),
    _KNOWN: (40, 3),
    _KNOWN + _COMMAND: (40, 3),
}
"""At least so much faster, at most so many percent more requests."""


def measure(plan: Plan, tables: Tables) -> Section:
    """All layouts, with and without the table's statistics."""
    rows: list[list[str]] = []
    goals: list[Goal] = []
    for layout in LAYOUTS:
        some_rows, some_goals = _measure(plan, tables, layout)
        rows += some_rows
        goals += some_goals
    return Section(
        f"Listing at {_LATENCY_MS} ms a request",
        f"{plan.keys:,} keys, {_STREAMS} requests in flight. One after another is our own source "
        f"with one request in flight, on {plan.few:,} keys of the same layout (boto3's paginator "
        "adds its parsing to that). Unknown: nothing known of the keys; what the engine then asks "
        "the bucket first is within time and requests. Known: the ranges cut by the statistics of "
        "a table with the same keys, asked for before the clock starts. Both by the lister in one "
        "process, and by the command's own clock: `s3sync-tui --once --dry-run --full`, in as many "
        "processes as it takes (two here), which compares all of an empty table, or of one that "
        "holds everything. Requests more: than one for each 1,000 keys.",
        ["layout", "side", "seconds", "keys/s", "against one after another", "requests more"],
        rows,
        goals,
    )


def _measure(plan: Plan, tables: Tables, layout: str) -> tuple[list[list[str]], list[Goal]]:
    rounds, requests = Rounds(plan), dict[str, list[int]]()
    cuts = plan.directory / f"cuts-{layout}.json"

    def run(side: str, look: Callable[[], tuple[float, int, int]]) -> tuple[float, int]:
        seconds, keys, asked = look()
        requests.setdefault(side, []).append(asked)
        return seconds, keys

    with (
        stub(plan, plan.keys, layout, latency_ms=_LATENCY_MS) as bucket,
        stub(plan, plan.few, layout, latency_ms=_LATENCY_MS) as few,
        tables.empty() as empty,
        tables.empty() as full,
    ):
        tables.fill(full, plan.keys, layout)
        found = child("ours.py", "cuts", f"--parts={2 * _STREAMS}", DATABASE_URL=full)
        cuts.write_text(json.dumps(found))
        sides: dict[str, Callable[[], tuple[float, int, int]]] = {
            _ONE_BY_ONE: lambda: _listing(few.endpoint, 1, None),
            _UNKNOWN: lambda: _listing(bucket.endpoint, _STREAMS, None),
            _UNKNOWN + _COMMAND: lambda: _command(bucket.endpoint, empty),
            _KNOWN: lambda: _listing(bucket.endpoint, _STREAMS, cuts),
            _KNOWN + _COMMAND: lambda: _command(bucket.endpoint, full),
        }
        for _ in range(plan.rounds):
            for side, look in sides.items():
                count = plan.few if side == _ONE_BY_ONE else plan.keys
                rounds.take(f"{layout}, {side}", count, partial(run, side, look))
    rows, goals = [], []
    slow = plan.few / rounds.median(f"{layout}, {_ONE_BY_ONE}")
    for side in sides:
        count = plan.few if side == _ONE_BY_ONE else plan.keys
        rate = count / rounds.median(f"{layout}, {side}")
        extra = 100 * (median(requests[side]) / math.ceil(count / 1000) - 1)
        rows.append(
            [layout, side, f"{count / rate:.2f}", f"{rate:,.0f}", f"{rate / slow:.1f} x",
             f"{extra:.1f} %"]
        )  # fmt: skip
        if side in _GOALS:
            faster, more = _GOALS[side]
            what = f"listing at {_LATENCY_MS} ms, {layout}, {side}"
            goals.append(at_least(f"{what}, against one after another", rate / slow, faster, "x"))
            goals.append(at_most(f"{what}, LIST requests more", extra, more, "%"))
    return rows, goals


def _listing(endpoint: str, streams: int, cuts: Path | None) -> tuple[float, int, int]:
    listed = our_listing(endpoint, concurrency=streams, cuts=cuts)
    return listed["seconds"], listed["keys"], listed["list_requests"]


def _command(endpoint: str, database: str) -> tuple[float, int, int]:
    said = command(
        "--once", "--dry-run", "--full", "--json",
        AWS_ENDPOINT_URL_S3=endpoint, DATABASE_URL=database,
    ).document  # fmt: skip
    return said["duration_seconds"], said["total"], said["list_requests"]
