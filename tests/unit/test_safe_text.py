"""Text of others is shown whole, and obeyed by nobody."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.safe_text import clipped, safe, safe_key, safe_lines

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]52;c;cm0=\x07", r"\x1b]52;c;cm0=\x07"),
        ("\x9b31m", r"\x9b31m"),  # CSI as a C1 control
        ("a\rb\nc", r"a\rb\nc"),
        ("exe\u202egpj", r"exe\u202egpj"),
        ("\u2066\u2069\u200f", r"\u2066\u2069\u200f"),
        ("a\u200b\u200d\ufeffb", r"a\u200b\u200d\ufeffb"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("\ud83d\udca9", r"\ud83d\udca9"),
        ("a\u3164b\uffa0\u2800", r"a\u3164b\uffa0\u2800"),
        ("❤\ufe0f", r"❤\ufe0f"),
        ("a\U000e0041\U000e0100", r"a\U000e0041\U000e0100"),
        ("カメラ/é 🎥.jpg", "カメラ/é 🎥.jpg"),
    ],
)
def test_what_a_terminal_would_obey_becomes_an_escape(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_no_character_of_unicode_gets_through_that_is_control_format_or_separator() -> None:
    shown = safe("".join(map(chr, range(sys.maxunicode + 1))))
    assert {unicodedata.category(c)[0] for c in set(shown) - {" "}}.isdisjoint("CZ")
    shown.encode()  # no lone surrogate


@given(ANY_TEXT)
def test_safe_text_stays_as_it_is(text: str) -> None:
    assert safe(safe(text)) == safe(text)
    assert safe(safe_key(text)) == safe_key(text)


@given(ANY_TEXT, ANY_TEXT)
def test_no_two_keys_look_alike(one: str, other: str) -> None:
    assert (safe_key(one) == safe_key(other)) == (one == other)


@given(ANY_TEXT)
def test_a_key_can_be_read_back_from_what_is_shown(key: str) -> None:
    shown = safe_key(key)
    # Python's own escapes: what is not ASCII is put into that form first.
    read = "".join(c if c.isascii() else ascii(c)[1:-1] for c in shown)
    assert read.encode().decode("unicode_escape") == key


def test_lines_stay_lines() -> None:
    assert safe_lines("one\x1b\ntwo\r\nthree\x85four") == "one\\x1b\ntwo\nthree\nfour"


def test_what_is_too_long_is_cut_where_one_sees_it() -> None:
    assert clipped("abcd", 4) == "abcd"
    assert clipped("abcde", 4) == "abc…"
