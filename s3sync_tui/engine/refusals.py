"""Rows that the table refuses, by a rule of its owner's: found one by one and left out, so that
none of them holds up the others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import Applied, ObjectChange
from s3sync_tui.errors import RowRefused
from s3sync_tui.model import Rows
from s3sync_tui.source.notifications import shown

log = logging.getLogger(__name__)

MOST = 100
"""Rows that one process of a run leaves out before it gives up. Each costs about a dozen
statements, and a table that refuses so many will refuse most."""


@dataclass(slots=True)
class Refusals:
    """What one run was refused."""

    rows: int = 0
    key: str = ""
    """Of the first."""
    error: RowRefused | None = None
    """Why it was."""

    async def write(self, write: Callable[[Rows], Awaitable[None]], rows: Rows) -> None:
        """``write`` all of ``rows`` that the table takes.

        Raises :class:`~s3sync_tui.errors.RowRefused` beyond :data:`MOST`.
        """
        try:
            await write(rows)
        except RowRefused as error:
            if len(rows) == 1:
                self._leave_out(rows.keys[0], error)
                return
        else:
            return
        middle = len(rows) // 2
        await self.write(write, rows.slice(0, middle))
        await self.write(write, rows.slice(middle, len(rows)))

    def merge(self, other: Refusals) -> None:
        """Add what another process of the run was refused."""
        if self.error is None:
            self.key, self.error = other.key, other.error
        self.rows += other.rows

    def _leave_out(self, key: str, error: RowRefused) -> None:
        if self.rows >= MOST:
            raise RowRefused(
                f"The table refuses more than {MOST} rows. The last of them: {error.message}",
                hint=error.hint,
            ) from error
        log.warning("The row of %s is left out: %s", shown(key), error.message)
        self.merge(Refusals(1, key, error))


async def apply_changes(
    catalog: Catalog, changes: Sequence[ObjectChange], *, looked_after: datetime | None = None
) -> Applied:
    """As :meth:`Catalog.apply_changes`, but what the table refuses is left out, and named in
    the answer; what it takes may be applied in several transactions.

    Raises :class:`~s3sync_tui.errors.RowRefused` where it takes nothing at all.
    """
    try:
        return await catalog.apply_changes(changes, looked_after=looked_after)
    except RowRefused as error:
        if not changes:  # by a rule for whole statements, whatever is in them
            raise
        if len(changes) == 1:
            nothing = await catalog.apply_changes([], looked_after=looked_after)
            nothing.refused[changes[0].key] = error.message
            return nothing
    middle = len(changes) // 2
    first = await apply_changes(catalog, changes[:middle], looked_after=looked_after)
    second = await apply_changes(catalog, changes[middle:], looked_after=looked_after)
    return first.then(second, middle)
