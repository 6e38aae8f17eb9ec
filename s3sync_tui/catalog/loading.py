"""COPY of rows that the catalog lacks: straight into the table, and counted, in one
transaction of four round trips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import lt
from typing import Any

import psycopg
from psycopg import sql

from s3sync_tui.catalog.schema import function_name
from s3sync_tui.model import Rows

_COPY = "copy {} (filename, size_bytes, etag, last_modified) from stdin"
ROWS_AT_ONCE = 1000
"""Others have their turn in between."""

_BEGIN = "begin; select * from {}({}, {}, {}::text[], {}::text[])"
_END = "select {}({}, {}, {}, {}::timestamptz[], {}::bigint[], {}::bigint[]); commit"


async def load(
    connection: psycopg.AsyncConnection[Any], table: str, run_id: int, batch: int, rows: Rows
) -> int | None:
    """Insert ``rows``; returns how many, also where an earlier call has done it. None, and
    nothing done, where COPY will not do and each row has to be looked at.

    ``connection`` is in autocommit mode; after an error its transaction is left to be
    rolled back. Raises psycopg's errors, ``UniqueViolation`` where a row is there.
    """
    counts = HourCounts.of(rows)
    if counts is None:
        return None
    first, last = ascending_runs(rows.keys)
    if len(first) > 1:
        # One order for all writers: no deadlocks.
        rows = rows.take(sorted(range(len(rows)), key=rows.keys.__getitem__))
    # BEGIN and COMMIT ride with the functions: each round trip counts.
    cursor = await connection.execute(
        _statement(_BEGIN, "s3sync_begin_load", table, run_id, batch, first, last)
    )
    cursor.nextset()
    added, may_copy = await cursor.fetchone() or (None, False)
    if added is not None or not may_copy:
        await connection.rollback()
        return added
    async with cursor.copy(sql.SQL(_COPY).format(sql.Identifier("public", table))) as copy:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            await copy.write(copy_text(rows.slice(start, start + ROWS_AT_ONCE)))
    if cursor.rowcount != len(rows):
        await connection.rollback()
        return None
    await connection.execute(
        _statement(
            _END,
            "s3sync_end_load",
            table,
            run_id,
            batch,
            len(rows),
            counts.hours,
            counts.objects,
            counts.size_bytes,
        )
    )
    return len(rows)


def _statement(text: str, function: str, table: str, *arguments: object) -> sql.Composed:
    name = sql.Identifier("public", function_name(function, table))
    return sql.SQL(text).format(name, *map(sql.Literal, arguments))


# https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_text(rows: Rows) -> bytes:
    """``rows`` in COPY's text format, a line each."""
    count = len(rows)
    text = _lines(rows.keys, rows.sizes, rows.etags, rows.modified)
    # Nearly no key needs escaping, and looking at the whole is a tenth of the work.
    is_plain = text.count("\t") == 3 * count and text.count("\n") == count
    if not is_plain or "\\" in text or "\r" in text:
        keys, etags, modified = (
            [text.translate(_ESCAPES) for text in column]
            for column in (rows.keys, rows.etags, rows.modified)
        )
        text = _lines(keys, rows.sizes, etags, modified)
    return text.encode()


def _lines(keys: list[str], sizes: list[int], etags: list[str], modified: list[str]) -> str:
    columns = zip(keys, sizes, etags, modified, strict=True)
    return "".join([f"{key}\t{size}\t{etag}\t{moment}\n" for key, size, etag, moment in columns])


@dataclass(frozen=True, slots=True)
class HourCounts:
    """How many objects of a batch, and of how many bytes, arrived in which hour (UTC)."""

    hours: list[str]
    objects: list[int]
    size_bytes: list[int]

    @classmethod
    def of(cls, rows: Rows) -> HourCounts | None:
        """None where the times are not all in UTC, as S3 writes them: then somebody else
        has to read them."""
        if not all(map(str.endswith, rows.modified, repeat("Z"))):
            return None
        objects: Counter[str] = Counter()
        size_bytes: Counter[str] = Counter()
        start = 0
        # Neighbours in key order nearly always came within the same hour.
        for hour, neighbours in groupby([moment[:13] for moment in rows.modified]):
            end = start + len(list(neighbours))
            objects[hour] += end - start
            size_bytes[hour] += sum(rows.sizes[start:end])
            start = end
        # One order for all writers: no deadlocks.
        hours = sorted(objects)
        return cls(
            [f"{hour}:00Z" for hour in hours],
            [objects[hour] for hour in hours],
            [size_bytes[hour] for hour in hours],
        )


def ascending_runs(keys: list[str]) -> tuple[list[str], list[str]]:
    """The first and the last keys of the runs of ``keys`` in which they ascend: a batch is
    a few pages, each of which is sorted."""
    rises = [*map(lt, keys, keys[1:]), False]
    first: list[str] = []
    last: list[str] = []
    start = 0
    while start < len(keys):
        end = rises.index(False, start)
        first.append(keys[start])
        last.append(keys[end])
        start = end + 1
    return first, last
