"""The right to sync: kept while the run lives, and noticed when it is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.progress import Progress
from s3sync_tui.errors import S3SyncError
from s3sync_tui.model import RunRecord, RunResult, RunStatus

RENEWALS_PER_LEASE = 3
SHOWN_EVERY_SECONDS = 2
"""Often enough for an onlooker to see it move, however long the lease."""
_LOOK_BACK = 20


async def keep_lease(catalog: Catalog, run_id: int, lease_seconds: int, progress: Progress) -> None:
    """Renew the lease until cancelled, storing ``progress`` for onlookers each time.

    Raises :class:`~s3sync_tui.errors.LeaseLost` when another run has taken over.
    """
    while True:
        await asyncio.sleep(min(lease_seconds / RENEWALS_PER_LEASE, SHOWN_EVERY_SECONDS))
        await catalog.renew_lease(run_id, lease_seconds, progress.stats(), progress.phases())


async def naming_the_heir(catalog: Catalog, bucket: str, result: RunResult) -> RunResult:
    """``result``; where the lease was lost, it says to whom, as far as the catalog tells."""
    if result.status is not RunStatus.INTERRUPTED or result.run_id is None:
        return result
    try:
        runs = (await catalog.history(_LOOK_BACK)).runs
    except S3SyncError:
        return result
    heirs = [run for run in runs if run.bucket == bucket and run.run_id > result.run_id]
    if heirs:  # the newest come first
        return replace(result, error=_told(heirs[-1]))
    if any(run.run_id == result.run_id for run in runs):  # so none is older than what was read
        return replace(
            result,
            error="The lease of this run is gone from the database, and no other run has it.",
            hint="Nothing is lost: the next run completes the work.",
        )
    return result


def _told(heir: RunRecord) -> str:
    return (
        f"The lease ran out, and another run has taken over: number {heir.run_id} ({heir.holder}), "
        f"begun at {heir.started_at:%Y-%m-%d %H:%M:%S %Z} and now {heir.status.value}."
    )
