"""Whether all is well with schema, indexes, access, bucket and schedule, and if not, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.facts import CountFacts
from s3sync_tui.errors import CatalogError, SchemaError
from s3sync_tui.insight.check import WORST_FIRST, printable
from s3sync_tui.insight.check import Check as Check
from s3sync_tui.insight.check import CheckStatus as CheckStatus
from s3sync_tui.insight.checks.access import check_access
from s3sync_tui.insight.checks.bucket import check_bucket
from s3sync_tui.insight.checks.schedule import check_clocks, check_schedule
from s3sync_tui.insight.checks.structure import check_structure, missing_schema
from s3sync_tui.insight.checks.upkeep import check_upkeep, uncounted
from s3sync_tui.insight.growth import Growth, measure_growth
from s3sync_tui.source.base import Located, Source


@dataclass(frozen=True, slots=True)
class Health:
    """All checks, the worst first."""

    at: datetime
    checks: list[Check]

    @property
    def worst(self) -> CheckStatus:
        """The status of the whole."""
        found = {check.status for check in self.checks}
        return next((status for status in WORST_FIRST if status in found), CheckStatus.OK)


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def check_health(
    catalog: Catalog,
    source: Source | None = None,
    *,
    now: Callable[[], datetime] = _utc_now,
    every_seconds: float | None = None,
    quota_bytes: int | None = None,
    verify: bool = False,
) -> Health:
    """Check all there is to check. Nothing is changed.

    ``catalog`` need only be connected: a damaged schema is what this is for. ``source``
    is opened; without one, the bucket is unknown. ``now`` is this machine's clock.
    ``every_seconds`` is how often runs are meant to come; without it, past runs tell.
    ``verify`` counts all rows.

    Raises :class:`~s3sync_tui.errors.CatalogError` where the database does not answer.
    """
    asked = now()
    try:
        facts = await catalog.health_facts()
    except SchemaError as error:
        checks = [missing_schema(error), *await check_bucket(source, catalog, None)]
        return _sorted(asked, checks)
    database_offset = _offset(facts.at, asked, now())
    growth = await _growth_of(catalog, quota_bytes)
    counted, uncounted_check = await _counted(catalog) if verify else (None, None)
    checks = [
        *check_structure(facts, counted),
        *check_access(facts),
        *check_upkeep(facts, growth, counted),
        *([uncounted_check] if uncounted_check else []),
        *check_schedule(facts, asked, every_seconds),
        *await check_bucket(source, catalog, facts),
    ]
    # By now the bucket has answered, and told its time.
    bucket_offset = source.clock_offset_seconds if isinstance(source, Located) else None
    return _sorted(asked, [*checks, check_clocks(database_offset, bucket_offset)])


async def _growth_of(catalog: Catalog, quota_bytes: int | None) -> Growth | None:
    try:
        return await measure_growth(catalog, quota_bytes=quota_bytes)
    except SchemaError:
        return None  # another check says what is missing


async def _counted(catalog: Catalog) -> tuple[CountFacts | None, Check | None]:
    try:
        return await catalog.verify_counts(), None
    except (SchemaError, CatalogError) as error:
        return None, uncounted(printable(error.message, 300), printable(error.hint, 300))


def _offset(there: datetime, asked: datetime, answered: datetime) -> float:
    """How far the other clock is ahead, at the least: it was read between the two times."""
    if there < asked:
        return (there - asked).total_seconds()
    return max(0.0, (there - answered).total_seconds())


def _sorted(at: datetime, checks: list[Check]) -> Health:
    return Health(at, sorted(checks, key=lambda check: WORST_FIRST.index(check.status)))
