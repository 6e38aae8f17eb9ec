"""The right to sync: kept while the run lives, and noticed when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import RunStats

RENEWALS_PER_LEASE = 3


async def keep_lease(
    catalog: Catalog, run_id: int, lease_seconds: int, stats: Callable[[], RunStats]
) -> None:
    """Renew the lease until cancelled, storing ``stats()`` for onlookers each time.

    Raises :class:`~s3sync_tui.errors.LeaseLost` when another run has taken over.
    """
    while True:
        # Often enough for an onlooker to see it move, however long the lease.
        await asyncio.sleep(min(lease_seconds / RENEWALS_PER_LEASE, 5))
        await catalog.renew_lease(run_id, lease_seconds, stats())
