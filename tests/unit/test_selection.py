"""Which keys are images."""

from __future__ import annotations

import pytest

from s3sync_tui.source.selection import Selection


@pytest.mark.parametrize(
    ("key", "selected"),
    [
        ("a.jpg", True),
        ("deep/down/A.JPG", True),
        ("line\nbreak.jpg", True),
        (".jpg", True),
        ("a.jpg.txt", False),
        ("jpg", False),
        ("dir/", False),
    ],
)
def test_a_suffix_selects_at_any_depth_and_in_any_case(key: str, selected: bool) -> None:
    assert Selection(["*.jpg", "*.png"]).matches(key) is selected


@pytest.mark.parametrize(
    ("pattern", "key", "selected"),
    [
        ("cam-0?/*", "CAM-07/2026/a\nb.bin", True),
        ("cam-0?/*", "cam-10/a", False),
        ("[ab]*.jp*g", "b/x.jpeg", True),
        ("[!ab]*.jpg", "bx.jpg", False),
        ("exact.txt", "exact.txt", True),
        ("exact.txt", "exact.txt\n", False),
        ("*a+b(c).jpg", "x/a+b(c).jpg", True),
        ("*", "", True),
    ],
)
def test_globs_match_whole_keys(pattern: str, key: str, selected: bool) -> None:
    assert Selection([pattern]).matches(key) is selected


def test_suffixes_and_globs_select_together() -> None:
    selection = Selection(["*.jpg", "raw/*"])
    assert [selection.matches(key) for key in ("a.jpg", "raw/x", "x/raw/y")] == [True, True, False]


def test_an_exclusion_wins() -> None:
    selection = Selection(["*.jpg"], ["*_thumb.jpg", "tmp/*"])
    keys = ["a.jpg", "a_THUMB.jpg", "tmp/a.jpg", "b.jpg"]
    assert selection.indices(keys) == [0, 3]
    assert [i for i, key in enumerate(keys) if selection.matches(key)] == [0, 3]


def test_no_pattern_selects_nothing_and_the_default_everything() -> None:
    assert not Selection([]).matches("a.jpg")
    assert Selection().matches("a.txt")
