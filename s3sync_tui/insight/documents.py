"""Runs, growth and health as JSON documents: one form for the commands and for exports."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from s3sync_tui.model import RunRecord

if TYPE_CHECKING:  # the dashboard would pay for them before its first paint
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health


def history_document(runs: Sequence[RunRecord], cost: Cost | None) -> dict[str, Any]:
    """The runs, each as one flat object, and what listing costs; null where not known."""
    return {"runs": [run_object(run) for run in runs], "cost": _plain(cost)}


def growth_document(growth: Growth) -> dict[str, Any]:
    """All that is known of growth."""
    return _fields(growth)


def health_document(health: Health) -> dict[str, Any]:
    """The status of the whole, and the checks."""
    return {"worst": health.worst.value, **_fields(health)}


def run_object(run: RunRecord) -> dict[str, Any]:
    """A run as one flat object."""
    plain = _fields(run)
    figures = plain.pop("stats")
    return {**plain, **figures, "skipped": run.stats.skipped}


def _plain(value: Any) -> Any:
    """What JSON can hold: times in ISO 8601."""
    match value:
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case dict():
            return {_plain(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            return _fields(value)
        case _:
            return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
