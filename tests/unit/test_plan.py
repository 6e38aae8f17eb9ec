"""How ranges are cut: in a few rounds, at few requests too many, with an honest look ahead."""

from __future__ import annotations

import pickle
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from s3sync_tui.model import KeyRange, ObjectPage, Rows
from s3sync_tui.source.plan import Part, Plan

PAGES = 1_000
PAGE = 100
"""Keys in a page; a tenth of S3's, so that the buckets are a tenth as large."""


def moments(count: int, seconds: float) -> Iterator[datetime]:
    start = datetime(2026, 11, 20, 18, 53, 20, tzinfo=UTC)
    return (start + timedelta(seconds=seconds * i) for i in range(count))


def camera(count: int) -> list[str]:
    """Fifty folders, as long one as the other, with days and hours in them."""
    each = [f"{at:%Y/%m/%d/%H/%H%M%S}_{at:%f}.jpg" for at in moments(count // 50, 20)]
    return [f"cam-{n:02}/{name}" for n in range(50) for name in each]


def stamps(count: int) -> list[str]:
    """Flat, by time."""
    return [f"{at:%Y%m%dT%H%M%S}_{at:%f}.jpg" for at in moments(count, 4)]


def uuids(count: int) -> list[str]:
    """Flat, and in no order."""
    draw = random.Random(1)
    return sorted(f"{UUID(int=draw.getrandbits(128), version=4)}.jpg" for _ in range(count))


def skewed(count: int) -> list[str]:
    """Two hundred folders, the largest twice as large as the next."""
    draw = random.Random(2)
    sizes = [1 / rank for rank in range(1, 201)]
    draw.shuffle(sizes)
    return sorted(
        f"kestrel-{n:03}/{draw.getrandbits(48):012x}.jpg"
        for n, size in enumerate(sizes)
        for _ in range(int(size * count / sum(sizes)))
    )


LAYOUTS = [camera, stamps, uuids, skewed]


def folders(keys: list[str]) -> list[str]:
    return sorted({key[: key.index("/") + 1] for key in keys if "/" in key})


class Bucket:
    """Lists as many pages at once as a plan gives out; what is under way does not know of cuts."""

    def __init__(self, keys: list[str], spans: list[KeyRange], streams: int) -> None:
        self.keys = keys
        self.plan = Plan(spans, streams)
        self.streams = streams
        self.requests = 0
        self.listed: list[str] = []
        self.foreseen: list[tuple[float, float]] = []
        """After each round: the share of the keys that was listed, and how many pages were
        thought to be left, against what there was."""

    def run(self) -> int:
        """List all of it; the number of rounds that it takes."""
        rounds = 0
        at_work: list[Part] = []
        while not self.plan.is_over:
            rounds += 1
            while len(at_work) < self.streams and (part := self.plan.next()) is not None:
                at_work.append(part)
            for part, page in [(part, self._page(part)) for part in at_work]:
                self._list(part, page)
            for part in [part for part in at_work if part.after >= part.up_to]:
                at_work.remove(part)
                self.plan.finished(part)
            left = (len(self.keys) - len(self.listed)) / PAGE
            share = len(self.listed) / max(1, len(self.keys))
            self.foreseen.append((share, (self.plan.pages_left() + 1) / (left + 1)))
        return rounds

    def _page(self, part: Part) -> tuple[KeyRange, list[str]]:
        self.requests += 1
        at = bisect_right(self.keys, part.after)
        keys = self.keys[at : at + PAGE]
        if len(keys) < PAGE or keys[-1] >= part.up_to:
            return KeyRange(part.after, part.up_to), keys[: bisect_right(keys, part.up_to)]
        return KeyRange(part.after, keys[-1]), keys

    def _list(self, part: Part, page: tuple[KeyRange, list[str]]) -> None:
        span, keys = page
        if span.up_to > part.up_to:  # it was cut meanwhile
            span, keys = KeyRange(span.after, part.up_to), keys[: bisect_right(keys, part.up_to)]
        self.listed += keys
        self.plan.listed(part, ObjectPage(span, Rows(keys, keys, [], keys), [], [], 1))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_nothing_is_known_of_is_soon_listed_by_many_at_few_requests_more(
    layout: Callable[[int], list[str]],
) -> None:
    keys = layout(PAGES * PAGE)
    bucket = Bucket(keys, KeyRange().split(folders(keys)), 64)
    assert bucket.run() <= PAGES / 25
    assert sorted(bucket.listed) == keys
    assert bucket.requests <= 1.055 * PAGES


@pytest.mark.parametrize("layout", LAYOUTS)
def test_with_a_histogram_64_list_40_times_as_fast_at_3_percent_more(
    layout: Callable[[int], list[str]],
) -> None:
    keys = layout(PAGES * PAGE)
    sample = sorted(random.Random(3).sample(keys, 30_000))
    cuts = [*sample[:: len(sample) // 100], sample[-1]]
    bucket = Bucket(keys, KeyRange().split(cuts), 64)
    assert bucket.run() <= PAGES / 40
    assert sorted(bucket.listed) == keys
    assert bucket.requests <= 1.03 * PAGES


@pytest.mark.parametrize("layout", LAYOUTS)
def test_half_way_it_is_known_about_how_much_is_left_and_in_the_end_that_it_is_nothing(
    layout: Callable[[int], list[str]],
) -> None:
    keys = layout(PAGES * PAGE)
    bucket = Bucket(keys, KeyRange().split(folders(keys)), 64)
    bucket.run()
    assert all(0.3 < ratio < 2 for share, ratio in bucket.foreseen if 0.45 < share < 0.6)
    assert bucket.plan.pages_left() == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pages", [1, 5, 20])
def test_a_small_bucket_pays_little_for_being_cut(
    layout: Callable[[int], list[str]], pages: int
) -> None:
    keys = layout(pages * PAGE)
    bucket = Bucket(keys, KeyRange().split(folders(keys)), 64)
    bucket.run()
    assert sorted(bucket.listed) == keys
    assert bucket.requests <= pages + 9


def test_ranges_of_a_page_each_are_listed_by_a_request_each() -> None:
    keys = camera(PAGES * PAGE)
    lanes = [KeyRange.of_prefix(folder) for folder in folders(keys)]
    ends = [bisect_right(keys, lane.up_to) for lane in lanes]
    spans = [
        KeyRange(keys[end - new - 1], lane.up_to)
        for lane, end, new in zip(lanes, ends, range(1, 51), strict=True)
    ]
    bucket = Bucket(keys, spans, 32)
    bucket.run()
    assert bucket.requests == len(spans)


def test_one_range_of_many_that_goes_on_is_cut() -> None:
    keys = stamps(PAGES * PAGE // 4)
    apart = [KeyRange(f"0{n:02}", f"0{n:02}~") for n in range(50)]
    bucket = Bucket(keys, [*apart, KeyRange("1")], 32)
    assert bucket.run() <= PAGES / 4 / 8
    assert sorted(bucket.listed) == keys


def test_a_part_can_be_sent_to_another_process_and_is_cut_there() -> None:
    keys = uuids(PAGES * PAGE)
    here = Bucket(keys, [KeyRange()], 2)
    first = here.plan.next()
    assert first is not None
    here._list(first, here._page(first))
    given = here.plan.give()
    assert given is not None
    there = Bucket(keys, [], 8)
    there.plan.add(pickle.loads(pickle.dumps(given)))
    assert there.run() < PAGES / 4
    assert sorted(there.listed) == [key for key in keys if key > given.after]


def test_where_nothing_is_listed_nothing_is_left() -> None:
    assert Plan([], 8).pages_left() == 0
    assert Plan([KeyRange()], 8).pages_left() == 1
