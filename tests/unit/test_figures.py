"""Figures are readable, of steady width, and harmless."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from s3sync_tui.safe_text import safe
from s3sync_tui.tui import figures

NOW = datetime(2026, 11, 24, 14, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (742, "742"),
        (31_000, "31,000"),
        (99_949, "99,949"),
        (143_220, "143 k"),
        (999_600, "1.0 M"),
        (48_210_332, "48.2 M"),
        (148_210_332, "148 M"),
        (2_100_000_000, "2.1 G"),
    ],
)
def test_short_numbers(number: int, shown: str) -> None:
    assert figures.short(number) == shown


@given(st.integers(0, 10**11))
def test_short_numbers_are_short(number: int) -> None:
    assert len(figures.short(number)) <= 7


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0, "0/s"), (742.4, "742/s"), (1_800, "1.8k/s"), (412_311, "412k/s"), (1.9e6, "1.9M/s")],
)
def test_speeds(rate: float, shown: str) -> None:
    assert figures.speed(rate) == shown


@given(st.floats(0, 1e9))
def test_speeds_are_short(rate: float) -> None:
    assert len(figures.speed(rate)) <= 6


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (3.21, "3.2 s"),
        (42.4, "42 s"),
        (59.7, "1 min 00 s"),
        (72, "1 min 12 s"),
        (7_500, "2 h 05 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert figures.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1, "just now"),
        (12, "12 s ago"),
        (126, "2 min ago"),
        (3 * 3600, "3 h ago"),
        (30 * 3600, "30 h ago"),
        (5 * 86_400, "5 d ago"),
        (800 * 86_400, "2 years ago"),
    ],
)
def test_times_are_told_relative_to_now(seconds: int, shown: str) -> None:
    assert figures.ago(NOW - timedelta(seconds=seconds), NOW) == shown


def test_moments_name_the_day_when_it_is_another() -> None:
    assert figures.moment(NOW - timedelta(minutes=2), NOW) == "14:03:30"
    assert figures.moment(NOW - timedelta(days=20), NOW) == " 4 Nov 14:05"
    assert figures.moment(NOW - timedelta(days=400), NOW) == "2025-10-20"


def test_countdowns() -> None:
    assert figures.countdown(NOW + timedelta(seconds=12), NOW) == "0:12"
    assert figures.countdown(NOW + timedelta(seconds=3672), NOW) == "1:01:12"
    assert figures.countdown(NOW - timedelta(seconds=5), NOW) == "0:00"


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0, "$0.00"), (0.0004, "<$0.001"), (0.006, "$0.006"), (1.94, "$1.94"), (1204.4, "$1,204")],
)
def test_money(usd: float, shown: str) -> None:
    assert figures.money(usd) == shown


def test_only_what_is_done_is_100_percent() -> None:
    assert figures.percent(0.9999) == " 99 %"
    assert figures.percent(1.0) == "100 %"


@given(st.text(), st.integers(0, 40))
def test_what_is_cut_fits_and_says_so(text: str, cells: int) -> None:
    shown = safe(text)
    fitted = figures.fit(shown, cells)
    assert cell_len(fitted) <= cells
    assert fitted == shown or not cells or fitted.endswith("…")
    assert cell_len(figures.left(shown, cells)) == cells
    assert cell_len(figures.right(shown, cells)) == cells


@given(st.lists(st.floats(0, 1e12), max_size=80), st.integers(0, 60))
def test_sparklines_fill_their_width(values: list[float], cells: int) -> None:
    line = figures.sparkline(values, cells)
    assert len(line) == (cells if values else 0)


@given(st.floats(-1, 2), st.integers(0, 200))
def test_bars_fill_their_width(share: float, cells: int) -> None:
    full, rest = figures.bar(share, cells)
    assert len(full) + len(rest) == cells


def test_the_quota_gives_the_unit() -> None:
    assert figures.used_of(21.4e9, 25e9) == "21.4 / 25 GB"
    assert figures.used_of(8.4e6, 8e9) == "0.01 / 8 GB"
