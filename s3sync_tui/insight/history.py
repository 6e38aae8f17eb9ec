"""Runs as the catalog remembers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3sync_tui.model import RunRecord, RunStatus

if TYPE_CHECKING:  # the dashboard needs none of it before the first paint
    from s3sync_tui.catalog.base import Catalog

RECENT = 50


async def recent_runs(
    catalog: Catalog, limit: int = RECENT, *, before: int | None = None
) -> list[RunRecord]:
    """The newest runs first; ``before`` a run's number, for further pages."""
    return (await catalog.history(limit, before)).runs


class RunLog:
    """The newest runs, kept: one that has ended changes no more, and is read only once.
    Fifty with their phases are 90 kB, which a dashboard wants every few seconds."""

    def __init__(self, limit: int = RECENT) -> None:
        self._limit = limit
        self._runs: list[RunRecord] = []

    async def read(self, catalog: Catalog) -> list[RunRecord]:
        """The newest runs first. Raises as :meth:`Catalog.history` does."""
        going_on = [n for n, run in enumerate(self._runs) if run.status is RunStatus.RUNNING]
        # One may have come; and the newest that changes no more says where these go on.
        wanted = min(self._limit, 3 + max(going_on, default=-1))
        news = await recent_runs(catalog, wanted)
        known = [run.run_id for run in self._runs]
        if news and news[-1].run_id in known:
            self._runs = [*news, *self._runs[known.index(news[-1].run_id) + 1 :]][: self._limit]
        elif len(news) < wanted:  # that is all there is
            self._runs = news
        else:
            self._runs = await recent_runs(catalog, self._limit)
        return list(self._runs)
