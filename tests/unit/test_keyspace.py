"""Keys as numbers: in order, and as far apart as the times that they tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.source.keyspace import KeySpace, home_of

NAME = st.one_of(
    st.text("ab0/é", max_size=6),
    st.datetimes().map(lambda at: f"{at:%Y/%m/%d/%H/%H%M%S}.jpg"),
    st.integers(0, 10**6).map(lambda n: f"IMG_{n}.jpg"),
    st.uuids().map(str),
)


@given(st.sets(NAME, min_size=1, max_size=60), st.sets(NAME, max_size=20))
def test_numbers_are_in_the_order_of_keys(seen: set[str], others: set[str]) -> None:
    space = KeySpace()
    space.learn(*sorted(seen))
    numbers = [space.number(key) for key in sorted(seen | others)]
    assert numbers == sorted(numbers)
    assert space.furthest == max(seen)


@given(st.sets(NAME, min_size=1, max_size=60), st.floats(0, 1))
def test_the_key_at_a_number_is_there(seen: set[str], share: float) -> None:
    space = KeySpace()
    space.learn(*sorted(seen))
    first, last = space.number(min(seen)), space.number(max(seen))
    number = first + int((last - first) * share)
    assert space.number(space.key(number)) >= number


@pytest.mark.parametrize("written", ["%Y%m%dT%H%M%S", "%Y/%m/%d/%H/%M%S", "%Y-%m-%d_%H-%M-%S"])
def test_days_are_as_long_in_numbers_as_each_other(written: str) -> None:
    start = datetime(2026, 11, 2, 0, 0, 1, tzinfo=UTC)
    space = KeySpace("cam/")
    space.learn(*(f"cam/{start + timedelta(seconds=20 * n):{written}}.jpg" for n in range(24)))
    hours = [f"cam/{start + timedelta(hours=n):{written}}.jpg" for n in range(240)]
    numbers = [space.number(key) for key in hours]
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    assert len(steps) == 1


@pytest.mark.parametrize(
    ("first", "last", "bound", "home"),
    [
        ("site/cam-1/2026/01/a.jpg", "site/cam-1/2026/01/b.jpg", "", "site/cam-1/"),
        ("site/cam-1/2026/01/a.jpg", "site/cam-2/2026/01/a.jpg", "site/", "site/"),
        ("a3/f9/1.jpg", "a3/fa/1.jpg", "", ""),
        ("a3/f9/1.jpg", "a3/fa/1.jpg", "a3/", "a3/"),
        ("1.jpg", "2.jpg", "0.jpg", ""),
    ],
)
def test_keys_are_at_home_in_the_deepest_folder_with_a_name(
    first: str, last: str, bound: str, home: str
) -> None:
    assert home_of(first, last, bound) == home
