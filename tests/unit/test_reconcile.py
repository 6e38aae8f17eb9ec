"""Pages whose digest says nothing, or all."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.engine.reconcile import digest
from s3sync_tui.model import Rows
from tests.contract.images import HARD_KEYS, rows
from tests.contract.images import digest as written_down_once_more

NO_ONES = ""
"""No digest of a database is empty."""

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\1"), max_size=4)
tables = st.lists(st.tuples(text, text, st.integers(0, 300)), max_size=4)


def table(entries: list[tuple[str, str, int]]) -> Rows:
    return Rows(
        [key for key, _, _ in entries],
        [etag for _, etag, _ in entries],
        [size for _, _, size in entries],
        ["" for _ in entries],
    )


@given(tables, tables)
def test_rows_that_differ_have_other_digests(
    some: list[tuple[str, str, int]], others: list[tuple[str, str, int]]
) -> None:
    assert (digest(table(some)) == digest(table(others))) is (some == others)


def test_the_form_is_the_one_that_is_documented() -> None:
    for images in (rows([]), rows(HARD_KEYS), rows(["a", "b"])):
        assert digest(images) == written_down_once_more(images)


def test_what_no_digest_tells_apart_equals_nothing() -> None:
    images = rows(["a", "b"])
    assert digest(replace(images, etags=["a\1b", "c"])) == NO_ONES
    assert digest(replace(images, sizes=[2**63, 0])) == NO_ONES
