"""Keys as numbers: how far apart two keys are, and which key lies between them.

S3 tells nothing of a bucket's keys but the next thousand. What a key looks like is learnt
from those seen: which characters occur at each place. A guess from it is only ever a place
to cut a range at, so a wrong one costs a request and loses nothing.
"""

from __future__ import annotations

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
_DIGITS = set(string.digits)
_WORD = frozenset(_KINDS[-1])


class KeySpace:
    """The keys of one part of a bucket, in order, as numbers from 0."""

    def __init__(self) -> None:
        self._seen: list[set[str]] = []
        self._alphabets: list[str] = []
        self._weights: list[int] = []
        self._keys = 0
        self.changes = 0
        """How often numbers have changed their meaning."""

    def learn(self, key: str) -> None:
        """Take in a key that exists; numbers from before mean nothing afterwards."""
        self._keys += 1
        is_new = self._keys == ENOUGH_KEYS
        for place, character in enumerate(key):
            if place == len(self._seen):
                self._seen.append(set())
            if character not in self._seen[place]:
                self._seen[place].add(character)
                is_new = True
        if is_new:
            self._measure()

    def number(self, key: str) -> int:
        """Where ``key`` is; keys that differ in characters never seen may fall together."""
        at = 0
        for character, alphabet, weight in zip(key, self._alphabets, self._weights, strict=False):
            if character in alphabet:
                at += alphabet.index(character) * weight
                continue
            # Beside all keys seen: before the next higher character, or behind the last.
            return at + bisect_left(alphabet, character) * weight
        return at

    def key(self, number: int) -> str:
        """The first key that is at ``number`` or beyond, without what need not be said."""
        rest, characters = number, []
        for alphabet, weight in zip(self._alphabets, self._weights, strict=True):
            index, rest = divmod(rest, weight)
            characters.append(alphabet[min(index, len(alphabet) - 1)])
            if not rest:
                break
        return "".join(characters)

    def _measure(self) -> None:
        self.changes += 1
        self._alphabets = []
        varied = 0
        for is_word, places in groupby(self._seen, key=_WORD.issuperset):
            word = list(places)
            kind = _kind(word) if is_word else ""
            for seen in word:
                # One and the same letter is part of all names.
                is_letter = len(seen) == 1 and not seen <= _DIGITS
                alphabet = sorted(seen if is_letter else seen.union(kind))
                # No hour begins with a 3, no minute with a 6: but first that must show.
                if varied and self._keys >= ENOUGH_KEYS:
                    alphabet = [character for character in alphabet if character <= max(seen)]
                varied += len(seen) > 1
                if varied <= PLACES:
                    self._alphabets.append("".join(alphabet))
        self._weights = [1] * len(self._alphabets)
        weight = 1
        for place in range(len(self._alphabets) - 1, -1, -1):
            self._weights[place] = weight
            weight *= len(self._alphabets[place])


def _kind(word: list[set[str]]) -> str:
    """What may stand at each place of a word that looks like these: hexadecimal digits, say,
    though only nine of them were seen there."""
    varied = set().union(*(seen for seen in word if len(seen) > 1 or seen <= _DIGITS))
    return next(kind for kind in _KINDS if varied.issubset(kind))
