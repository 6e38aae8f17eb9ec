"""Which objects are images: glob patterns over whole keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from itertools import repeat


class Selection:
    """Keys that match a pattern of ``include`` and none of ``exclude``.

    Patterns are shell globs over the whole key, in any case: ``*`` matches
    everything, ``/`` and line breaks too, so ``*.jpg`` is every JPEG at any
    depth and ``cam-07/*`` is everything under ``cam-07/``.
    """

    def __init__(self, include: Iterable[str] = ("*",), exclude: Iterable[str] = ()) -> None:
        include, exclude = tuple(include), tuple(exclude)
        self._included = _matcher(include)
        self._excluded = _matcher(exclude)
        self._endings = () if exclude else tuple(filter(None, map(_ending, include)))
        """Keys that end in one of these are images; others may be, too."""

    def matches(self, key: str) -> bool:
        """Whether the object with this key is an image."""
        return self._included(key) and not self._excluded(key)

    def indices(self, keys: list[str]) -> Sequence[int]:
        """Where in ``keys`` the images are."""
        # Nearly every page holds nothing but images: that is seen without a call for each key.
        if self._endings and all(map(str.endswith, keys, repeat(self._endings))):
            return range(len(keys))
        included, excluded = self._included, self._excluded
        return [i for i, key in enumerate(keys) if included(key) and not excluded(key)]


def _matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    # Nearly every pattern in use is a suffix, and endswith() takes a third of
    # the time that a regular expression takes.
    suffixes: list[str] = []
    others: list[str] = []
    for pattern in patterns:
        if pattern == "*":
            return lambda _key: True
        if ending := _ending(pattern):
            suffixes.append(ending)
        else:
            others.append(translate(pattern))
    endings = tuple(suffixes)
    if not others:
        return lambda key: key.lower().endswith(endings)
    glob = re.compile("|".join(others), re.IGNORECASE | re.DOTALL)
    if not endings:
        return lambda key: glob.match(key) is not None
    return lambda key: key.lower().endswith(endings) or glob.match(key) is not None


def _ending(pattern: str) -> str:
    """What keys must end in where that is all that ``pattern`` says; else nothing."""
    is_suffix = pattern[:1] == "*" and not set(pattern[1:]) & set("*?[")
    return pattern[1:].lower() if is_suffix else ""
