"""What took too long is asked for in halves, and not tried whole again for a while."""

from __future__ import annotations

from s3sync_tui.catalog.halves import CALLS_UNTIL_MORE, Portion, halve
from s3sync_tui.model import KeyRange, ObjectPage
from tests.contract.images import rows


def test_half_pages_cover_the_page() -> None:
    images = rows(f"{index}.jpg" for index in range(1, 8))
    whole = ObjectPage(KeyRange("0", "9"), images, ["1.txt", "5", "8"], [], 70)
    lower, upper = halve(whole)
    assert (lower.span.after, upper.span.up_to) == ("0", "9")
    assert lower.span.up_to == upper.span.after == lower.images.keys[-1]
    assert lower.images.keys + upper.images.keys == images.keys
    assert lower.images.etags + upper.images.etags == images.etags
    assert lower.others + upper.others == whole.others
    assert all(key in lower.span for key in lower.images.keys + lower.others)
    assert all(key in upper.span for key in upper.images.keys + upper.others)


def test_a_portion_shrinks_at_once_and_grows_slowly() -> None:
    portion = Portion()
    assert portion.size > 10**6
    portion.took_too_long(1000)
    assert portion.size == 500
    portion.took_too_long(1000)  # it was on its way already
    assert portion.size == 500
    portion.took_too_long(500)
    assert portion.size == 250
    for _ in range(CALLS_UNTIL_MORE):
        assert portion.size == 250
        portion.was_in_time()
    assert portion.size == 500
    portion.took_too_long(1)
    assert portion.size == 1  # there is always one to try
