"""Lanes: parts of the key space in which keys come in the order of time, learnt from pages."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s3sync_tui.engine.order import CLOSE_SLOTS, Stretch, measure, slots_before
from s3sync_tui.model import LAST_KEY, ObjectPage

DEPTHS = range(4)
"""How many ``/`` below the configured prefix a lane may end; at 0 it is all of it."""

MOST_LANES = 1_000
"""Each costs a delta run a LIST request."""

MOST_BETWEEN = 10_000
"""Objects that lie in a parent of lanes and in none of them; a delta lists those anew."""


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
        self._slots = slots_before(started_at, lookback)
        self._listed: dict[str, _Listed] = {}
        """By the key up to which it is listed."""
        self._objects: dict[int, Counter[str]] = {depth: Counter() for depth in depths}
        self._between: Counter[int] = Counter()
        self._loose: set[tuple[int, str]] = set()
        """Parts without order."""

    def take(self, page: ObjectPage) -> None:
        """Learn from a page: 0.1 ms where its images are of one slot or sorted by time."""
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
                    measured[start, end] = measure(rows, self._slots)
                self._add(listed, depth, part, measured[start, end])

    def merge(self, other: Learner) -> None:
        """Take in what another has learnt from other ranges of the same listing."""
        self.pages += other.pages
        self.objects += other.objects
        self.images += other.images
        self._listed |= other._listed
        self._between += other._between
        self._loose |= other._loose
        for depth in list(self._objects):
            if depth in other._objects:
                self._objects[depth] += other._objects[depth]
                self._give_up_if_too_many(depth)
            else:
                self._give_up(depth)

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

    def is_lane(self, stretch: Stretch) -> bool:
        """Whether there is enough of it to tell order from chance, and few strays. What fits
        one page is listed whole at the same price."""
        of_a_page = self.objects / max(1, self.pages)
        return (
            stretch.images > of_a_page
            and stretch.has_shown_order(self._lookback)
            and stretch.has_few_strays(len(self._slots) + 1 - CLOSE_SLOTS)
        )

    def _add(self, listed: _Listed, depth: int, part: str, stretch: Stretch | None) -> None:
        parts = listed.parts.setdefault(depth, {})
        if part in parts:
            stretch = self._joined(parts.pop(part), stretch)
        if stretch is None:
            self._loose.add((depth, part))
        else:
            parts[part] = stretch

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
            if self._give_up_if_too_many(depth):
                return []
        return found

    def _give_up_if_too_many(self, depth: int) -> bool:
        is_too_many = len(self._objects[depth]) > MOST_LANES or self._between[depth] > MOST_BETWEEN
        if is_too_many:
            self._give_up(depth)
        return is_too_many

    def _give_up(self, depth: int) -> None:
        del self._objects[depth]
        for listed in self._listed.values():
            listed.parts.pop(depth, None)
