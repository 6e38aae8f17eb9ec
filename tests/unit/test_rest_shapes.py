"""What another than our functions may answer is not taken for their answer."""

from __future__ import annotations

from typing import Any

import pytest

from s3sync_tui.catalog.rest_shapes import is_answer

NOW = "2026-11-24T12:00:00.123+00:00"
DIGESTS = {"row_counts": [0, 5], "digests": ["", "ab"]}
TWO = {"p_after": ["", "a"], "p_up_to": ["a", "b"]}
THREE = {"p_filenames": ["a", "b", "c"]}
COMPARED = {"missing": [0, 2], "changed": [1], "gone": 3, "gone_sample": ["x"]}
BEGUN = {"run_id": 1, "started_at": NOW, "interrupted": [], "held_by": None}
HELD = {
    "run_id": None,
    "held_run_id": 7,
    "held_by": "host",
    "held_since": NOW,
    "held_for_seconds": 1,
}
SOUND: list[tuple[str, dict[str, Any], Any]] = [
    ("s3sync_version", {}, 4),
    ("s3sync_problems", {}, []),
    ("s3sync_summary", {}, {"objects_total": 0, "bytes_total": 2**40, "at": NOW, "more": None}),
    ("s3sync_begin_run", {}, BEGUN),
    ("s3sync_begin_run", {}, HELD),
    ("s3sync_renew", {}, False),
    ("s3sync_lanes", {}, None),
    ("s3sync_range_digests", TWO, DIGESTS),
    ("s3sync_compare", THREE, COMPARED),
    ("s3sync_insert", THREE, 3),
    ("s3sync_update", THREE, 0),
    ("s3sync_split_points", {}, ["a", "b"]),
    ("s3sync_of_another_version", {}, []),
]
STRANGE: list[Any] = [None, [], {}, "ok", '{"cut": ', 3.5, True, [None], [{}], {"error": "no"}]


@pytest.mark.parametrize(("function", "arguments", "answer"), SOUND)
def test_the_functions_own_answers_are_taken(
    function: str, arguments: dict[str, Any], answer: Any
) -> None:
    assert is_answer(function, arguments, answer)


@pytest.mark.parametrize(("function", "arguments", "answer"), SOUND[:-1])
def test_anything_else_is_not(function: str, arguments: dict[str, Any], answer: Any) -> None:
    taken = [strange for strange in STRANGE if is_answer(function, arguments, strange)]
    may_be = {
        "s3sync_problems": [[]],
        "s3sync_split_points": [[]],
        "s3sync_renew": [True],
        "s3sync_lanes": [None],
    }
    assert taken == may_be.get(function, [])
    if isinstance(answer, dict):
        for name in answer.keys() - {"more", "held_by"}:
            assert not is_answer(function, arguments, {**answer, name: {"of": "another kind"}})
            without = {key: value for key, value in answer.items() if key != name}
            assert not is_answer(function, arguments, without)


@pytest.mark.parametrize(
    ("function", "arguments", "answer"),
    [
        ("s3sync_range_digests", TWO, {"row_counts": [0], "digests": [""]}),
        ("s3sync_range_digests", TWO, {"row_counts": [0, 5], "digests": ["ab"]}),
        ("s3sync_compare", THREE, {**COMPARED, "missing": [3]}),
        ("s3sync_compare", THREE, {**COMPARED, "changed": [-1]}),
        ("s3sync_insert", THREE, 4),
        ("s3sync_insert", THREE, -1),
        ("s3sync_summary", {}, {"objects_total": 0, "bytes_total": 0, "at": "now"}),
    ],
)
def test_an_answer_to_another_call_is_not_taken(
    function: str, arguments: dict[str, Any], answer: Any
) -> None:
    assert not is_answer(function, arguments, answer)
