"""The schema: version, uniqueness, collation, indexes."""

from __future__ import annotations

from s3sync_tui.catalog.facts import CountFacts, HealthFacts, IndexFacts
from s3sync_tui.catalog.schema import BLIND, SCHEMA_VERSION, apply_command, function_name
from s3sync_tui.errors import S3SyncError
from s3sync_tui.insight.check import Check, Subject, printable, several, sql_name

MANY_ROWS = 10_000
"""Below this, statistics and indexes make no difference worth a warning."""

_SCHEMA = Subject(
    "schema_version",
    "Schema version",
    "The program calls functions of the schema: both must be of one version.",
)
_UNIQUE = Subject(
    "filename_unique",
    "Filename is unique",
    "Only the database itself can keep an image from being inserted twice.",
)
_COLLATION = Subject(
    "filename_collation",
    "Filename sorts by bytes",
    "S3 lists by bytes: in any other order, key ranges of the two sides do not match.",
)
_INDEXES = Subject(
    "indexes",
    "Indexes are there and used",
    "Without them each compared page reads the whole table.",
)
_DUPLICATES = Subject(
    "duplicates",
    "No filename occurs twice",
    "Duplicates keep the unique index from being made, and each image would be labelled twice.",
)

_KEEP_ONE = """delete from TABLE where ctid in (
  select ctid from (select ctid, label, labeled,
    row_number() over (partition by filename collate "C"
      order by (label is not null or labeled is true) desc, ctid) as place from TABLE) ranked
  where place > 1 and label is null and labeled is not true);"""

_INCLUDED = {
    "_filename_s3sync_idx": ("unique ", "include (etag, size_bytes)"),
    "_archive_s3sync_idx": ("unique ", "include (etag, size_bytes)"),
    "_missing_s3sync_idx": ("", "where missing_since is not null"),
}


def check_structure(facts: HealthFacts, counted: CountFacts | None) -> list[Check]:
    """All of them; duplicates only where nothing keeps them out."""
    duplicates = facts.duplicates if counted is None else counted.duplicates
    checks = [
        _check_schema(facts),
        _check_unique(facts, duplicates),
        _check_collation(facts),
        _check_indexes(facts),
    ]
    if not any(index.valid for index in facts.unique_indexes):
        checks.append(_check_duplicates(facts, duplicates))
    return checks


def missing_schema(error: S3SyncError) -> Check:
    """The verdict where there is no schema to ask."""
    return _SCHEMA.fail(printable(error.message, 300), printable(error.hint, 300))


def _check_schema(facts: HealthFacts) -> Check:
    apply = f"Apply the schema: {apply_command(facts.tables[0].name)}"
    if facts.version > SCHEMA_VERSION:
        return _SCHEMA.fail(
            f"version {facts.version}, this program knows {SCHEMA_VERSION}",
            "Upgrade it: pip install --upgrade s3sync-tui",
        )
    if facts.version < SCHEMA_VERSION:
        return _SCHEMA.fail(f"version {facts.version}, needed is {SCHEMA_VERSION}", apply)
    if facts.problems and all(problem.startswith(BLIND) for problem in facts.problems):
        return _SCHEMA.fail(
            printable(facts.problems[0], 300),
            "Connect as the owner of the table (on Supabase: postgres), or with a secret key.",
        )
    if facts.problems:
        return _SCHEMA.fail(printable("; ".join(facts.problems), 300), apply)
    return _SCHEMA.ok(f"version {facts.version}, complete")


def _check_unique(facts: HealthFacts, duplicates: int | None) -> Check:
    valid = [index.name for index in facts.unique_indexes if index.valid]
    if valid:
        return _UNIQUE.ok(f"by {printable(valid[0])}")
    table = facts.tables[0]
    if not table.exists:
        return _UNIQUE.fail(
            "there is no table", f"Apply the schema: {apply_command(facts.tables[0].name)}"
        )
    ours = next(index for index in facts.indexes if _is_main(index, table.name))
    first = "First remove the duplicates; then: " if duplicates else ""
    if facts.unique_indexes:
        found = f"the index {printable(facts.unique_indexes[0].name)} is invalid"
        fix = f"{first}Rebuild it, which takes a while and stops nobody."
    else:
        found = "no unique index on filename"
        fix = f"{first}Create it, which takes a while and stops nobody."
    return _UNIQUE.fail(found, fix, _mend_index(ours))


