"""Which key ranges to list next, and where to cut those that are being listed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from itertools import pairwise

from s3sync_tui.model import LAST_KEY, KeyRange, ObjectPage
from s3sync_tui.source.keyspace import home_of
from s3sync_tui.source.part import Part
from s3sync_tui.source.waste import Waste

__all__ = ["Part", "Plan"]

PARTS_AT_FIRST = 4
"""Ranges to begin with where folders cut the bucket whose sizes nobody knows: their first pages
tell whether more are worth a request each. (Cut by a histogram, they are all worth it.)"""

STREAMS = 38
STREAMS_PER_PAGE = 0.038
"""How many ranges there are at once where nothing is known: so many, or so many for each page
that is likely in all. What each costs is half a request."""

LEAST_PAGES = 3
"""What a range must have left to be cut."""

SLACK = 0.05
"""A range is cut that will take longer than the rest by so much of the whole listing."""

FIRST_JUMP = 8
JUMP = 3
FOLDER_JUMP = 2
"""How far ahead a range is cut of which nobody knows where its keys end: so many pages, or so
many times what it has shown; less far in a folder, for there are many and most are small.
(Halving the key space mostly finds nothing: keys with a date fill a ten-thousandth of it.)"""

BIG = 0.8
"""Such a range is cut once it has shown so many times what is each one's fair share."""

UNMET = 3
"""While folders are being listed for the first time, those that wait are taken for so many times
as large as the others have shown themselves."""

GUESSES = 3
VAIN_PER_PAGE = 0.03
"""How many cuts may be under way beyond which perhaps nothing is, and how many of them may
have been in vain before: that many again, and so many for each page listed."""

FOLDERS = 5
BIGGER = 1.5
"""From so many folders follows how large they usually are; one that has shown so many times that
is of no usual size."""

WHOLE_PAGES = 32
MARGIN = 0.15
"""Up to so many pages, what is kept of a range is cut to whole pages, and to so much less: what
the last page has beyond the cut is listed twice."""

LIKELY_AT_FIRST = 100
LIKELY_PER_PAGE = 4
"""However many pages seem likely, no more than these are reckoned with."""

IN_A_ROW = 3
"""So many ranges given up, and no page between them: it is the bucket that does not answer, and
what is left of further ranges is not tried folder by folder."""

LOOKS = 8
"""So many times while all ranges get on by a page it is looked for one that is worth a cut."""


