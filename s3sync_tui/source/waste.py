"""What cuts cost: LIST requests that bring less than a page."""

from __future__ import annotations

AT_FIRST = 4
PER_PAGE = 0.04
PER_PAGE_EVEN = 0.012
"""So many pages may be wasted, and so many for each page that there is or is likely to come; less
where a histogram has cut the ranges, for then few cuts are needed."""

PER_RANGE = 0.5
"""The last page of a range is half empty, on average."""

SCARCE = 0.9
SCARCITY = 2
OVERDRAWN = 4
BEYOND = 1.2
"""From this share of what may be wasted on, only ranges are cut that are so many times as large;
beyond it, so many times; and beyond that share, none."""


class Waste:
    """How much of the pages listed was empty, and whether there may be more of it.

    However keys lie, there are never more than two times :data:`BEYOND` what may be wasted, and
    one: a cut is allowed by what was wasted and half of the ranges not yet listed, and each of
    these may then waste a whole page."""

    def __init__(self, is_even: bool, apart: int) -> None:
        """``apart`` ranges were not cut by us: that their last pages are not full counts for
        nothing."""
        self._per_page = PER_PAGE_EVEN if is_even else PER_PAGE
        self._apart = apart
        self._pages = 0
        self._keys = 0
        self._full = 1

    def page(self, keys: int) -> None:
        """A page has come with so many keys."""
        self._pages += 1
        self._keys += keys
        self._full = max(self._full, keys)

    def scarcity(self, ranges: int, likely: float) -> float | None:
        """How much more a further cut must be worth, with so many ranges not yet listed and so
        many pages likely in all; None where there must be no more cuts."""
        wasted = self._pages - self._keys / self._full
        share = (wasted + PER_RANGE * ranges) / (AT_FIRST + self._apart + self._per_page * likely)
        if share >= BEYOND:
            return None
        return 1 if share < SCARCE else SCARCITY if share < 1 else OVERDRAWN
