"""Which key ranges to list next, and where to cut those that are being listed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.keyspace import KeySpace

LEAST_PAGES = 4
"""What a range must have left to be cut: each cut costs half a LIST request, on average."""

FIRST_JUMP = 16
JUMP_GROWTH = 4
"""How many pages ahead a range is cut of which nobody knows where its keys end, and how much
further its rest. (Halving the key space instead mostly finds nothing: keys with a date in
them fill a ten-thousandth of it.)"""

CUTS_AT_FIRST = 16
CUTS_PER_PAGE = 0.04
LIKELY_PER_PAGE = 4
LIKELY_AT_FIRST = 64
"""What bounds the requests that cuts cost: so many cuts, and so many for each page that was
listed or is likely to come; and however many seem likely, no more than these."""

GUESSES = 4
VAIN_PER_PAGE = 0.01
"""How many cuts may be under way beyond which perhaps nothing is, and how many of them may
have been in vain before: that many again, and so many for each page listed."""


@dataclass(eq=False, slots=True)
class Part:
    """A range that is being listed, or will be."""

    after: str
    """It is listed up to here."""
    up_to: str
    """Lowered when somebody else takes over the rest."""
    bounds: list[str] = field(default_factory=list)
    """Where it may be cut, and something lies beyond."""
    space: KeySpace = field(default_factory=KeySpace)
    """Shared by all parts of one range."""
    jump: int = FIRST_JUMP
    pages: int = 0
    met: tuple[str, str, int] | None = None
    """The first key, the last key and the number of pages between that tell how dense keys
    are: its own, or until it has some, those of the part that it was cut from."""
    is_cut: bool = False
    """``met`` is still that of the part that it was cut from."""
    is_guess: bool = False
    """Nobody knows yet whether there is anything in it."""
    _left: tuple[object, float] = (None, 0.0)

    def pages_left(self) -> float:
        """Were its keys everywhere as dense as those that it has met."""
        # Asked of all parts after each page, which changes but one of them.
        facts = (self.after, self.up_to, self.met, self.space, self.space.changes)
        if self._left[0] != facts:
            self._left = (facts, self._measured())
        return self._left[1]

    def _measured(self) -> float:
        if self.met is None:
            return 0.0
        first, last, pages = self.met
        width = max(1, self.space.number(last) - self.space.number(first))
        here, end = self.space.number(self.after), self.space.number(self.up_to)
        return (end - here) * pages / width


class Plan:
    """What is to be listed, and by how many at once. It neither lists nor waits."""

    def __init__(self, spans: Iterable[KeyRange], concurrency: int) -> None:
        """``spans`` do not overlap. Those that follow on one another are joined until there
        are no more than can be listed at once: each costs up to one LIST request."""
        self.pages = 0
        """Listed so far."""
        self._waiting = deque(_joined(spans, concurrency))
        self._concurrency = concurrency
        self._active: list[Part] = []
        self._cuts = 0
        self._guesses = 0
        self._in_vain = 0
        self._bounds_met = 1

    @property
    def is_over(self) -> bool:
        """Whether nothing waits and nothing is being listed."""
        return not self._waiting and not self._active

    def next(self) -> Part | None:
        """What to list next: what waits, else the further part of the range that has most
        left. None where nothing is worth a request now."""
        part = self._found()
        if part is not None:
            self._active.append(part)
        return part

    def give(self) -> Part | None:
        """The same for somebody else, who answers for it from now on."""
        part = self._found()
        if part is not None:
            self._guesses -= part.is_guess
        return part

    def add(self, part: Part) -> None:
        """Take over what somebody else has given."""
        self._guesses += part.is_guess
        self._waiting.append(part)

    def pages_left(self) -> float:
        """About how many of all that waits or is being listed."""
        folder = self.pages / self._bounds_met
        left = 0.0
        for part in (*self._waiting, *self._active):
            own = part.pages_left()
            is_open = own > 2 * part.jump
            left += len(part.bounds) * folder + (float(part.pages) if is_open else own)
        return left

    def listed(self, part: Part, page: ObjectPage) -> None:
        """``page`` of ``part`` has come."""
        self.pages += 1
        part.pages += 1
        part.after = page.span.up_to
        keys = page.images.keys or page.others
        if passed := bisect_right(part.bounds, part.after):
            keys = keys[bisect_right(keys, part.bounds[passed - 1]) :]
            self._bounds_met += passed
            del part.bounds[:passed]
            part.space, part.met = KeySpace(), None  # keys may look different here
        if part.is_guess:
            part.is_guess = False
            self._guesses -= 1
            self._in_vain += not keys
        if keys:
            if part.met is None or part.is_cut:  # what is told of are the part's own pages
                part.met, part.is_cut = (keys[0], keys[0], 0), False
                part.space.learn(keys[0])
            first, _, pages = part.met
            part.space.learn(keys[-1])
            part.met = (first, keys[-1], pages + 1)

    def skip(self, part: Part) -> KeyRange:
        """What of ``part`` is given up: up to its next bound."""
        given_up = KeyRange(part.after, part.bounds.pop(0) if part.bounds else part.up_to)
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

    def _found(self) -> Part | None:
        return self._waiting.popleft() if self._waiting else self._cut()

    def _cut(self) -> Part | None:
        """The further part of the range that most can be gained from."""
        known: dict[Part, float] = {}
        open_ended: dict[Part, float] = {}
        folder = self.pages / self._bounds_met
        for part in self._active:
            left = part.pages_left()
            if part.bounds:
                known[part] = len(part.bounds) * folder + min(left, part.pages)
            elif left > 2 * part.jump:
                open_ended[part] = left
            elif part.pages:
                known[part] = left
        # A range without a known end has about as much left as it has shown.
        likely = self.pages + sum(known.values()) + sum(part.pages for part in open_ended)
        likely = min(likely, LIKELY_AT_FIRST + LIKELY_PER_PAGE * self.pages)
        if self._cuts >= CUTS_AT_FIRST + CUTS_PER_PAGE * likely:
            return None
        # How far the keys go comes first: only then can anybody tell what a fair share is.
        return self._guess(open_ended) or self._share(known, likely / self._concurrency)

    def _guess(self, open_ended: dict[Part, float]) -> Part | None:
        """What is beyond a jump ahead, perhaps."""
        if self._guesses >= GUESSES or self._in_vain >= GUESSES + VAIN_PER_PAGE * self.pages:
            return None
        # What has gone on for long will go on for long.
        shown = {part: part.jump if part.is_guess else part.pages for part in open_ended}
        for part in sorted(open_ended, key=lambda part: shown[part], reverse=True):
            if shown[part] < LEAST_PAGES and self.pages > 1:
                break
            if cut := self._middle(part, open_ended[part]):
                rest = self._taken(part, cut)
                rest.jump *= JUMP_GROWTH
                rest.is_guess = True
                self._guesses += 1
                return rest
        return None

    def _share(self, known: dict[Part, float], fair: float) -> Part | None:
        """Half of the largest, where that is more than a ``fair`` number of pages."""
        for part in sorted(known, key=lambda part: known[part], reverse=True):
            if known[part] < max(LEAST_PAGES, fair):
                break
            if cut := self._middle(part, known[part]):
                return self._taken(part, cut)
        return None

    def _taken(self, part: Part, cut: str) -> Part:
        self._cuts += 1
        kept = bisect_left(part.bounds, cut)
        beyond = part.bounds[bisect_right(part.bounds, cut) :]
        rest = Part(cut, part.up_to, beyond, part.space, part.jump, met=part.met, is_cut=True)
        part.up_to = cut
        del part.bounds[kept:]
        return rest

    @staticmethod
    def _middle(part: Part, left: float) -> str | None:
        """Where to cut ``part``: in the middle, or a jump ahead."""
        if part.bounds:
            return part.bounds[len(part.bounds) // 2]
        space = part.space
        here, end = space.number(part.after), space.number(part.up_to)
        cut = space.key(here + int((end - here) * min(0.5, part.jump / left)))
        return cut if part.after < cut < part.up_to else None


def _joined(spans: Iterable[KeyRange], at_most: int) -> list[Part]:
    """The spans as parts, neighbours joined where there are more than ``at_most``."""
    ordered = sorted(spans, key=lambda span: span.after)
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