class Plan:
    """What is to be listed, and by how many at once. It neither lists nor waits."""

    def __init__(self, spans: Iterable[KeyRange], concurrency: int) -> None:
        """``spans`` do not overlap. Those that follow on one another are joined, for each
        costs up to one LIST request, and cut again at the same places where that is worth it."""
        self.pages = 0
        """Listed so far."""
        ordered = sorted(spans, key=lambda span: span.after)
        cuts = [b.after for a, b in pairwise(ordered) if a.up_to == b.after]
        is_even = any(not cut.endswith("/") for cut in cuts)
        parts = _joined(ordered, concurrency if is_even else PARTS_AT_FIRST)
        self._waiting = deque(parts)
        self._next_look = min(len(parts), PARTS_AT_FIRST)
        self._is_even = is_even
        self._concurrency = concurrency
        self._active: list[Part] = []
        self._waste = Waste(is_even, apart=len(ordered) - len(cuts))
        self._in_vain = 0
        self._given_up = 0
        self._bounds_met = 0
        self._folders = 0
        self._folder_pages = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing waits and nothing is being listed."""
        return not self._waiting and not self._active

    def next(self) -> Part | None:
        """What to list next: what waits, else the further part of the range that has most
        left. None where nothing is worth a request now."""
        part = self.give()
        if part is not None:
            self._active.append(part)
        return part

    def give(self) -> Part | None:
        """The same for somebody else, who answers for it from now on."""
        return self._waiting.popleft() if self._waiting else self._cut()

    def add(self, part: Part) -> None:
        """Take over what somebody else has given."""
        self._waiting.append(part)

    def pages_left(self) -> float:
        """About how many of all that waits or is being listed; each has one, at least."""
        return sum(max(1.0, left) for left in self._lefts(self._usual(self._mean())).values())

    def listed(self, part: Part, page: ObjectPage) -> None:
        """``page`` of ``part`` has come."""
        self.pages += 1
        self._given_up = 0
        part.after = page.span.up_to
        keys = page.images.keys or page.others
        self._waste.page(len(page.images) + len(page.others) + len(page.rejected))
        if part.is_guess:
            part.is_guess = False
            if not keys and not part.bounds:
                self._in_vain += 1
                part.space.nothing_after(page.span.after)
        bound = page.span.after
        if passed := bisect_right(part.bounds, part.after):
            if before := bisect_right(keys, part.bounds[0]):
                part.space.see(keys[before - 1])
            bound = part.bounds[passed - 1]
            keys = keys[bisect_right(keys, bound) :]
            self._bounds_met += passed
            self._count(part, passed, 1)
            part.enter(passed)
        part.pages += 1
        if keys:
            part.learn(keys, home_of(keys[0], keys[-1], bound))

    def skip(self, part: Part) -> KeyRange:
        """What of ``part`` is given up: up to its next bound, or all that is left of it."""
        self._given_up += 1
        if self._given_up >= IN_A_ROW:
            part.bounds.clear()
        given_up = KeyRange(part.after, part.end)
        del part.bounds[:1]
        part.after = given_up.up_to
        return given_up

    def put_back(self, part: Part) -> None:
        """The rest of ``part`` is for somebody else to list."""
        self._active.remove(part)
        self._waiting.append(part)

    def finished(self, part: Part) -> None:
        """``part`` is listed, or given up."""
        self._active.remove(part)
        self._bounds_met += 1
        self._count(part, 1, 0)

    def _count(self, part: Part, folders: int, more: int) -> None:
        if part.is_whole:
            self._folders += folders
            self._folder_pages += part.pages + more

    def _usual(self, else_: float = 0.0) -> float:
        """How many pages folders have, where enough of them are known."""
        return self._folder_pages / self._folders if self._folders >= FOLDERS else else_

    def _mean(self) -> float:
        """How many pages have been listed between two bounds."""
        met = self._bounds_met + sum(part.pages > 0 for part in self._active)
        return self.pages / max(1, met)

    def _most(self) -> float:
        return LIKELY_AT_FIRST + LIKELY_PER_PAGE * self.pages

    def _lefts(self, folder: float) -> dict[Part, float]:
        """What each part is likely to have left, where what lies beyond a bound has so much."""
        usual, most = self._usual(), self._most()
        return {
            part: len(part.bounds) * folder + (min(part.left(usual), most) if part.met else folder)
            for part in (*self._active, *self._waiting)
        }

    def _cut(self) -> Part | None:
        """The further part of the range that most can be gained from."""
        # What does not answer is not asked in more pieces.
        if self._given_up or self.pages < self._next_look:
            return None
        # Looking costs as much as a page does. Where it was in vain, a few pages change little.
        self._next_look = self.pages + len(self._active) // LOOKS
        part = self._worth_most()
        if part is not None:
            self._next_look = self.pages
        return part

    def _worth_most(self) -> Part | None:
        folder = UNMET * self._mean()
        lefts = self._lefts(folder)
        left = sum(lefts.values())
        likely = min(self.pages + left, self._most())
        streams = self._concurrency
        if not self._is_even:
            sure = likely - (folder - self._mean()) * sum(len(part.bounds) for part in lefts)
            streams = min(streams, max(STREAMS, int(STREAMS_PER_PAGE * sure)))
        scarcity = self._waste.scarcity(len(lefts), likely)
        if len(self._active) >= streams or scarcity is None:
            return None
        fair = left / streams
        # How far the keys go comes first: only then can anybody tell what a fair share is.
        if guess := self._guess(fair):
            return guess
        least = max(LEAST_PAGES, fair + SLACK * (left + self.pages) / streams)
        return self._share(lefts, folder, fair, scarcity * least)

    def _guess(self, fair: float) -> Part | None:
        """What is beyond a jump ahead, perhaps."""
        under_way = sum(part.is_guess and not part.bounds for part in self._active)
        may_be_in_vain = (
            under_way < GUESSES and self._in_vain < GUESSES + VAIN_PER_PAGE * self.pages
        )
        is_first = self.pages == len(self._active) == 1
        least = 1 if is_first else max(LEAST_PAGES, BIG * fair)
        are_many = self._bounds_met + len(self._active) > 2 * FOLDERS
        usual = self._usual(self._mean() if are_many else 0.0)
        least_of_folder = max(least, FIRST_JUMP, BIGGER * usual)
        opened = [
            part
            for part in self._active
            if (not part.is_guess if part.bounds else may_be_in_vain)
            and part.met
            and part.is_open
            and part.shown >= (least if is_first or not part.is_in_folder else least_of_folder)
            and part.end <= (part.space.nothing_from or LAST_KEY)
        ]
        # Where the end is known to be near, it is looked for in the widest gap.
        opened.sort(key=lambda p: p.room() if p.space.nothing_from else p.shown, reverse=True)
        for part in opened:
            ahead = part.room() / 2
            if not part.space.nothing_from:
                times = FOLDER_JUMP if part.is_in_folder else JUMP
                ahead = min(ahead, max(FIRST_JUMP, times * part.shown))
            if ahead >= max(LEAST_PAGES - 1, fair / 2) and (cut := part.key_ahead(ahead)):
                return self._taken(part, cut, ahead)
        return None

    def _share(
        self, lefts: dict[Part, float], folder: float, fair: float, least: float
    ) -> Part | None:
        """About half of the largest, where that has the ``least`` pages."""
        usual = self._usual()
        for part in sorted(self._active, key=lambda part: lefts[part], reverse=True):
            left = lefts[part]
            if left < least:
                break
            if part.is_guess:
                continue
            pieces = max(2, round(left / max(fair, 0.1)))
            kept = left * (pieces // 2) / pieces
            own = left - len(part.bounds) * folder
            if part.bounds and own <= kept:
                n = min(len(part.bounds) - 1, round((kept - own) / folder))
                return self._taken(part, part.bounds[n], None)
            if part.is_open:
                kept = own / 2
                if usual < 2 * part.shown or kept < LEAST_PAGES - 1:
                    continue
            if kept < WHOLE_PAGES:
                kept = max(1, round(kept)) - MARGIN
            if cut := part.key_ahead(kept):
                return self._taken(part, cut, kept)
        return None

    def _taken(self, part: Part, cut: str, ahead: float | None) -> Part:
        """What is beyond ``cut``, which is so many pages ahead, or where another folder begins."""
        kept = bisect_left(part.bounds, cut)
        beyond = part.bounds[bisect_right(part.bounds, cut) :]
        rest = Part(cut, part.up_to, beyond)
        if ahead is not None:
            rest.space, rest.met, rest.is_cut = part.space, part.met, True
            rest.reach, rest.is_guess = part.shown + ahead, part.is_open
            rest.is_whole = part.is_whole = False
        part.up_to = cut
        del part.bounds[kept:]
        return rest


def _joined(ordered: list[KeyRange], at_most: int) -> list[Part]:
    """The spans as parts, neighbours joined where there are more than ``at_most``."""
    each = -(-len(ordered) // at_most)
    parts: list[Part] = []
    joined = 0
    for span in ordered:
        if parts and joined < each and parts[-1].up_to == span.after:
            parts[-1].bounds.append(span.after)
            parts[-1].up_to = span.up_to
            joined += 1
        else:
            parts.append(Part(span.after, span.up_to))
            joined = 1
    return parts
