"""From settings to the parts of a sync: the bucket, the catalog, the options."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

from s3sync_tui.errors import SchemaError, SettingsError
from s3sync_tui.settings import Settings, describe_database, keep_secrets_of

if TYPE_CHECKING:
    from s3sync_tui.catalog.base import Catalog
    from s3sync_tui.catalog.postgres import PostgresCatalog
    from s3sync_tui.engine.pipeline import SyncOptions
    from s3sync_tui.engine.received import ReceivedSink
    from s3sync_tui.engine.receiver import CatalogGiver, Receiver
    from s3sync_tui.model import ModeChoice
    from s3sync_tui.source.base import Source
    from s3sync_tui.source.looking import Looker
    from s3sync_tui.source.notifications import Ours
    from s3sync_tui.source.s3 import S3Source


def no_bucket() -> SettingsError:
    """What to say where a bucket is needed and none is named."""
    return SettingsError(
        "No bucket is set.",
        hint='Name it with --bucket, $S3SYNC_BUCKET, or `bucket = "…"` in s3sync.toml. '
        "To see it all work without one: s3sync-tui demo",
    )


@asynccontextmanager
async def make_source(settings: Settings) -> AsyncIterator[Source]:
    """The bucket that the settings name, not yet opened; a sync opens it.

    Raises :class:`~s3sync_tui.errors.SettingsError` where none is named.
    """
    if settings.bucket is None:
        raise no_bucket()
    source = await asyncio.to_thread(_s3_source, settings, settings.bucket)
    try:
        yield source
    finally:
        await source.close()


def _s3_source(settings: Settings, bucket: str) -> S3Source:
    """In a thread, for a screen may wait: boto3's lower half and aiohttp take a quarter of
    a second to load. And not at the top: not every command lists a bucket."""
    from s3sync_tui.source.s3 import S3Source
    from s3sync_tui.source.selection import Selection

    return S3Source(
        bucket,
        settings.prefix,
        endpoint=settings.endpoint,
        region=settings.region,
        profile=settings.profile,
        ca_bundle=settings.ca_bundle,
        addressing_style=settings.addressing_style,
        selection=Selection(settings.include, settings.exclude),
        concurrency=settings.list_concurrency,
    )


@asynccontextmanager
async def open_catalog(settings: Settings, *, verify: bool = True) -> AsyncIterator[Catalog]:
    """The catalog that the settings name, ready for use; the embedded one where
    they name none. Without ``verify`` a damaged schema is no obstacle.

    Raises :class:`~s3sync_tui.errors.CatalogError` and
    :class:`~s3sync_tui.errors.SchemaError`.
    """
    keep_secrets_of(settings)
    if settings.supabase_url is not None and settings.supabase_key is not None:
        await load_module("s3sync_tui.catalog.supabase")
        from s3sync_tui.catalog.supabase import SupabaseCatalog

        project = SupabaseCatalog(
            settings.supabase_url, settings.supabase_key.get_secret_value(), table=settings.table
        )
        try:
            await (project.open() if verify else project.connect())
            yield project
        finally:
            await project.close()
        return

    async with postgres_catalog(settings) as (catalog, is_ours):
        try:
            try:
                await (catalog.open() if verify or is_ours else catalog.connect())
            except SchemaError:
                if not is_ours:
                    raise
                # Nobody else would apply it. Not each time: that waits for a running sync.
                await catalog.apply_schema()
                await catalog.open()
            yield catalog
        finally:
            await catalog.close()


@asynccontextmanager
async def postgres_catalog(settings: Settings) -> AsyncIterator[tuple[PostgresCatalog, bool]]:
    """A catalog over a Postgres connection, not yet opened, and whether it is the
    embedded one, which runs for as long as this lasts."""
    keep_secrets_of(settings)
    await load_module("s3sync_tui.catalog.postgres")
    from s3sync_tui.catalog.postgres import PostgresCatalog

    if settings.database_url is not None:
        yield (
            PostgresCatalog(
                settings.database_url.get_secret_value(),
                table=settings.table,
                description=describe_database(settings.database_url),
            ),
            False,
        )
        return

    from s3sync_tui.catalog.embedded import EmbeddedPostgres

    embedded = EmbeddedPostgres(settings.data_dir)
    try:  # a start that is cancelled goes on in its thread; stop() waits for it
        conninfo = await asyncio.to_thread(embedded.start)
        yield PostgresCatalog(conninfo, table=settings.table, description="embedded"), True
    finally:
        await asyncio.to_thread(embedded.stop)


@asynccontextmanager
async def open_receiver(
    settings: Settings, catalog: CatalogGiver, sink: ReceivedSink = lambda _received: None
) -> AsyncIterator[Receiver]:
    """What brings the notifications of the settings' queue into ``catalog``, which it asks
    for before each batch; ``sink`` gets its counters. The queue has been looked at.

    Raises :class:`~s3sync_tui.errors.SettingsError` where no bucket or queue is set, and
    :class:`~s3sync_tui.errors.QueueError`.
    """
    if settings.sqs is None:
        raise SettingsError(
            "No queue is set.",
            hint="Give its URL with --sqs or $S3SYNC_SQS_URL; s3sync-tui notifications --setup "
            "makes one.",
        )
    await load_module("s3sync_tui.source.queue")
    from s3sync_tui.engine.receiver import Receiver
    from s3sync_tui.source.queue import SqsQueue

    async with make_looker(settings) as (looker, ours):
        queue = SqsQueue(
            settings.sqs,
            region=settings.region,
            profile=settings.profile,
            ca_bundle=settings.ca_bundle,
        )
        try:
            await queue.open()
            yield Receiver(queue, looker, catalog, ours, sink)
        finally:
            await queue.close()


@asynccontextmanager
async def make_looker(settings: Settings) -> AsyncIterator[tuple[Looker, Ours]]:
    """Who can look at single objects of the bucket, not yet opened, and which of them count.

    Raises :class:`~s3sync_tui.errors.SettingsError` where no bucket is named.
    """
    if settings.bucket is None:
        raise no_bucket()
    source = await asyncio.to_thread(_s3_source, settings, settings.bucket)
    from s3sync_tui.source.notifications import Ours
    from s3sync_tui.source.selection import Selection

    ours = Ours(settings.bucket, settings.prefix, Selection(settings.include, settings.exclude))
    try:
        yield source, ours
    finally:
        await source.close()


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the bucket and the catalog of ``settings`` in another process, too."""

    settings: Settings

    @asynccontextmanager
    async def __call__(self, streams: int) -> AsyncIterator[tuple[Source, Catalog]]:
        """Both, for ``streams`` LIST requests at once. The schema is taken for granted."""
        settings = self.settings.model_copy(update={"list_concurrency": streams})
        async with (
            make_source(settings) as source,
            open_catalog(settings, verify=False) as catalog,
        ):
            yield source, catalog


async def load_module(module: str) -> None:
    """Load what takes long in a thread: a screen may wait."""
    await asyncio.to_thread(import_module, module)


def sync_options(
    settings: Settings, *, dry_run: bool, mode: ModeChoice | None = None
) -> SyncOptions:
    """How to sync; ``mode`` in place of the settings'."""
    from s3sync_tui.engine.pipeline import SyncOptions  # the dashboard has it elsewhere

    return SyncOptions(
        batch_size=settings.batch_size,
        list_concurrency=settings.list_concurrency,
        processes=settings.processes,
        lease_seconds=settings.lease_seconds,
        mark_gone=settings.mark_gone,
        dry_run=dry_run,
        list_price=settings.list_price,
        mode=mode or settings.mode,
        lookback_seconds=settings.lookback,
        full_every_seconds=settings.full_every,
        fingerprint=_fingerprint(settings),
    )


def _fingerprint(settings: Settings) -> str:
    """Of what decides which images there are and how late they may come."""
    patterns = [sorted(settings.include), sorted(settings.exclude)]
    text = json.dumps([settings.endpoint, *patterns, settings.lookback])
    return sha256(text.encode()).hexdigest()[:16]
