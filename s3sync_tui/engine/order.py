"""Order: whether images that follow on one another in key order came one after another.

What counts is where those images land that come from now on. So order is judged by when
images came, and the more closely the later: time is cut into slots, which are as long as
the lookback at first, and then each reaches back twice as far as the one after it.

An image is a stray if another that comes later in key order is older by two slots or more:
it was overwritten, or came late. No delta can see its like, and a few do no harm. But where
strays of several slots lie together, images land time and again: a camera, perhaps, that
sees less than its neighbour. There is no order then, however few they are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import nan
from operator import le, sub

from s3sync_tui.model import Rows

CLOSE_SLOTS = 24
OLDEST_SLOT = timedelta(days=1000)
"""So many slots are as long as the lookback, and so far back the oldest begins."""

ENOUGH = 100
"""Images to judge by, if not so many came in the slots that are as long as the lookback."""

REGULAR = 3
"""Strays of so many slots together are no accident."""

MOST_SCATTERED = 30
"""Places with strays on one page: beyond, there is no order, and nothing more to learn."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What successive images of one prefix tell. Slots are numbered in the order of time."""

    images: int
    last: str
    """The last key."""
    earliest: float
    latest: float
    """Seconds; nan where a time is none."""
    rises: bool
    """No page had an image that was older than any before by more than the lookback."""
    settled: dict[int, int]
    """By slot, images that are no strays."""
    strays: dict[int, int]
    """By slot."""
    lows: dict[int, frozenset[int]]
    """Each slot that is older than all before it in key order, and the slots of the strays
    that its first image has made."""
    recent_after: str | None
    """The key before the first recent image that is no stray, empty where it is the first
    of all; None where there is none. Recent is the last slot."""
    recent: int
    """Images from that one on."""

    def followed_by(self, later: Stretch, lookback: float) -> Stretch | None:
        """This and what comes next in key order, as one; None where that has no order."""
        settled, strays, lows = self.settled.copy(), self.strays.copy(), self.lows.copy()
        lowest = min(lows)
        for low, made in later.lows.items():
            together = made | _go_astray(settled, strays, low)
            if len(together) >= REGULAR:
                return None
            if low < lowest:
                lows[low] = together
        recent_after, recent = self.recent_after, self.recent + later.images
        if recent_after is None or max(self.settled) not in settled:
            recent_after, recent = later.recent_after, later.recent
            if recent_after == "":
                recent_after = self.last
        _add(settled, later.settled)
        _add(strays, later.strays)
        return Stretch(
            self.images + later.images,
            later.last,
            min(self.earliest, later.earliest),
            max(self.latest, later.latest),
            self.rises and later.rises and later.earliest >= self.latest - lookback,
            settled,
            strays,
            lows,
            recent_after,
            recent,
        )

    def has_shown_order(self, lookback: float) -> bool:
        """Whether strays could have shown, or its pages came one after another, and not all at
        once. (What came long ago is of one slot, however long that took.)"""
        slots = max(self.settled) - min(self.lows)
        return slots > 1 or (self.rises and self.latest - self.earliest > lookback)

    def has_few_strays(self, close: int) -> bool:
        """Among what has come since slot ``close``, and since each slot before it until it
        is :data:`ENOUGH`. Few are a tenth, but no more than a handful or a hundredth."""
        came = strays = 0
        for slot in range(max({*self.settled, *self.strays}), -1, -1):
            astray = self.strays.get(slot, 0)
            strays += astray
            came += astray + self.settled.get(slot, 0)
            if slot <= close:
                if strays > min(came // 10, max(5, came // 100)):
                    return False
                if came >= ENOUGH:
                    break
        return True


def slots_before(started_at: datetime, lookback: timedelta) -> list[str]:
    """When slots 1, 2, … begin, as S3 writes times; slot 0 is what came before."""
    ages = [lookback * n for n in range(1, CLOSE_SLOTS + 1)]
    while ages[-1] < OLDEST_SLOT:
        ages.append(ages[-1] * 2)
    return [f"{started_at - age:%Y-%m-%dT%H:%M:%S}" for age in reversed(ages)]


def measure(images: Rows, slots: list[str]) -> Stretch | None:
    """Of at least one image; None where there is no order. ``slots`` are when slots 1, 2, …
    begin. Times are S3's texts, which compare as the times do."""
    keys, times, recent = images.keys, images.modified, len(slots)
    settled: dict[int, int] = {}
    strays: dict[int, int] = {}
    lows: dict[int, frozenset[int]] = {}
    lowest = before = recent + 1
    scattered = 0
    earliest, latest = min(times), max(times)
    for slot, count in _runs(times, earliest, latest, slots):
        if slot < before:
            made = _go_astray(settled, strays, slot)
            scattered += bool(made)
            if len(made) >= REGULAR or scattered > MOST_SCATTERED:
                return None
            if slot < lowest:
                lowest, lows[slot] = slot, made
        settled[slot] = settled.get(slot, 0) + count
        before = slot
    first, recent_after = len(keys), None
    if recent in settled:
        last = (at for at in reversed(range(len(times))) if times[at] < slots[-2])
        first = next(at for at in range(next(last, -1) + 1, len(times)) if times[at] >= slots[-1])
        recent_after = keys[first - 1] if first else ""
    return Stretch(
        len(keys),
        keys[-1],
        _seconds(earliest),
        _seconds(latest),
        True,
        settled,
        strays,
        lows,
        recent_after,
        len(keys) - first,
    )


def _go_astray(settled: dict[int, int], strays: dict[int, int], slot: int) -> frozenset[int]:
    """An image of ``slot`` comes next: what it makes strays, and of which slots these are."""
    found = frozenset(each for each in settled if each > slot + 1)
    for each in found:
        strays[each] = strays.get(each, 0) + settled.pop(each)
    return found


def _runs(
    times: list[str], earliest: str, latest: str, slots: list[str]
) -> Iterator[tuple[int, int]]:
    """The slots of ``times``, and how many of each follow on one another, or fewer."""
    low, high = bisect_right(slots, earliest), bisect_right(slots, latest)
    if low == high:
        yield low, len(times)
    elif all(map(le, times, islice(times, 1, None))):
        ends = [bisect_left(times, slot) for slot in slots[low:high]]
        for slot, length in enumerate(map(sub, [*ends, len(times)], [0, *ends]), low):
            if length:
                yield slot, length
    elif len(times) > _FEW:
        middle = len(times) // 2
        for half in (times[:middle], times[middle:]):
            yield from _runs(half, min(half), max(half), slots)
    else:
        for time in times:
            yield bisect_right(slots, time), 1


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return nan


_FEW = 16
"""So many are looked at one by one."""


def _add(images: dict[int, int], more: dict[int, int]) -> None:
    for slot, count in more.items():
        images[slot] = images.get(slot, 0) + count
