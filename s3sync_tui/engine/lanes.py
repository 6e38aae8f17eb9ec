"""Lanes: parts of the key space in which keys come in the order of time, learnt from pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, islice, repeat
from operator import le

from s3sync_tui.model import LAST_KEY, ObjectPage, Rows

DEPTHS = range(4)
"""How many ``/`` below the configured prefix a lane may end; at 0 it is all of it."""

MOST_LANES = 1_000
"""Each costs a delta run a LIST request."""

MOST_BETWEEN = 10_000
"""Objects that lie in a parent of lanes and in none of them; a delta lists those anew."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What successive images of one prefix tell that come in the order of time, but for the
    lookback. Times are S3's texts, which compare as the times do."""

    images: int
    last: str
    """The last key."""
    earliest: str
    latest: str
    recent_after: str | None
    """The key before the first recent image, empty where it is the first of all; None
    where none is recent."""
    recent: int
    """Images from the first recent one on."""

    def followed_by(self, later: Stretch, lookback: float) -> Stretch | None:
        """This and what comes next in key order, as one; None where that has no order."""
        if seconds_between(later.earliest, self.latest) > lookback:
            return None
        recent_after, recent = self.recent_after, self.recent + later.images
        if recent_after is None:
            recent_after, recent = later.recent_after, later.recent
            if recent_after == "":
                recent_after = self.last
        return Stretch(
            self.images + later.images,
            later.last,
            min(self.earliest, later.earliest),
            max(self.latest, later.latest),
            recent_after,
            recent,
        )


def measure(images: Rows, recent_from: str, lookback: float) -> Stretch | None:
    """Of at least one image; None where a later key is earlier by more than ``lookback``
    seconds."""
    keys, times = images.keys, images.modified
    if _is_sorted(times):
        earliest, latest, first = times[0], times[-1], bisect_left(times, recent_from)
    else:
        blocks = [times[at : at + _BLOCK] for at in range(0, len(times), _BLOCK)]
        lows, highs = list(map(min, blocks)), list(map(max, blocks))
        earliest, latest = min(lows), max(highs)
        before = accumulate(highs, max)
        if max(map(seconds_between, lows[1:], before), default=0.0) > lookback:
            return None
        if not all(map(_has_order, blocks, lows, highs, repeat(lookback))):
            return None
        first = len(times)
        if latest >= recent_from:
            first = next(at for at, time in enumerate(times) if time >= recent_from)
    recent_after = (keys[first - 1] if first else "") if first < len(times) else None
    return Stretch(len(keys), keys[-1], earliest, latest, recent_after, len(keys) - first)


def seconds_between(earlier: str, later: str) -> float:
    """How much later ``later`` is; 0 where it is not. Infinite where a text is no time."""
    if earlier >= later:
        return 0.0
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


_BLOCK = 25
"""Most are as long as the lookback or shorter: then nobody need look into them. Of a page
whose times jitter, this takes a sixth of the time that reading all of them does."""


def _has_order(times: list[str], low: str, high: str, lookback: float) -> bool:
    if seconds_between(low, high) <= lookback or _is_sorted(times):
        return True
    return max(map(seconds_between, times, accumulate(times, max))) <= lookback


def _is_sorted(times: list[str]) -> bool:
    return all(map(le, times, islice(times, 1, None)))


def part_of(key: str, prefix: str, depth: int) -> str | None:
    """``key`` up to its ``/`` number ``depth`` below ``prefix``; None where it has fewer."""
    at = len(prefix) - 1
    for _ in range(depth):
        at = key.find("/", at + 1)
        if at < 0:
            return None
    return key[: at + 1]


