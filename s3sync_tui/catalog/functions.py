"""The catalog by the schema's functions: the same calls whatever the transport.

A transport says how one function is called, and how to connect; all else is here, or in
``supabase-schema.sql``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.moments import moment
from s3sync_tui.catalog.schema import check_schema
from s3sync_tui.catalog.sqlstates import lease_lost
from s3sync_tui.changes import Applied, ObjectChange
from s3sync_tui.errors import LeaseHeld
from s3sync_tui.model import (
    CatalogSummary,
    Difference,
    KeyRange,
    Lanes,
    ObjectPage,
    RangeDigest,
    Rows,
    RunRequest,
    RunResult,
    RunStats,
    RunTicket,
)
from s3sync_tui.phases import PhaseRecord

if TYPE_CHECKING:  # a sync needs none of them, and fifteen dataclasses take 12 ms to make
    from s3sync_tui.catalog.facts import CountFacts, GrowthFacts, HealthFacts, RunHistory

GONE_SAMPLE = 20


class FunctionCatalog(Catalog):
    """A catalog, but for its connections.

    Every function may be called again after an answer was lost: it does nothing
    twice, and answers the same.
    """

    def __init__(self, *, table: str, description: str) -> None:
        """``description`` names the database for people and holds no secret."""
        self.description = f"{description} ▸ {table}"
        self._table = table

    @property
    def region(self) -> str | None:
        return None

    async def open(self) -> None:
        await self.connect()
        try:
            await self._verify()
        except BaseException:
            await self.close()
            raise

    @abstractmethod
    async def _call(self, function: str, arguments: Mapping[str, object]) -> Any:
        """What ``function`` of our table returns: a mapping where it has several
        OUT parameters, else the bare value.

        Arguments are numbers, texts, times, mappings (jsonb) and lists (of
        numbers for ``p_sizes``, of texts for all others). Repeats what a
        moment's wait can mend, and raises
        :class:`~s3sync_tui.errors.S3SyncError` for the rest.
        """

    async def _verify(self) -> None:
        """Raise where a sync could not work: SchemaError, or CatalogDenied."""
        version = await self._call("s3sync_version", {})
        problems = await self._call("s3sync_problems", {})
        check_schema(version, problems, table=self._table, where=self.description)

    async def summary(self) -> CatalogSummary:
        row = await self._call("s3sync_summary", {})
        return CatalogSummary(row["objects_total"], row["bytes_total"], moment(row["at"]))

    async def begin_run(self, request: RunRequest) -> RunTicket:
        row = await self._call(
            "s3sync_begin_run",
            {
                "p_bucket": request.bucket,
                "p_prefix": request.prefix,
                "p_mode": request.mode.value,
                "p_holder": request.holder,
                "p_lease_seconds": request.lease_seconds,
                # A repeated call finds the run that the first has begun.
                "p_request": uuid4().hex,
            },
        )
        if row["run_id"] is None:
            raise LeaseHeld(
                f"Another run (number {row['held_run_id']}, {row['held_by']}) has been syncing "
                f"{request.bucket} into {self.description} since "
                f"{moment(row['held_since']):%H:%M:%S %Z}.",
                hint="Wait for it; if its process is dead, its lease runs out in "
                f"{row['held_for_seconds']:.0f} s. With --once, --if-running=skip makes it no "
                "failure.",
                run_id=row["held_run_id"],
                holder=row["held_by"],
                since=moment(row["held_since"]),
            )
        return RunTicket(row["run_id"], moment(row["started_at"]), row["interrupted"])

    async def renew_lease(
        self, run_id: int, lease_seconds: int, stats: RunStats, phases: Sequence[PhaseRecord] = ()
    ) -> None:
        held = await self._call(
            "s3sync_renew",
            {
                "p_run_id": run_id,
                "p_lease_seconds": lease_seconds,
                "p_total": stats.total,
                "p_added": stats.added,
                "p_changed": stats.changed,
                "p_gone": stats.gone,
                "p_rejected": stats.rejected,
                "p_list_requests": stats.list_requests,
                "p_cost_usd": stats.cost_usd,
                "p_details": {"phases": [p.document() for p in phases]} if phases else None,
            },
        )
        if not held:
            raise lease_lost()

    async def finish_run(
        self,
        run_id: int,
        result: RunResult,
        lanes: Lanes | None = None,
        committed: Sequence[int] = (),
    ) -> RunStats:
        stats = result.stats
        first, last = _spans(committed)
        row = await self._call(
            "s3sync_finish_run",
            {
                "p_run_id": run_id,
                "p_status": result.status.value,
                "p_total": stats.total,
                "p_gone": stats.gone,
                "p_rejected": stats.rejected,
                "p_list_requests": stats.list_requests,
                "p_cost_usd": stats.cost_usd,
                "p_error": result.error,
                "p_hint": result.hint,
                "p_details": {
                    "failed_ranges": [[s.after, s.up_to] for s in result.failed_ranges[:100]],
                    "gone_sample": result.gone_sample,
                    "rejected_sample": result.rejected_sample,
                    "phases": [phase.document() for phase in result.phases],
                    "mode_reason": result.mode_reason,
                },
                "p_lanes": lanes
                and {
                    **{field.name: getattr(lanes, field.name) for field in fields(lanes)},
                    "full_at": lanes.full_at.isoformat(),
                },
                "p_first": first,
                "p_last": last,
            },
        )
        added, changed = row["added"], row["changed"]
        return replace(stats, total=max(stats.total, added), added=added, changed=changed)

    async def lanes(self, bucket: str, prefix: str) -> Lanes | None:
        row = await self._call("s3sync_lanes", {"p_bucket": bucket, "p_prefix": prefix})
        return row and Lanes(**{**row, "full_at": moment(row["full_at"])})

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        points: list[str] = await self._call(
            "s3sync_split_points",
            {"p_after": span.after, "p_up_to": span.up_to, "p_parts": parts},
        )
        return points

    async def range_digests(self, spans: Sequence[KeyRange]) -> list[RangeDigest]:
        row = await self._call(
            "s3sync_range_digests",
            {"p_after": [s.after for s in spans], "p_up_to": [s.up_to for s in spans]},
        )
        pairs = zip(row["row_counts"], row["digests"], strict=True)
        return [RangeDigest(rows, digest) for rows, digest in pairs]

    async def compare(self, page: ObjectPage, *, started_at: datetime) -> Difference:
        row = await self._call(
            "s3sync_compare",
            {
                "p_after": page.span.after,
                "p_up_to": page.span.up_to,
                "p_filenames": page.images.keys,
                "p_sizes": page.images.sizes,
                "p_etags": page.images.etags,
                "p_others": page.others,
                "p_started_at": started_at,
                "p_sample": GONE_SAMPLE,
            },
        )
        return Difference(row["missing"], row["changed"], row["gone"], row["gone_sample"])

    async def mark_gone(self, page: ObjectPage, *, run_id: int, started_at: datetime) -> int:
        marked: int = await self._call(
            "s3sync_mark_gone",
            {
                "p_run_id": run_id,
                "p_after": page.span.after,
                "p_up_to": page.span.up_to,
                "p_present": page.images.keys + page.others,
                "p_started_at": started_at,
            },
        )
        return marked

    async def insert_batch(
        self, run_id: int, batch: int, rows: Rows, *, fresh: bool = False
    ) -> int:
        arguments = _batch(run_id, batch, rows) | {"p_fresh": fresh}
        added: int = await self._call("s3sync_insert", arguments)
        return added

    async def update_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        changed: int = await self._call("s3sync_update", _batch(run_id, batch, rows))
        return changed

    async def apply_changes(
        self, changes: Sequence[ObjectChange], *, looked_after: datetime | None = None
    ) -> Applied:
        row = await self._call(
            "s3sync_apply_changes",
            {
                "p_filenames": [change.key for change in changes],
                "p_kinds": [change.kind.value for change in changes],
                "p_sequencers": [change.sequencer for change in changes],
                "p_modified": [change.at.isoformat() for change in changes],
                "p_etags": [change.etag for change in changes],
                "p_sizes": [change.size_bytes for change in changes],
                "p_looked_after": looked_after,
            },
        )
        return Applied(**{**row, "at": moment(row["at"])})

    async def history(self, limit: int = 50, before: int | None = None) -> RunHistory:
        from s3sync_tui.catalog.facts import read_history

        row = await self._call("s3sync_history", {"p_limit": limit, "p_before": before})
        return read_history(row)

    async def growth_facts(self) -> GrowthFacts:
        from s3sync_tui.catalog.facts import read_growth

        return read_growth(await self._call("s3sync_growth", {}))

    async def health_facts(self) -> HealthFacts:
        from s3sync_tui.catalog.facts import read_health

        return read_health(await self._call("s3sync_health", {}))

    async def verify_counts(self) -> CountFacts:
        from s3sync_tui.catalog.facts import CountFacts

        return CountFacts(**await self._call("s3sync_verify", {}))


def _spans(numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """The first and the last of each stretch of ``numbers`` that follow one another."""
    first: list[int] = []
    last: list[int] = []
    for number in sorted(numbers):
        if last and number == last[-1] + 1:
            last[-1] = number
        else:
            first.append(number)
            last.append(number)
    return first, last


def _batch(run_id: int, batch: int, rows: Rows) -> dict[str, object]:
    return {
        "p_run_id": run_id,
        "p_batch": batch,
        "p_filenames": rows.keys,
        "p_sizes": rows.sizes,
        "p_etags": rows.etags,
        "p_modified": rows.modified,
    }
