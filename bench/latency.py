"""Listing at 60 ms a request: parallel ranges against one request after another."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from statistics import median

from layouts import LAYOUTS
from measuring import Plan, Rounds, child, our_listing, stub
from report import Goal, Section, at_least, at_most
from tables import Tables

_LATENCY_MS = 60
_UNKNOWN, _KNOWN = 32, 64
"""Streams, for key spaces unknown and known."""


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
        f"{plan.keys:,} keys. One after another is our own source with one request in flight, on "
        f"{plan.few:,} keys of the same layout (boto3's paginator adds its parsing to that). "
        f"Unknown: {_UNKNOWN} streams, nothing known of the keys; what the engine then asks the "
        f"bucket first is within time and requests. Known: {_KNOWN} streams, the ranges cut by the "
        "statistics of a table with the same keys, asked for before the clock starts. Requests "
        "more: than one for each 1,000 keys.",
        ["layout", "side", "seconds", "keys/s", "against one after another", "requests more"],
        rows,
        goals,
    )


def _measure(plan: Plan, tables: Tables, layout: str) -> tuple[list[list[str]], list[Goal]]:
    rounds, requests = Rounds(plan), dict[str, list[int]]()
    cuts = plan.directory / f"cuts-{layout}.json"
    with tables.empty() as database:
        tables.fill(database, plan.keys, layout)
        found = child("ours.py", "cuts", f"--parts={2 * _KNOWN}", DATABASE_URL=database)
        cuts.write_text(json.dumps(found))

    def run(side: str, endpoint: str, streams: int, known: Path | None) -> tuple[float, int]:
        listed = our_listing(endpoint, concurrency=streams, cuts=known)
        requests.setdefault(side, []).append(listed["list_requests"])
        return listed["seconds"], listed["keys"]

    with (
        stub(plan, plan.keys, layout, latency_ms=_LATENCY_MS) as bucket,
        stub(plan, plan.few, layout, latency_ms=_LATENCY_MS) as few,
    ):
        for _ in range(plan.rounds):
            for side, count, streams, known in (
                ("one after another", plan.few, 1, None),
                ("unknown", plan.keys, _UNKNOWN, None),
                ("known", plan.keys, _KNOWN, cuts),
            ):
                at = few if count == plan.few else bucket
                rounds.take(
                    f"{layout}, {side}", count,
                    partial(run, side, at.endpoint, streams, known),
                )  # fmt: skip
    slow = plan.few / rounds.median(f"{layout}, one after another")
    rows, goals = [], []
    for side, faster, more in (("one after another", 0, 0), ("unknown", 25, 5), ("known", 40, 3)):
        count = plan.keys if faster else plan.few
        rate = count / rounds.median(f"{layout}, {side}")
        extra = 100 * (median(requests[side]) / math.ceil(count / 1000) - 1)
        rows.append(
            [layout, side, f"{count / rate:.2f}", f"{rate:,.0f}", f"{rate / slow:.1f} x",
             f"{extra:.1f} %"]
        )  # fmt: skip
        if faster:
            what = f"listing at {_LATENCY_MS} ms, {layout}, {side} key space"
            goals.append(at_least(f"{what}, against one after another", rate / slow, faster, "x"))
            goals.append(at_most(f"{what}, LIST requests more", extra, more, "%"))
    return rows, goals
