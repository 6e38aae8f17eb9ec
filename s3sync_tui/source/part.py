"""A key range that is being listed, or will be: how much it has left, and where to cut it."""

from __future__ import annotations

from dataclasses import dataclass, field

from s3sync_tui.source.keyspace import KeySpace

FIRST_KEYS = 24
"""Of a range's first page so many keys are looked at to learn what they look like."""


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
    """Shared by all parts of one folder, or of what keys there are between two bounds."""
    reach: float = 0.0
    """About how many pages of its space lie before it."""
    pages: int = 0
    """Listed of its space."""
    met: tuple[str, str, int] | None = None
    """The first key, the last key and the number of pages between that tell how dense keys
    are: its own, or until it has some, those of the part that it was cut from."""
    is_cut: bool = False
    """``met`` is still that of the part that it was cut from."""
    is_whole: bool = True
    """It has its folder to itself."""
    is_guess: bool = False
    """Nobody knows yet whether there is anything in it, or in its folder's rest."""
    _room: tuple[object, float] = (None, 0.0)

    @property
    def end(self) -> str:
        """Of the folder that it is in, or of all of it."""
        return self.bounds[0] if self.bounds else self.up_to

    @property
    def is_open(self) -> bool:
        """Whether nobody knows where its keys end, before its end."""
        return self.end > self.space.furthest

    @property
    def is_in_folder(self) -> bool:
        """Whether it is in one of several folders, perhaps."""
        return bool(self.bounds or self.space.prefix)

    @property
    def shown(self) -> float:
        """How many pages its space is known to have, up to here."""
        return self.reach + self.pages

    def room(self) -> float:
        """Pages to its end, were its keys everywhere as dense as those that it has met."""
        # Asked of all parts after each page, which changes but one of them.
        facts = (self.after, self.end, self.met, self.space, self.space.changes)
        if self._room[0] != facts:
            self._room = (facts, self._measured())
        return self._room[1]

    def left(self, usual: float) -> float:
        """Pages to its end, most likely. ``usual`` is what folders have, 0 if that is not known.

        A range without known end has about as much left as it has shown."""
        if not self.is_open:
            return self.room()
        more = max(0.0, usual - self.shown)
        return min(self.room(), more if self.is_guess else max(more, self.shown))

    def key_ahead(self, pages: float) -> str | None:
        """Where it may be cut so many pages ahead."""
        room = self.room()
        if pages >= room:
            return None
        here, end = self.space.number(self.after), self.space.number(self.end)
        cut = self.space.key(here + int((end - here) * (pages / room)))
        return cut if self.after < cut < self.end else None

    def learn(self, keys: list[str], home: str) -> None:
        """These are the first of a page, and all of them are in the folder ``home``."""
        if home != self.space.prefix:  # keys look different here
            if self.space.prefix or self.met:
                self.pages, self.reach = 1, 0.0
            self.space, self.met = KeySpace(home), None
        if self.met is None:
            self.space.learn(*keys[:: max(1, len(keys) // FIRST_KEYS)], keys[-1])
        else:
            self.space.learn(keys[0], keys[-1])
        if self.met is None or self.is_cut:  # what is told of are the part's own pages
            self.met, self.is_cut = (keys[0], keys[-1], 1), False
        else:
            first, _, pages = self.met
            self.met = (first, keys[-1], pages + 1)

    def enter(self, passed: int) -> None:
        """So many bounds are behind it."""
        del self.bounds[:passed]
        self.space, self.met = KeySpace(), None
        self.pages, self.reach, self.is_whole = 0, 0.0, True

    def _measured(self) -> float:
        if self.met is None:
            return 0.0
        first, last, pages = self.met
        number = self.space.number
        width = max(1, number(last) - number(first))
        return max(0, number(self.end) - number(self.after)) * pages / width