@dataclass(slots=True)
class _Listed:
    """What was listed without a gap, from one key to another."""

    after: str
    parts: dict[int, dict[str, Stretch]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a listing has told about the parts at one depth."""

    depth: int
    stretches: dict[str, Stretch]
    """By prefix, where there is an order."""
    objects: Counter[str]
    """By prefix: images and all else, also where there is no order."""
    between: int
    """Objects in none of the parts."""


class Learner:
    """Takes pages as they are listed, and knows the lanes in the end.

    Pages of a key range come in order, ranges in any. Images alone tell of order; what
    else there is counts, for a delta would list it. Bounded in memory: a depth with too
    many parts is given up, and so is the order of a part that has shown to have none.
    """

    def __init__(
        self, prefix: str, started_at: datetime, lookback: timedelta, depths: Iterable[int] = DEPTHS
    ) -> None:
        """``started_at``: no later than when the listing begins, by S3's clock."""
        self.prefix = prefix
        self.pages = 0
        self.objects = 0
        self.images = 0
        self._lookback = lookback.total_seconds()
        self._recent_from = f"{started_at - lookback:%Y-%m-%dT%H:%M:%S}"
        self._listed: dict[str, _Listed] = {}
        """By the key up to which it is listed."""
        self._objects: dict[int, Counter[str]] = {depth: Counter() for depth in depths}
        self._between: Counter[int] = Counter()
        self._loose: set[tuple[int, str]] = set()
        """Parts without order."""

    def take(self, page: ObjectPage) -> None:
        """Learn from a page; it is some microseconds' work where its keys are in order."""
        self.pages += 1
        if page.span.after == page.span.up_to:
            return
        listed = self._listed.pop(page.span.after, None) or _Listed(page.span.after)
        self._listed[page.span.up_to] = listed
        self.images += len(page.images)
        self.objects += len(page.images) + len(page.others)
        measured: dict[tuple[int, int], Stretch | None] = {}
        for depth in list(self._objects):
            self._count(depth, page.others)
            for part, start, end in self._count(depth, page.images.keys):
                if (depth, part) in self._loose:
                    continue
                if (start, end) not in measured:
                    whole = end - start == len(page.images)
                    rows = page.images if whole else page.images.slice(start, end)
                    measured[start, end] = measure(rows, self._recent_from, self._lookback)
                self._add(listed, depth, part, measured[start, end])

    def learnt(self, depth: int) -> Learnt | None:
        """What is known of the parts at ``depth``; None where they are too many."""
        if depth not in self._objects:
            return None
        stretches: dict[str, Stretch | None] = {}
        for listed in sorted(self._listed.values(), key=lambda each: each.after):
            for part, stretch in listed.parts.get(depth, {}).items():
                stretches[part] = (
                    self._joined(stretches[part], stretch) if part in stretches else stretch
                )
        ordered = {
            part: stretch
            for part, stretch in stretches.items()
            if stretch is not None and (depth, part) not in self._loose
        }
        return Learnt(depth, ordered, self._objects[depth], self._between[depth])

    def is_proven(self, stretch: Stretch) -> bool:
        """Whether there is enough of it to tell order from chance. What fits one page is
        listed whole at the same price; what came within the lookback has shown nothing."""
        of_a_page = self.objects / max(1, self.pages)
        spread = seconds_between(stretch.earliest, stretch.latest)
        return stretch.images > of_a_page and spread > self._lookback

    def _add(self, listed: _Listed, depth: int, part: str, stretch: Stretch | None) -> None:
        parts = listed.parts.setdefault(depth, {})
        whole = self._joined(parts[part], stretch) if part in parts else stretch
        if whole is None:
            self._loose.add((depth, part))
            parts.pop(part, None)
        else:
            parts[part] = whole

    def _joined(self, stretch: Stretch | None, later: Stretch | None) -> Stretch | None:
        if stretch is None or later is None:
            return None
        return stretch.followed_by(later, self._lookback)

    def _count(self, depth: int, keys: list[str]) -> list[tuple[str, int, int]]:
        """The parts among ``keys`` and where each begins and ends; empty once the depth
        is given up."""
        found: list[tuple[str, int, int]] = []
        if depth not in self._objects:
            return found
        objects, start = self._objects[depth], 0
        while start < len(keys):
            part = part_of(keys[start], self.prefix, depth)
            if part is None:
                self._between[depth] += 1
                start += 1
            else:
                end = len(keys)
                if not keys[-1].startswith(part):
                    end = max(start + 1, bisect_right(keys, part + LAST_KEY, start))
                objects[part] += end - start
                found.append((part, start, end))
                start = end
            if len(objects) > MOST_LANES or self._between[depth] > MOST_BETWEEN:
                del self._objects[depth]
                for listed in self._listed.values():
                    listed.parts.pop(depth, None)
                return []
        return found
