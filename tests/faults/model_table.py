"""The table of the model test: what an application does to it, and what must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from tests.contract.images import kept_counts, true_counts
from tests.support.database import Connection
from tests.support.hostile_bucket import HostileBucket

ENDS = {"succeeded", "interrupted", "cancelled", "failed"}
Rows = dict[str, tuple[object, ...]]
_CUT = """select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
    and (usename = 'authenticator' or application_name = 's3sync-tui')"""
_ROWS = """select convert_to(filename, 'UTF8'), etag, size_bytes,
    to_char(last_modified at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    label, missing_since is not null
  from {}"""
_AGE = """
update sync_changes set applied_at = applied_at - %(by)s;
update sync_runs set started_at = started_at - %(by)s, heartbeat_at = heartbeat_at - %(by)s,
  finished_at = finished_at - %(by)s;
update sync_leases set taken_at = taken_at - %(by)s, expires_at = expires_at - %(by)s
  where run_id <> 0;
update sync_lanes set full_at = full_at - %(by)s;
update images set created_at = created_at - %(by)s, missing_since = missing_since - %(by)s,
  last_modified = last_modified - %(by)s;
update images_archive set created_at = created_at - %(by)s, last_modified = last_modified - %(by)s;
update images_counts set hour = hour + interval '1000000 hours';
update images_counts set hour = hour - interval '1000000 hours' - %(by)s"""
_ARCHIVE = """with moved as (delete from images where filename = any(%s) returning *)
  insert into images_archive ({0}) select {0} from moved"""


class ModelTable:
    """The table ``images``, its archive and its history, empty at first."""

    def __init__(self, database: Connection, tally: Counter[str]) -> None:
        self.added_by_events = 0
        self._database = database
        self._tally = tally
        self._labels: dict[str, str] = {}
        self._known: set[str] = set()
        """Filenames that the table or its archive has had."""
        database.execute(
            """truncate images, images_archive, images_counts, sync_runs, sync_leases, sync_batches,
               sync_lanes, sync_changes restart identity cascade"""
        )
        columns = database.execute(
            """select string_agg(quote_ident(attname), ', ') from pg_attribute
               where attrelid = 'images'::regclass and attnum > 0 and not attisdropped"""
        ).fetchall()
        self._archive = _ARCHIVE.format(columns[0][0])

    def label(self, picks: Sequence[int]) -> None:
        """An application labels images, also archived ones."""
        for key in self._pick(picks, ("images", "images_archive")):
            label = f"label {len(self._labels)} of {len(key)}"
            for table in ("images", "images_archive"):
                self._database.execute(
                    f"update {table} set labeled = true, label = %s, labeled_at = now() "
                    "where filename = %s".encode(),
                    [label, key],
                )
            self._labels[key] = label
            self._tally["labels set"] += 1

    def archive(self, picks: Sequence[int]) -> None:
        """It moves images to the archive."""
        keys = self._pick(picks, ("images",))
        self._database.execute(self._archive.encode(), [keys])
        self._tally["rows archived"] += len(keys)

    def age(self, by: timedelta) -> None:
        """All that has happened did so earlier."""
        with self._database.transaction():
            for statement in _AGE.split(";"):
                self._database.execute(statement.encode(), {"by": by})

    def cut(self) -> None:
        """All connections but our own are gone."""
        self._database.execute(_CUT.encode())

    def end_lease(self) -> None:
        """It has run out."""
        self._database.execute("update sync_leases set expires_at = '-infinity'")

    def check(self, bucket: HostileBucket) -> None:
        """Table and archive are the bucket, byte for byte."""
        images, archived, marked = self.check_rows(bucket)
        wanted = bucket.images()
        assert not images.keys() & archived.keys()
        assert images == {key: row for key, row in wanted.items() if key not in archived}
        assert {k: row for k, row in archived.items() if k in wanted} == {
            k: row for k, row in wanted.items() if k in archived
        }
        assert marked == self._known - wanted.keys() - archived.keys()

    def check_rows(self, bucket: HostileBucket) -> tuple[Rows, Rows, set[str]]:
        """Rows that are there, archived ones, and keys that are marked missing: nothing is in
        them that was never in the bucket, no row is lost, no label either."""
        found: list[Rows] = []
        marked: set[str] = set()
        known: set[str] = set()
        for table in ("images", "images_archive"):
            rows: Rows = {}
            for name, *columns in self._database.execute(_ROWS.format(table).encode()).fetchall():
                key = cast(bytes, name).decode()
                etag, size, modified, label, is_marked = columns
                assert etag in bucket.versions[key]
                assert label == self._labels.get(key)
                known.add(key)
                if is_marked and table == "images":
                    marked.add(key)
                else:
                    rows[key] = (etag, size, modified)
            found.append(rows)
        assert self._known <= known
        self._known = known
        return found[0], found[1], marked

    def check_counts(self) -> None:
        """At any time."""
        # As of one moment: a call whose caller is dead may go on, and commit in between.
        with self._database.transaction():
            self._database.execute("set transaction isolation level repeatable read")
            assert kept_counts(self._database) == true_counts(self._database)

    def check_history(self) -> None:
        """Every run has ended, in words that fit."""
        query = "select status, finished_at is null from sync_runs"
        statuses = self._database.execute(query).fetchall()
        assert {status for status, _ in statuses} <= ENDS
        assert not any(is_open for _, is_open in statuses)
        assert not self.lease_is_held()

    def added_by_runs(self) -> int:
        return self._number("select coalesce(sum(added), 0) from sync_runs")

    def rows_total(self) -> int:
        return self._number(
            "select (select count(*) from images) + (select count(*) from images_archive)"
        )

    def lease_is_held(self) -> bool:
        return bool(
            self._number(
                "select count(*) from sync_leases where run_id <> 0 and expires_at > now()"
            )
        )

    def _number(self, query: str) -> int:
        [(number,)] = self._database.execute(query.encode()).fetchall()
        return int(str(number))

    def _pick(self, picks: Sequence[int], tables: Sequence[str]) -> list[str]:
        query = " union all ".join(f"select filename from {table}" for table in tables)
        keys = sorted(str(key) for (key,) in self._database.execute(query.encode()).fetchall())
        return sorted({keys[pick % len(keys)] for pick in picks}) if keys else []
