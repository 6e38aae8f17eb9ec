"""The demo's images: a past that looks like one, and a present that grows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from s3sync_tui.demo.cameras import PAST, Cameras, key_of

BEGAN = datetime(2026, 11, 24, 13, 7, tzinfo=UTC)


def test_the_past_lies_in_the_last_two_weeks_and_is_busier_by_day() -> None:
    cameras = Cameras(2_000, 3_600, BEGAN)
    taken = [cameras.taken_at(number) for number in range(2_000)]
    assert taken == sorted(taken)
    assert taken[0] >= BEGAN - PAST
    assert taken[-1] < BEGAN
    assert len(Counter(at.date() for at in taken)) >= PAST.days
    hours = Counter(at.astimezone().hour for at in taken)
    assert hours[12] > 2 * hours[2]


def test_from_then_on_it_grows_at_its_rate() -> None:
    cameras = Cameras(2_000, 3_600, BEGAN)
    assert cameras.count(BEGAN) == 2_000
    assert cameras.count(BEGAN + timedelta(minutes=2)) == 2_120
    assert cameras.taken_at(2_060) == BEGAN + timedelta(minutes=1)


def test_every_image_has_a_key_of_its_own() -> None:
    assert len({key_of(number, BEGAN) for number in range(5_000)}) == 5_000
