"""What the schema's functions return, as JSON has it: what is not of that shape is no answer.

Between us and the database there may be proxies, portals and gateways, with JSON of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from s3sync_tui.catalog.moments import moment

_TIME = datetime
_COUNT = int
_TEXTS = [str]
_COUNTS = [int]

# A type; a list of one: of such things; a dict: with these, and perhaps more; a tuple: one of
# these.
_SHAPES: dict[str, object] = {
    "s3sync_version": _COUNT,
    "s3sync_problems": _TEXTS,
    "s3sync_summary": {"objects_total": _COUNT, "bytes_total": _COUNT, "at": _TIME},
    "s3sync_begin_run": (
        {"run_id": _COUNT, "started_at": _TIME, "interrupted": _COUNTS},
        {
            "run_id": None,
            "held_run_id": _COUNT,
            "held_by": str,
            "held_since": _TIME,
            "held_for_seconds": float,
        },
    ),
    "s3sync_renew": bool,
    "s3sync_finish_run": {"added": _COUNT, "changed": _COUNT},
    "s3sync_lanes": (
        None,
        {
            "fingerprint": str,
            "full_at": _TIME,
            "depth": _COUNT,
            "prefixes": _TEXTS,
            "watermarks": _TEXTS,
            "why_full": str,
        },
    ),
    "s3sync_split_points": _TEXTS,
    "s3sync_range_digests": {"row_counts": _COUNTS, "digests": _TEXTS},
    "s3sync_compare": {
        "missing": _COUNTS,
        "changed": _COUNTS,
        "gone": _COUNT,
        "gone_sample": _TEXTS,
    },
    "s3sync_mark_gone": _COUNT,
    "s3sync_insert": _COUNT,
    "s3sync_update": _COUNT,
    "s3sync_apply_changes": {
        "added": _COUNT,
        "changed": _COUNT,
        "gone": _COUNT,
        "stale": _COUNT,
        "doubtful": _COUNTS,
        "at": _TIME,
    },
    "s3sync_history": {"at": _TIME, "runs": [dict], "month": dict},
    "s3sync_holder": {"pid": (_COUNT, None), "application": (str, None), "role": (str, None)},
    "s3sync_growth": {"at": _TIME, "hours": [_TIME], "days": [_TIME]},
    "s3sync_health": {"at": _TIME, "tables": [dict], "columns": [dict]},
    "s3sync_verify": {"kept_objects": _COUNT, "true_objects": _COUNT},
}


def is_answer(function: str, arguments: Mapping[str, object], answer: object) -> bool:
    """Whether ``function`` of the schema can have returned that, for such arguments."""
    if not _fits(answer, _SHAPES.get(function, object)):
        return False
    match function, answer:
        case "s3sync_range_digests", {"row_counts": counts, "digests": digests}:
            return len(counts) == len(digests) == _length(arguments, "p_after")
        case "s3sync_compare", {"missing": missing, "changed": changed}:
            pages = range(_length(arguments, "p_filenames"))
            return all(index in pages for index in (*missing, *changed))
        case "s3sync_insert" | "s3sync_update", int(written):
            return 0 <= written <= _length(arguments, "p_filenames")
    return True


def _fits(value: object, shape: object) -> bool:
    match shape:
        case tuple():
            return any(_fits(value, each) for each in shape)
        case dict():
            return isinstance(value, dict) and all(
                name in value and _fits(value[name], each) for name, each in shape.items()
            )
        case [each]:
            return isinstance(value, list) and all(_fits(item, each) for item in value)
        case None:
            return value is None
    if shape is _TIME:
        return isinstance(value, str) and _is_time(value)
    if shape is float:
        shape = (int, float)
    is_sound: bool = isinstance(value, shape)  # type: ignore[arg-type]
    return is_sound and (shape in {bool, object} or not isinstance(value, bool))


def _is_time(text: str) -> bool:
    try:
        moment(text)
    except ValueError:
        return False
    return True


def _length(arguments: Mapping[str, object], name: str) -> int:
    value: Any = arguments.get(name)
    return len(value)
