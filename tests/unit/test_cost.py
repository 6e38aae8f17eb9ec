"""What listing costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from s3sync_tui.insight.cost import measure_cost
from s3sync_tui.model import RunRecord, RunStats, RunStatus

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)


def run(
    minutes_ago: float, requests: int = 1000, status: RunStatus = RunStatus.SUCCEEDED
) -> RunRecord:
    at = NOW - timedelta(minutes=minutes_ago)
    stats = RunStats(list_requests=requests, cost_usd=requests / 1000 * 0.005)
    return RunRecord(1, "b", "", "full", status, "h", at, at, at, stats, "", "", {})


def test_before_the_first_run_nothing_is_spent() -> None:
    cost = measure_cost([], now=NOW)
    assert (cost.last_run_usd, cost.month_usd, cost.projected_month_usd) == (None, 0.0, None)


def test_one_run_tells_no_pace() -> None:
    cost = measure_cost([run(1)], now=NOW)
    assert cost.last_run_usd == 0.005
    assert (cost.projected_month_usd, cost.seconds_between_runs) == (None, None)


def test_a_run_each_five_minutes_is_8640_a_month() -> None:
    cost = measure_cost([run(5 * n) for n in range(20)], now=NOW)
    assert cost.seconds_between_runs == 300
    assert cost.projected_month_usd == pytest.approx(8640 * 0.005)
    assert cost.month_usd == pytest.approx(0.1)


def test_of_delta_runs_one_each_day_is_full() -> None:
    deltas = [replace(run(5 * n, 50), mode="delta") for n in range(20)]
    mixed = measure_cost([*deltas, run(100, 10_000)], now=NOW)
    assert mixed.projected_month_usd == pytest.approx(8610 * 0.00025 + 30 * 0.05)
    before = measure_cost(deltas, last_full=run(60 * 20, 10_000), now=NOW)
    assert before.projected_month_usd == mixed.projected_month_usd
    assert before.seconds_between_runs == 300
    alone = measure_cost(deltas, now=NOW)
    assert alone.projected_month_usd == pytest.approx(8640 * 0.00025)
    seldom = [replace(run(0, 50), mode="delta"), run(60 * 24 * 10, 10_000)]
    assert measure_cost(seldom, now=NOW).projected_month_usd == pytest.approx(3 * 0.05)


def test_runs_by_hand_within_the_hour_tell_no_pace_but_a_schedule_does() -> None:
    by_hand = [run(0.2 * n) for n in range(6)]
    assert measure_cost(by_hand, now=NOW).projected_month_usd is None
    scheduled = measure_cost(by_hand, now=NOW, every_seconds=300)
    assert scheduled.projected_month_usd == pytest.approx(8640 * 0.005)
    assert scheduled.seconds_between_runs == 300


def test_the_price_and_the_months_sum_can_be_given() -> None:
    cost = measure_cost([run(5), run(65)], now=NOW, price=0.01, month_usd=3.5)
    assert cost.projected_month_usd == pytest.approx(720 * 0.01)
    assert cost.month_usd == 3.5


def test_old_runs_are_not_this_months_and_broken_ones_no_measure() -> None:
    runs = [run(0, 7, RunStatus.FAILED), run(60), run(120), run(60 * 24 * 40)]
    cost = measure_cost(runs, now=NOW)
    assert cost.month_usd == pytest.approx(0.010035)
    assert cost.projected_month_usd == pytest.approx(720 * 0.005)
    assert cost.last_run_usd == pytest.approx(0.000035)
