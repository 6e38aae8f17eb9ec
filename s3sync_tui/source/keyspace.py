"""Keys as numbers: how far apart two keys are, and which key lies between them.

S3 tells nothing of a bucket's keys but the next thousand. What a key looks like is learnt
from those seen: which characters occur at each place. A guess from it is only ever a place
to cut a range at, so a wrong one costs a request and loses nothing.
"""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from itertools import groupby

PLACES = 48
"""How many characters of a key count, where they can differ: beyond, keys are neighbours."""

ENOUGH_KEYS = 24
"""So many tell which characters of their kind never stand at some place."""

_KINDS = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase + string.ascii_lowercase,
)

_CLOCK = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-_/.]?)([01]\d)\1([0-3]\d)"
    r"(?:[-_/.T ]?([0-2]\d)(?:([-_/.:]?)([0-5]\d)(?:\5([0-5]\d))?)?)?(?!\d{9})"
)
"""A date, and perhaps a time of the day; the groups are month, day, hour, minute, second."""

_FIELDS = {2: ("01", 3), 3: ("0123", 2), 4: ("012", 4), 6: ("012345", 10), 7: ("012345", 10)}
"""What each of these begins with, and how many digits may follow on the last of those: no hour
begins with a 3, and on a 2 there follow four."""

_HEX = frozenset(_KINDS[1])
_DIGITS = set(string.digits)
_WORD = frozenset(_KINDS[-1])


class KeySpace:
    """The keys of one part of a bucket, in order, as numbers from 0."""

    def __init__(self, prefix: str = "") -> None:
        """All its keys begin with ``prefix``."""
        self.prefix = prefix
        self.furthest = ""
        """The last of all keys seen."""
        self.nothing_from = ""
        """Beyond this there are no keys, where anybody has looked."""
        self.changes = 0
        """How often numbers have changed their meaning."""
        self._seen: list[set[str]] = []
        self._clock: dict[int, tuple[str, int]] = {}
        """Where dates and times stand, as far as keys go by them."""
        self._places: list[tuple[str, int, int]] = []
        """Of each the characters, how many of them may follow on the last character of the
        place before, and how many numbers each takes."""
        self._end = 0
        self._keys = 0

    def see(self, key: str) -> None:
        """A key that exists."""
        self.furthest = max(self.furthest, key)

    def nothing_after(self, key: str) -> None:
        """No key of this space lies beyond ``key``."""
        self.nothing_from = min(self.nothing_from or key, key)

    def learn(self, *keys: str) -> None:
        """Take in keys that exist; numbers from before mean nothing afterwards."""
        if not self._keys:
            self._read_clock(keys[0])
        is_new = self._keys < ENOUGH_KEYS <= self._keys + len(keys)
        self._keys += len(keys)
        for key in keys:
            self.see(key)
            for place, character in enumerate(key[len(self.prefix) :]):
                if place == len(self._seen):
                    self._seen.append(set())
                if character not in self._seen[place]:
                    self._seen[place].add(character)
                    is_new = True
        if is_new:
            self._measure()

    def number(self, key: str) -> int:
        """Where ``key`` is; keys that differ in characters never seen may fall together."""
        head = self.prefix
        if not key.startswith(head):
            return 0 if key < head else self._end
        at = 0
        follows_last = False
        for character, (alphabet, tight, weight) in zip(
            key[len(head) :], self._places, strict=False
        ):
            index = bisect_left(alphabet, character)
            if index >= (tight if follows_last else len(alphabet)):  # behind the last
                return at + (tight if follows_last else len(alphabet)) * weight
            at += index * weight
            if alphabet[index] != character:  # never seen: before the next higher
                return at
            follows_last = index == len(alphabet) - 1
        return at

    def key(self, number: int) -> str:
        """The first key that is at ``number`` or beyond, without what need not be said."""
        rest, characters = number, []
        for alphabet, _, weight in self._places:
            index, rest = divmod(rest, weight)
            characters.append(alphabet[min(index, len(alphabet) - 1)])
            if not rest:
                break
        return self.prefix + "".join(characters)

    def _read_clock(self, key: str) -> None:
        head = len(self.prefix)
        for time in _CLOCK.finditer(key):
            found = {time.start(n) - head: _FIELDS[n] for n in _FIELDS if time.group(n)}
            self._clock |= found

    def _measure(self) -> None:
        alphabets: list[tuple[str, int]] = []
        varied = place = follow = 0
        for is_word, places in groupby(self._seen, key=_WORD.issuperset):
            word = list(places)
            kind = _kind(word) if is_word else ""
            for seen in word:
                # One and the same letter is part of all names.
                is_letter = len(seen) == 1 and not seen <= _DIGITS
                alphabet = "".join(sorted(seen if is_letter else seen.union(kind)))
                firsts, seconds = self._clock.get(place, ("", 0))
                if firsts and seen.issubset(firsts):
                    alphabet = firsts
                elif varied and self._keys >= ENOUGH_KEYS:
                    alphabet = _cut_short(alphabet, seen)
                tight = min(len(alphabet), follow or len(alphabet))
                follow = seconds if alphabet == firsts else 0
                varied += len(seen) > 1
                place += 1
                if varied <= PLACES:
                    alphabets.append((alphabet, tight))
        self._weigh(alphabets)

    def _weigh(self, alphabets: list[tuple[str, int]]) -> None:
        self.changes += 1
        self._places = []
        size = tight_size = 1  # of what lies behind a place; and behind the place's last character
        for alphabet, tight in reversed(alphabets):
            self._places.append((alphabet, tight, size))
            whole = (len(alphabet) - 1) * size + tight_size
            tight_size = tight * size if tight < len(alphabet) else whole
            size = whole
        self._places.reverse()
        self._end = size


def home_of(first: str, last: str, bound: str) -> str:
    """The folder that all keys from ``first`` to ``last`` are in: ``bound`` if that is one, or
    the deepest that has a name. Those with numbers for names go on with the next number."""
    home = bound if first.startswith(bound) and last.startswith(bound) else ""
    end = first.rfind("/") + 1
    while end > len(home):
        start = first.rfind("/", 0, end - 1) + 1
        if last.startswith(first[:end]) and not _HEX.issuperset(first[start : end - 1]):
            return first[:end]
        end = start
    return home


def _cut_short(alphabet: str, seen: set[str]) -> str:
    """``alphabet`` as far as the last seen, where all before it are seen."""
    upto = alphabet[: bisect_left(alphabet, max(seen)) + 1]
    return upto if seen.issuperset(upto) else alphabet


def _kind(word: list[set[str]]) -> str:
    """What may stand at each place of a word that looks like these: hexadecimal digits, say,
    though only nine of them were seen there."""
    varied = set().union(*(seen for seen in word if len(seen) > 1 or seen <= _DIGITS))
    return next(kind for kind in _KINDS if varied.issubset(kind))
