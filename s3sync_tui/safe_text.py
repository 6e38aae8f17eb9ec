"""Text of others on its way to a terminal: nothing in it moves, colours, reorders or hides."""

from __future__ import annotations

import re

# What str.isprintable lets through, although it shows nothing or depends on the terminal:
# Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, and the blank Braille.
_HIDDEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_HIDDEN_CHARACTER = re.compile(f"[{_HIDDEN}]")


def safe(text: str) -> str:
    """``text`` on one line: control characters, escape sequences, line ends, bidi marks, what
    has no width and what is no Unicode become escapes. Safe text stays as it is."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(_escaped(c) if _is_hidden(c) else c for c in text)


def safe_lines(text: str) -> str:
    """Like :func:`safe`, but lines stay lines."""
    return "\n".join(map(safe, text.splitlines()))


def safe_key(key: str) -> str:
    """A key, so that no two keys look alike: like :func:`safe`, and with backslashes doubled,
    for one is what an escape begins with."""
    return safe(key.replace("\\", "\\\\"))


def clipped(text: str, longest: int) -> str:
    """``text`` in at most ``longest`` characters, the last of them an ellipsis where it is cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _is_hidden(character: str) -> bool:
    return not character.isprintable() or _HIDDEN_CHARACTER.match(character) is not None


def _escaped(character: str) -> str:
    return ascii(character)[1:-1]
