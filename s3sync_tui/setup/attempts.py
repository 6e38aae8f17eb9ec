"""Whether answers work: the bucket is listed, the catalog is opened, for a few seconds at most."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from s3sync_tui.connect import make_source, open_catalog, postgres_catalog
from s3sync_tui.errors import (
    BucketUnreachable,
    CatalogError,
    CatalogUnreachable,
    S3SyncError,
    SettingsError,
)
from s3sync_tui.model import KeyRange
from s3sync_tui.settings import Settings

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BucketFound:
    """What the first page of a listing shows."""

    images: int
    others: int
    """Objects that are no images."""
    example: str
    """An image's key, as the bucket has it: hostile text. Empty where there is none."""


@dataclass(frozen=True, slots=True)
class CatalogFound:
    """A catalog that is ready."""

    description: str
    images: int
    notice: str = ""
    """What its users should know."""


async def try_bucket(settings: Settings) -> BucketFound:
    """List its first page.

    Raises :class:`~s3sync_tui.errors.BucketError`.
    """
    silent = BucketUnreachable(
        f"Bucket {settings.bucket!r} gives no answer within {SECONDS:.0f} seconds.",
        hint="Check the endpoint, the network and any proxy; a login service may be slow too.",
    )
    nowhere = BucketUnreachable(
        f"There can be no host of the name in {settings.endpoint}.", hint="Check the endpoint."
    )
    async with _within(SECONDS, silent, nowhere), make_source(settings) as source:
        await source.open()
        pages = source.pages(KeyRange.of_prefix(source.prefix))
        async for page in pages:
            images = page.images.keys
            return BucketFound(len(images), len(page.others), images[0] if images else "")
    return BucketFound(0, 0, "")


async def try_catalog(settings: Settings) -> CatalogFound:
    """Open it, and count what is in it; the embedded one is created where there is none,
    which takes its time.

    Raises :class:`~s3sync_tui.errors.CatalogError`, and
    :class:`~s3sync_tui.errors.SchemaError` where the schema is missing.
    """
    silent = CatalogUnreachable(
        f"The database gives no answer within {SECONDS:.0f} seconds.",
        hint="Check host and port, and that a firewall or an allow-list lets this machine in.",
    )
    seconds = None if settings.catalog_kind == "embedded" else SECONDS
    nowhere = CatalogUnreachable(
        "There can be no host of the database's name.", hint="Check the host in the address."
    )
    async with _within(seconds, silent, nowhere), open_catalog(settings) as catalog:
        summary = await catalog.summary()
        return CatalogFound(catalog.description, summary.images, _notice(settings))


def _notice(settings: Settings) -> str:
    if settings.supabase_url is None:
        return ""
    from s3sync_tui.catalog.supabase_keys import Project, clear_text_notice

    project = Project(settings.supabase_url)
    return clear_text_notice(project) if project.sends_in_clear else ""


async def apply_schema(settings: Settings) -> list[str]:
    """Create or complete the schema over a connection string; returns what changed.

    Raises :class:`~s3sync_tui.errors.CatalogError` and
    :class:`~s3sync_tui.errors.SchemaError`.
    """
    async with postgres_catalog(settings) as (catalog, _):
        return await catalog.apply_schema()


async def check_embedded(settings: Settings) -> bool:
    """Whether the embedded catalog is there already; it can be made if not. Starts nothing.

    Raises :class:`~s3sync_tui.errors.SettingsError` where Postgres is not installed,
    :class:`~s3sync_tui.errors.CatalogError` where its directory cannot be used.
    """
    from s3sync_tui.catalog.binaries import find_binaries

    def look() -> bool:
        find_binaries()
        place = settings.data_dir.expanduser().absolute()
        nearest = next(path for path in (place, *place.parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise CatalogError(
                f"{place} cannot be used: {nearest} is no directory that can be written.",
                hint="Set S3SYNC_DATA_DIR to a directory of yours.",
            )
        return (place / "pgdata" / "PG_VERSION").exists()

    return await asyncio.to_thread(look)


async def aws_profiles() -> list[str]:
    """The profiles in ``~/.aws``.

    Raises :class:`~s3sync_tui.errors.SettingsError` where its files cannot be read.
    """

    def look() -> list[str]:
        import botocore.session
        from botocore.exceptions import BotoCoreError

        try:
            return sorted(botocore.session.Session().available_profiles)
        except (BotoCoreError, OSError, UnicodeError) as error:
            raise SettingsError(
                f"The AWS profiles cannot be read: {type(error).__name__}.",
                hint="Check ~/.aws/config and ~/.aws/credentials.",
            ) from error

    return await asyncio.to_thread(look)


@asynccontextmanager
async def _within(
    seconds: float | None, silent: S3SyncError, nowhere: S3SyncError
) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise silent from error
    except UnicodeError as error:  # of a host that cannot be encoded: a..b, xn--a
        raise nowhere from error
