"""Of several changes of a key, which counts."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.engine.changes import collapse

AT = datetime(2026, 11, 24, 13, tzinfo=UTC)


def change(key: str, sequencer: str, kind: ChangeKind = ChangeKind.CREATED) -> ObjectChange:
    return ObjectChange(key, kind, sequencer, AT, sequencer, 1)


def test_of_each_key_the_newest_counts() -> None:
    newest = change("a", "0F", ChangeKind.REMOVED)
    collapsed = collapse([change("a", "0E"), newest, change("b", "01"), change("a", "0A")], [])
    assert collapsed.changes == [newest, change("b", "01")]
    assert collapsed.looks == set()


def test_sequencers_of_different_lengths_are_in_no_order() -> None:
    collapsed = collapse([change("a", "0F"), change("b", "01"), change("a", "00F")], [])
    assert (collapsed.changes, collapsed.looks) == ([change("b", "01")], {"a"})
    assert collapse([change("a", "")], []).looks == {"a"}


def test_what_is_to_be_looked_at_is_not_changed_before() -> None:
    collapsed = collapse([change("a", "0F"), change("b", "01")], ["a", "c"])
    assert (collapsed.changes, collapsed.looks) == ([change("b", "01")], {"a", "c"})


@given(
    st.lists(
        st.builds(
            change,
            st.sampled_from("abc"),
            st.sampled_from(["", "01", "02", "001", "002"]),
            st.sampled_from(ChangeKind),
        )
    )
)
def test_every_key_is_settled_once_whatever_the_order(changes: list[ObjectChange]) -> None:
    collapsed = collapse(changes, [])
    keys = [each.key for each in collapsed.changes]
    assert sorted([*keys, *collapsed.looks]) == sorted({each.key for each in changes})
    backwards = collapse(changes[::-1], [])
    assert backwards.looks == collapsed.looks
    assert {c.key: c.sequencer for c in backwards.changes} == {
        c.key: c.sequencer for c in collapsed.changes
    }
