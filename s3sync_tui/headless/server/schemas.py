"""The documents that the server sends and takes, as JSON Schema."""

from __future__ import annotations

from typing import Any

from s3sync_tui.headless.server.parameters import MODES
from s3sync_tui.insight.check import CheckStatus
from s3sync_tui.insight.growth import Period
from s3sync_tui.model import RunMode, RunStatus
from s3sync_tui.phases import Phase

_Object = dict[str, Any]

_TEXT: _Object = {"type": "string"}
_COUNT: _Object = {"type": "integer", "minimum": 0}
_NUMBER: _Object = {"type": "number"}
_SWITCH: _Object = {"type": "boolean"}
_MOMENT: _Object = {"type": "string", "format": "date-time"}


def _or_null(schema: _Object) -> _Object:
    return {**schema, "type": [schema["type"], "null"]}


def _list(schema: _Object) -> _Object:
    return {"type": "array", "items": schema}


def _one_of(values: list[str] | tuple[str, ...]) -> _Object:
    return {"type": "string", "enum": list(values)}


def _object(properties: _Object, *, optional: _Object | None = None) -> _Object:
    more = optional or {}
    return {
        "type": "object",
        "properties": {**properties, **more},
        "required": list(properties),
    }


_RANGE = _object({"after": _TEXT, "up_to": _TEXT})
_FIGURES: _Object = {
    "total": _COUNT,
    "added": _COUNT,
    "skipped": _COUNT,
    "changed": _COUNT,
    "gone": _COUNT,
    "rejected": _COUNT,
    "list_requests": _COUNT,
    "cost_usd": _NUMBER,
    "duration_seconds": _NUMBER,
}
_STATUS = _one_of([status.value for status in RunStatus])
_MODE = _one_of([mode.value for mode in RunMode])
_STATS = _object(
    {
        **_FIGURES,
        "duration": _TEXT,
        "status": _STATUS,
        "run_id": _or_null(_COUNT),
        "mode": _MODE,
        "mode_reason": _TEXT,
        "dry_run": _SWITCH,
        "gone_sample": _list(_TEXT),
        "rejected_sample": _list(_TEXT),
        "failed_ranges": _list(_RANGE),
    },
    optional={"error": _TEXT, "hint": _TEXT},
)
_RECORD: _Object = {
    "run_id": _COUNT,
    "bucket": _TEXT,
    "prefix": _TEXT,
    "mode": _TEXT,
    "status": _STATUS,
    "holder": _TEXT,
    "started_at": _MOMENT,
    "heartbeat_at": _MOMENT,
    "finished_at": _or_null(_MOMENT),
    "error": _TEXT,
    "hint": _TEXT,
    "details": {"type": "object"},
    **_FIGURES,
}
_PHASE = _object(
    {
        "phase": _one_of([phase.value for phase in Phase]),
        "began": _or_null(_NUMBER),
        "ended": _or_null(_NUMBER),
        "elapsed": _NUMBER,
        "done": _COUNT,
        "expected": _or_null(_COUNT),
        "share": _NUMBER,
        "per_second": _NUMBER,
        "mean": _NUMBER,
        "peak": _NUMBER,
        "every": _NUMBER,
        "rates": _list(_NUMBER),
    }
)
_COST = _object(
    {
        "last_run_usd": _or_null(_NUMBER),
        "month_usd": _NUMBER,
        "projected_month_usd": _or_null(_NUMBER),
        "seconds_between_runs": _or_null(_NUMBER),
    }
)
_ARRIVALS = _object(
    {
        "period": _one_of([period.value for period in Period]),
        "starts": _list(_MOMENT),
        "counts": _list(_COUNT),
        "size_bytes": _list(_COUNT),
    }
)
_CHECK = _object(
    {
        "name": _TEXT,
        "title": _TEXT,
        "status": _one_of([status.value for status in CheckStatus]),
        "measured": _TEXT,
        "why": _TEXT,
        "fix": _TEXT,
        "sql": _list(_TEXT),
    }
)

SCHEMAS: _Object = {
    "Index": {"type": "object", "additionalProperties": _TEXT},
    "Alive": _object({"alive": {"const": True}}),
    "Ready": _object({"ready": {"const": True}}),
    "SyncWish": {
        "type": "object",
        "properties": {"wait": _SWITCH, "mode": _one_of(MODES), "dry_run": _SWITCH},
        "additionalProperties": False,
    },
    "Begun": _object({"run_id": _COUNT, "run_url": _TEXT}),
    "Stats": _STATS,
    "Run": _object(
        {
            **_RECORD,
            "mode_reason": _TEXT,
            "phases": _list(_PHASE),
            "failed_ranges": _list(_RANGE),
        }
    ),
    "Runs": _object({"runs": _list(_object(_RECORD)), "cost": _COST, "next": _or_null(_TEXT)}),
    "Growth": _object(
        {
            "at": _MOMENT,
            "images": _COUNT,
            "size_bytes": _COUNT,
            "today": _COUNT,
            "database_bytes": _COUNT,
            "whole_database_bytes": _or_null(_COUNT),
            "bytes_per_row": _NUMBER,
            "quota_bytes": _or_null(_COUNT),
            "full_in_days": _or_null(_NUMBER),
            "newest_at": _or_null(_MOMENT),
            "rates": _list(_object({"window_hours": _COUNT, "per_hour": _or_null(_NUMBER)})),
            "projections": _list(
                _object(dict.fromkeys(("days", "images", "low", "high", "database_bytes"), _COUNT))
            ),
            "arrivals": _object({period.value: _ARRIVALS for period in Period}),
        }
    ),
    "Health": _object(
        {
            "worst": _one_of([status.value for status in CheckStatus]),
            "at": _MOMENT,
            "checks": _list(_CHECK),
        }
    ),
    "Error": _object(
        {"error": _object({"code": _TEXT, "message": _TEXT, "hint": _TEXT})},
        optional={
            "holder": _object(
                {"host": _TEXT, "run_id": _or_null(_COUNT), "since": _or_null(_MOMENT)}
            ),
            "run": _STATS,
        },
    ),
}
