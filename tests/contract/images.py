"""Made-up images for the contract tests, and what they must add up to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256

from s3sync_tui.model import KeyRange, ObjectPage, Rows
from tests.support.database import Connection

HARD_KEYS = sorted(
    [
        "a//b.jpg",
        "/lead.jpg",
        "a/../b.jpg",
        "dir/",
        " ",
        "a b+c%20d.jpg",
        "naïve-日本-😀.jpg",
        "new\nline.jpg",
        "carriage\r\n.jpg",
        "tab\t.jpg",
        'quotes\'"".jpg',
        '"',
        '","',
        "back\\slash.jpg",
        '\\"',
        "\\",
        "{curly,NULL,}.jpg",
        "NULL",
        "null",
        "&<>.jpg",
        "%s %b $1 :x.jpg",
        "\x01.jpg",
        "\x7f\u2028\u0085.jpg",
        "\u00e9.jpg",  # é, composed ...
        "e\u0301.jpg",  # ... and decomposed: two keys
        "\ue000.jpg",
        "\U0010ffff.jpg",
        "x" * 1020 + ".jpg",
        "日" * 340 + ".jpg",  # 1,024 bytes, too
        "A",
        "a",
        "ä",
        "Z",
    ]
)

_FIRST = datetime(2026, 11, 24, 13, 0, 0, 123000, tzinfo=UTC)


def rows(keys: Iterable[str], *, version: int = 1) -> Rows:
    """Objects with these keys, sorted; another ``version`` has other content."""
    chosen = sorted(keys)
    seeds = [int(md5(f"{version}{key}".encode()).hexdigest()[:10], 16) for key in chosen]
    times = [_FIRST + timedelta(minutes=seed % 5000, milliseconds=seed % 1000) for seed in seeds]
    return Rows(
        chosen,
        [md5(str(seed).encode()).hexdigest() for seed in seeds],
        [seed * 5 for seed in seeds],  # up to 5 TB
        [time.isoformat(timespec="milliseconds").replace("+00:00", "Z") for time in times],
    )


def page(images: Rows, *, span: KeyRange | None = None, others: Iterable[str] = ()) -> ObjectPage:
    """A page that tells all about ``span`` (by default, all keys)."""
    return ObjectPage(span or KeyRange(), images, sorted(others), [], 0)


def digest(images: Rows) -> str:
    """The canonical form, written down once more."""
    keys = [key.encode() for key in images.keys]
    parts = [
        len(images).to_bytes(8, "big"),
        *keys,
        "\1".join(images.etags).encode(),
        *(size.to_bytes(8, "big") for size in images.sizes),
        *(len(key).to_bytes(4, "big") for key in keys),
    ]
    return sha256(b"".join(parts)).hexdigest()


def stored(connection: Connection, table: str = "images") -> Rows:
    """What the table holds, byte for byte, by key."""
    found = connection.execute(
        f"""select convert_to(filename, 'UTF8'), etag, size_bytes,
              to_char(last_modified at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            from "{table}" order by filename collate "C" """
    ).fetchall()
    return Rows(
        [bytes(row[0]).decode() for row in found],  # type: ignore[call-overload]
        [str(row[1]) for row in found],
        [int(str(row[2])) for row in found],
        [str(row[3]) for row in found],
    )


def kept_counts(connection: Connection, table: str = "images") -> list[tuple[object, ...]]:
    """Objects and bytes per hour, as kept."""
    return connection.execute(
        f"""select hour, sum(objects)::bigint, sum(bytes)::bigint from "{table}_counts"
            group by hour having sum(objects) <> 0 or sum(bytes) <> 0 order by hour"""
    ).fetchall()


def true_counts(connection: Connection, table: str = "images") -> list[tuple[object, ...]]:
    """Objects and bytes per hour, counted."""
    return connection.execute(
        f"""select date_trunc('hour', coalesce(last_modified, created_at, 'epoch'), 'UTC') as hour,
              count(*), coalesce(sum(size_bytes), 0)::bigint
            from (select last_modified, created_at, size_bytes from "{table}"
                  union all
                  select last_modified, created_at, size_bytes from "{table}_archive") i
            group by 1 order by 1"""
    ).fetchall()
