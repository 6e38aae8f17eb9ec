"""Documents changed a little, by their own pieces: most bytes changed at random are no
document any more, and of these a reader's first line is all that is seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random

_PIECE = re.compile(r'<[^>]*>|"[^"]*"|[^<">]+|[">]')
OPERATIONS = ("drop", "double", "swap", "insert", "replace", "within", "move")

Change = tuple[str, int, int, int]
"""An operation, two places and a word, each by number."""


def changed(document: bytes, changes: Iterable[Change], words: Sequence[str]) -> bytes:
    """``document`` after ``changes``; numbers beyond what there is begin anew."""
    pieces = _PIECE.findall(document.decode("utf-8", "surrogateescape"))
    for operation, one, other, number in changes:
        word = words[number % len(words)]
        if not pieces:
            pieces = [word]
        at, there = one % len(pieces), other % len(pieces)
        match operation:
            case "drop":
                del pieces[at]
            case "double":
                pieces.insert(there, pieces[at])
            case "swap":
                pieces[at], pieces[there] = pieces[there], pieces[at]
            case "insert":
                pieces.insert(at, word)
            case "replace":
                pieces[at] = word
            case "within":
                cut = other % (len(pieces[at]) + 1)
                pieces[at] = pieces[at][:cut] + word + pieces[at][cut:]
            case "move":
                first, last = sorted((at, there))
                pieces[first : last + 1] = [*pieces[first + 1 : last + 1], pieces[first]]
    return "".join(pieces).encode("utf-8", "surrogateescape")


def changed_at_random(document: bytes, chance: Random, words: Sequence[str]) -> bytes:
    """One to three changes."""

    def number() -> int:
        return chance.randrange(2**16)

    changes = [
        (chance.choice(OPERATIONS), number(), number(), number())
        for _ in range(chance.randint(1, 3))
    ]
    return changed(document, changes, words)
