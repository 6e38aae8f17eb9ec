"""The bucket: whether it can be listed, where it is, and whether its newest images arrived."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.facts import HealthFacts
from s3sync_tui.errors import S3SyncError
from s3sync_tui.insight.check import Check, Subject, printable, several
from s3sync_tui.model import KeyRange, ObjectPage, Rows
from s3sync_tui.safe_text import safe_key
from s3sync_tui.source.base import Located, Source

_PATIENCE_SECONDS = 10
_LATE_UPLOAD = timedelta(days=1)
"""An object's Last-Modified is when its upload began, and uploads can be long."""

_BUCKET = Subject(
    "bucket",
    "Bucket can be listed",
    "All that a sync needs of S3 is s3:ListBucket; without it nothing arrives.",
)
_REGION = Subject(
    "region",
    "Bucket and database are near",
    "Across regions each page takes longer, and S3 charges for the traffic.",
)
_NEWEST = Subject(
    "newest_keys",
    "Newest images have arrived",
    "The table's newest rows must be in the bucket, and what follows them there in the table.",
)


async def check_bucket(
    source: Source | None, catalog: Catalog, facts: HealthFacts | None
) -> list[Check]:
    """All of them. Where the regions are not both known, that one is left out."""
    if source is None:
        return [_BUCKET.unknown("no bucket is set", "Name it: --bucket or $S3SYNC_BUCKET")]
    try:
        await source.open()
    except S3SyncError as error:
        return [_BUCKET.fail(printable(error.message, 300), printable(error.hint, 300))]
    checks = [_BUCKET.ok(f"{printable(source.bucket)} answers")]
    here = source.region if isinstance(source, Located) else None
    if here and catalog.region:
        checks.append(_check_region(here, catalog.region))
    if facts is not None and facts.newest_key is not None:
        checks.append(await _check_newest(source, catalog, facts, facts.newest_key))
    return checks


def _check_region(bucket: str, database: str) -> Check:
    if bucket == database:
        return _REGION.ok(f"both in {bucket}")
    return _REGION.warn(
        f"bucket in {bucket}, database in {database}",
        "Run s3sync-tui near the database; it lists from afar better than it inserts.",
    )


async def _check_newest(source: Source, catalog: Catalog, facts: HealthFacts, newest: str) -> Check:
    """One page of the bucket, from the newest row's key on."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):  # a sync would try for minutes
            page = await _page_from(source, newest)
        difference = await catalog.compare(page, started_at=facts.at)
    except TimeoutError:
        return _NEWEST.unknown(f"no listing within {_PATIENCE_SECONDS} s")
    except S3SyncError as error:
        return _NEWEST.unknown(printable(error.message, 300), printable(error.hint, 300))
    if page.span.up_to < newest:
        return _NEWEST.unknown(
            f"{printable(safe_key(newest))} is not among the {len(page.images):,} before it"
        )
    if newest not in page.images.keys and newest not in page.others:
        return _NEWEST.warn(
            f"{printable(safe_key(newest))} is not in the bucket",
            "Deleted since? Else check bucket, prefix and table: they may not belong together.",
        )
    listed_from = facts.runs.listed_from if facts.runs is not None else None
    missing = [_moment(page.images.modified[index]) for index in difference.missing]
    overdue = [at for at in missing if listed_from is not None and at < listed_from - _LATE_UPLOAD]
    seen = several(len(page.images), "image")
    if overdue:
        return _NEWEST.fail(
            f"{len(overdue):,} of {seen} looked at should be in the table and are not",
            "Run a full sync, and look at its errors: s3sync-tui --once",
        )
    if missing:
        return _NEWEST.ok(f"{len(missing):,} of {seen} looked at are new, the next run adds them")
    return _NEWEST.ok(f"{seen} from the newest on, all in the table")


async def _page_from(source: Source, key: str) -> ObjectPage:
    # Listings begin after a key, and the newest itself must be among the listed. The key
    # just before it would be too long for S3; hardly any lie between this one and it.
    after = KeyRange(key[:-1])
    async for page in source.pages(after):
        return page
    return ObjectPage(after, Rows([], [], [], []), [], [], 0)


def _moment(modified: str) -> datetime:
    return datetime.fromisoformat(modified).astimezone(UTC)
