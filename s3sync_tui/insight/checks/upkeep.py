"""What grows and wears: statistics, dead rows, counts, numbers, space."""

from __future__ import annotations

from s3sync_tui.catalog.facts import CountFacts, HealthFacts, NumberedFacts, UpkeepFacts
from s3sync_tui.insight.check import Check, Subject, several, size, span, sql_name
from s3sync_tui.insight.checks.structure import MANY_ROWS, recount_function
from s3sync_tui.insight.growth import Growth

DEAD_SHARE = 0.2
"""Autovacuum's own threshold."""
VISIBLE_SHARE = 0.9
ID_SHARES = (0.75, 0.95)
QUOTA_SHARES = (0.8, 0.95)
QUOTA_DAYS = (30, 3)

_STATISTICS = Subject(
    "statistics",
    "Statistics of the table",
    "The planner and the cuts of the key space both come from them.",
)
_VACUUM = Subject(
    "vacuum",
    "Rows are vacuumed",
    "Digests are read from the index alone only where VACUUM has marked pages all-visible: "
    "three times as fast.",
)
_IDS = Subject(
    "id_headroom",
    "Numbers left for new rows",
    "At the end of the numbers every insert fails.",
)
_COUNTS = Subject(
    "counts",
    "Kept counts are true",
    "Totals, growth and history come from the kept counts, not from counting.",
)
_QUOTA = Subject(
    "quota",
    "Room in the database",
    "A Supabase project over its quota becomes read-only.",
)


def check_upkeep(
    facts: HealthFacts, growth: Growth | None, counted: CountFacts | None
) -> list[Check]:
    """All of them; counts only where they were ``counted``, room where ``growth`` is known."""
    checks = [] if growth is None else [_check_quota(growth)]
    table = facts.tables[0].name
    if facts.upkeep is not None:
        checks += [_check_statistics(facts.upkeep, table), _check_vacuum(facts, facts.upkeep)]
    numbered = [column for column in facts.numbered if column.type != "bigint"]
    checks += [_check_ids(column, table, growth) for column in numbered]
    if not numbered and facts.numbered:
        checks.append(_IDS.ok("64 bits: enough for ever"))
    if counted is not None:
        checks.append(_check_counts(counted, table))
    return checks


def _check_statistics(upkeep: UpkeepFacts, table: str) -> Check:
    if upkeep.analyzed:
        return _STATISTICS.ok("there")
    if upkeep.rows < MANY_ROWS and upkeep.pages < MANY_ROWS // 100:
        return _STATISTICS.ok("none yet, the table is small")
    return _STATISTICS.warn("there are none", "Collect them.", (f"analyze {sql_name(table)};",))


def _check_vacuum(facts: HealthFacts, upkeep: UpkeepFacts) -> Check:
    table = facts.tables[0].name
    if upkeep.rows < MANY_ROWS and upkeep.pages < MANY_ROWS // 100:
        return _VACUUM.ok("the table is small")
    visible = min(1.0, upkeep.visible_pages / max(1, upkeep.pages))
    if upkeep.vacuumed_at is None:
        last = "no vacuum on record"
    else:
        last = f"vacuumed {span((facts.at - upkeep.vacuumed_at).total_seconds())} ago"
    dead = (upkeep.dead_rows or 0) / max(1, upkeep.rows)
    if dead > DEAD_SHARE:
        found = f"{dead:.0%} dead rows, {last}"
    elif visible < VISIBLE_SHARE:
        found = f"{1 - visible:.0%} of pages not all-visible, {last}"
    else:
        return _VACUUM.ok(f"{visible:.0%} all-visible, {last}")
    return _VACUUM.warn(
        found, "Vacuum it, which stops nobody.", (f"vacuum (analyze) {sql_name(table)};",)
    )


def _check_ids(column: NumberedFacts, table: str, growth: Growth | None) -> Check:
    if column.last is None:
        return _IDS.unknown(f"the sequence of {column.column} may not be read")
    left = max(0, column.limit - column.last)
    share = column.last / column.limit
    a_day = max((rate.per_hour or 0) * 24 for rate in growth.rates) if growth else 0
    days = left / a_day if a_day else None
    found = f"{column.column} ({column.type}): {several(left, 'number')} left, {share:.0%} used"
    if days is not None and days < 3650:
        found += f", {days:,.0f} days at the present rate"
    if share < ID_SHARES[0] and (days is None or days > 90):
        return _IDS.ok(found)
    verdict = _IDS.fail if share >= ID_SHARES[1] else _IDS.warn
    alter = f'alter column "{column.column}" type bigint;'
    return verdict(
        found,
        "Widen the column, in a quiet hour: the table is rewritten, and locked meanwhile.",
        (
            f"alter table {sql_name(table)} {alter}",
            f"alter sequence {column.sequence} as bigint;",
            f"alter table {sql_name(f'{table}_archive')} {alter}",
        ),
    )


def uncounted(reason: str, fix: str) -> Check:
    """The verdict where counting did not come to its end."""
    return _COUNTS.unknown(reason, fix)


def _check_counts(counted: CountFacts, table: str) -> Check:
    if counted.wrong_hours == 0:
        return _COUNTS.ok(f"{several(counted.true_objects, 'image')} counted")
    return _COUNTS.fail(
        f"{counted.kept_objects:,} kept, {counted.true_objects:,} counted; "
        f"{several(counted.wrong_hours, 'hour')} wrong",
        "Count anew, in a quiet hour: syncs wait meanwhile. Rows that were deleted or inserted "
        "by hand are the usual reason.",
        (f"select {recount_function(table)}();",),
    )


def _check_quota(growth: Growth) -> Check:
    used = growth.whole_database_bytes
    if used is None:
        used = growth.database_bytes
    quota = growth.quota_bytes
    if quota is None:
        return _QUOTA.ok(f"{size(used)} used; no quota is set (--database-quota)")
    share, days = used / quota, growth.full_in_days
    found = f"{size(used)} of {size(quota)} used"
    if days:
        found += f", full in {days:,.0f} days" if days < 3650 else ", full in more than 10 years"
    ends = days is not None
    fix = (
        "Make room: raise the quota (a larger plan or disk), or move old rows elsewhere. "
        "VACUUM FULL gives back what deleted rows took, and locks the table meanwhile."
    )
    if share >= QUOTA_SHARES[1] or (ends and (days or 0) < QUOTA_DAYS[1]):
        return _QUOTA.fail(found, fix)
    if share >= QUOTA_SHARES[0] or (ends and (days or 0) < QUOTA_DAYS[0]):
        return _QUOTA.warn(found, fix)
    return _QUOTA.ok(found)