def _check_collation(facts: HealthFacts) -> Check:
    wrong = [column for column in facts.columns if not (column.bytewise and column.not_null)]
    if not facts.columns:
        return _COLLATION.unknown("there is no column filename")
    if not wrong:
        return _COLLATION.ok("in the table and its archive")
    statements = []
    for column in wrong:
        alter = f"alter table {sql_name(column.table)} alter column filename"
        if not column.bytewise:
            statements.append(f'{alter} type text collate "C";')
        if not column.not_null:
            statements.append(f"{alter} set not null;")
    return _COLLATION.fail(
        f"not so in {', '.join(column.table for column in wrong)}",
        "Set it, in a quiet hour: indexes are rebuilt, and the table is locked meanwhile.",
        tuple(statements),
    )


def _check_indexes(facts: HealthFacts) -> Check:
    missing = [index for index in facts.indexes if not index.exists]
    invalid = [index for index in facts.indexes if index.exists and not index.valid]
    if missing or invalid:
        parts = [f"{index.name} is missing" for index in missing]
        parts += [f"{index.name} is invalid" for index in invalid]
        verdict = (
            _INDEXES.fail if any(_keeps_unique(i) for i in missing + invalid) else _INDEXES.warn
        )
        return verdict(
            ", ".join(parts),
            "Build them, which takes a while and stops nobody.",
            tuple(statement for index in missing + invalid for statement in _mend_index(index)),
        )
    idle = _idle_index(facts)
    if idle is not None:
        return _INDEXES.warn(
            f"{idle.name} was never read",
            "Refresh the statistics, and look again after the next sync.",
            (f"vacuum (analyze) {sql_name(idle.table)};",),
        )
    return _INDEXES.ok(f"all {len(facts.indexes)} valid")


def _idle_index(facts: HealthFacts) -> IndexFacts | None:
    """The main index, where syncs should have read it and did not."""
    runs, upkeep, since = facts.runs, facts.upkeep, facts.counters_since
    if runs is None or upkeep is None or upkeep.rows < MANY_ROWS or runs.succeeded < 2:
        return None
    if since is not None and (runs.listed_from is None or runs.listed_from < since):
        return None  # the counter knows less than the last run
    main = next(i for i in facts.indexes if _is_main(i, facts.tables[0].name))
    return main if main.scans == 0 else None


def _check_duplicates(facts: HealthFacts, duplicates: int | None) -> Check:
    table = sql_name(facts.tables[0].name)
    if duplicates is None:
        return _DUPLICATES.unknown(
            "not counted, as that reads all rows", "Count them: s3sync-tui health --verify"
        )
    if duplicates == 0:
        return _DUPLICATES.ok("none, though no index keeps them out")
    return _DUPLICATES.fail(
        f"{several(duplicates, 'filename')} more than once",
        "Keep one row of each, a labelled one where there is one. Where several are labelled, "
        "all of those stay: decide by hand.",
        (
            _KEEP_ONE.replace("TABLE", table),
            f"select {recount_function(facts.tables[0].name)}();",
        ),
    )


def recount_function(table: str) -> str:
    """What counts anew, ready for a statement."""
    return sql_name(function_name("s3sync_recount", table))


def _mend_index(index: IndexFacts) -> tuple[str, ...]:
    if index.exists:
        return (f"reindex index concurrently {sql_name(index.name)};",)
    kind, rest = next(it for end, it in _INCLUDED.items() if index.name.endswith(end))
    table = sql_name(index.table)
    return (f'create {kind}index concurrently "{index.name}" on {table} (filename) {rest};',)


def _is_main(index: IndexFacts, table: str) -> bool:
    return index.name == f"{table}_filename_s3sync_idx"


def _keeps_unique(index: IndexFacts) -> bool:
    return not index.name.endswith("_missing_s3sync_idx")
