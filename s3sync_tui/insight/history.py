"""Runs as the catalog remembers them."""

from __future__ import annotations

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import RunRecord

RECENT = 50


async def recent_runs(
    catalog: Catalog, limit: int = RECENT, *, before: int | None = None
) -> list[RunRecord]:
    """The newest runs first; ``before`` a run's number, for further pages."""
    return (await catalog.history(limit, before)).runs
