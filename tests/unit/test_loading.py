"""What COPY is given says exactly what the rows say."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.catalog.loading import HourCounts, ascending_runs, copy_text
from s3sync_tui.model import Rows
from tests.contract.images import HARD_KEYS, rows

_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read(text: bytes) -> list[list[str]]:
    """As COPY reads it: lines, columns, escapes."""
    lines = text.decode().split("\n")
    assert lines.pop() == ""
    assert not any(set(re.sub(r"\\\\|\\[tnr]", "", line)) & {"\r", "\\"} for line in lines)
    return [
        [re.sub(r"\\.", lambda match: _UNESCAPED[match[0]], column) for column in line.split("\t")]
        for line in lines
    ]


storable = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
awkward = st.text(st.sampled_from("\\\t\n\r.Nnt😀a"))


@given(st.lists(st.tuples(storable | awkward, storable | awkward, st.integers(0, 2**63 - 1))))
def test_any_key_that_can_be_stored_is_read_as_it_is(entries: list[tuple[str, str, int]]) -> None:
    keys, etags, sizes = [list(column) for column in zip(*entries, strict=True)] or ([], [], [])
    modified = ["2026-11-24T13:00:00.000Z"] * len(keys)
    expected = [list(map(str, row)) for row in zip(keys, sizes, etags, modified, strict=True)]
    assert read(copy_text(Rows(keys, etags, sizes, modified))) == expected


def test_hard_keys_are_read_as_they_are() -> None:
    assert [row[0] for row in read(copy_text(rows(HARD_KEYS)))] == HARD_KEYS


def test_hours_are_counted_wherever_their_objects_stand() -> None:
    times = ["2026-11-24T13:59:59.999Z", "2026-11-24T12:00:00Z", "2026-11-24T13:00:00.000Z"]
    counts = HourCounts.of(Rows(["a", "b", "c"], [""] * 3, [1, 20, 300], times))
    assert counts == HourCounts(["2026-11-24T12:00Z", "2026-11-24T13:00Z"], [1, 2], [20, 301])
    assert HourCounts.of(Rows(["a"], [""], [1], ["2026-11-24T13:00:00+02:00"])) is None


@given(st.lists(st.text(max_size=3)))
def test_runs_ascend_and_hold_every_key(keys: list[str]) -> None:
    first, last = ascending_runs(keys)
    start = 0
    for lowest, highest in zip(first, last, strict=True):
        end = keys.index(highest, start) + 1
        assert keys[start] == lowest
        assert keys[start:end] == sorted(set(keys[start:end]))
        start = end
    assert start == len(keys)
