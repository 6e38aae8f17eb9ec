"""What listing costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import fmean, median

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import RunMode, RunRecord, RunStatus

_RECENT_RUNS = 50
_MONTH = timedelta(days=30)
_LEAST_SPAN = timedelta(hours=1)
"""Runs that came within less are runs by hand: no month can be told from their pace."""


@dataclass(frozen=True, slots=True)
class Cost:
    """LIST requests in money. Prices: https://aws.amazon.com/s3/pricing/ (USD 0.005 for
    1,000 LIST requests in us-east-1)."""

    last_run_usd: float | None
    month_usd: float
    """Spent in the last 30 days."""
    projected_month_usd: float | None
    """For 30 days, at the pace and the price of the recent runs; None while they are too few
    or too close together to have a pace."""
    seconds_between_runs: float | None
    """As scheduled, else the median of the recent runs; None where there is no pace."""


async def catalog_cost(
    catalog: Catalog, *, price: float | None = None, every_seconds: float | None = None
) -> Cost:
    """What listing for this catalog costs; see :func:`measure_cost`."""
    history = await catalog.history(_RECENT_RUNS)
    return measure_cost(
        history.runs,
        last_full=history.last_full,
        now=history.at,
        price=price,
        month_usd=history.month_cost_usd,
        every_seconds=every_seconds,
    )


def measure_cost(
    runs: Sequence[RunRecord],
    *,
    now: datetime,
    last_full: RunRecord | None = None,
    price: float | None = None,
    month_usd: float | None = None,
    every_seconds: float | None = None,
) -> Cost:
    """From ``runs`` in any order; projected from the newest 50 of them.

    ``last_full`` is for callers whose ``runs`` may all be delta runs, for a run each day is
    a full one all the same. ``price`` is USD per 1,000 LIST requests from now on; without
    it, each run's own price counts. ``month_usd`` is what the last 30 days cost, for callers
    whose ``runs`` do not reach back that far. ``every_seconds`` is how often runs are meant
    to come; without it, past runs tell.
    """
    newest = sorted(runs, key=lambda run: run.started_at, reverse=True)
    ended = [run for run in newest if run.status is not RunStatus.RUNNING]
    if month_usd is None:
        month_usd = sum(run.stats.cost_usd for run in newest if now - run.started_at <= _MONTH)
    recent = newest[:_RECENT_RUNS]
    spacing = every_seconds
    if spacing is None and recent and now - recent[-1].started_at >= _LEAST_SPAN:
        spacing = seconds_between([run.started_at for run in recent])
    # A run that broke off asked for less than a whole one does.
    whole = [run for run in ended[:_RECENT_RUNS] if run.status is RunStatus.SUCCEEDED]
    if last_full is not None and all(run.mode == RunMode.DELTA for run in whole):
        whole.append(last_full)
    projected = _projected(whole, price, _MONTH.total_seconds() / spacing) if spacing else None
    return Cost(
        last_run_usd=ended[0].stats.cost_usd if ended else None,
        month_usd=month_usd,
        projected_month_usd=projected,
        seconds_between_runs=spacing,
    )


def _projected(runs: Sequence[RunRecord], price: float | None, number: float) -> float | None:
    """What ``number`` runs like these cost in a month. Where there are delta runs, a run
    each day is a full one: the last 50 have hardly ever their share of both."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    for run in runs:
        usd = run.stats.cost_usd if price is None else run.stats.list_requests / 1000 * price
        costs[run.mode == RunMode.DELTA].append(usd)
    deltas, fulls = costs[True], costs[False]
    if not (deltas and fulls):
        return fmean(deltas or fulls) * number if runs else None
    full = min(number, _MONTH.days)
    return fmean(fulls) * full + fmean(deltas) * (number - full)


def seconds_between(starts: Sequence[datetime]) -> float | None:
    """The median time from one run's start to the next's; None before the second."""
    ordered = sorted(starts)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(ordered)]
    return median(gaps) if gaps else None
