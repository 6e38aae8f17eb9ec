"""The right to sync: kept while the run lives, and noticed when it is lost."""

from __future__ import annotations

import asyncio

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.progress import Progress

RENEWALS_PER_LEASE = 3
SHOWN_EVERY_SECONDS = 2
"""Often enough for an onlooker to see it move, however long the lease."""


async def keep_lease(catalog: Catalog, run_id: int, lease_seconds: int, progress: Progress) -> None:
    """Renew the lease until cancelled, storing ``progress`` for onlookers each time.

    Raises :class:`~s3sync_tui.errors.LeaseLost` when another run has taken over.
    """
    while True:
        await asyncio.sleep(min(lease_seconds / RENEWALS_PER_LEASE, SHOWN_EVERY_SECONDS))
        await catalog.renew_lease(run_id, lease_seconds, progress.stats(), progress.phases())
