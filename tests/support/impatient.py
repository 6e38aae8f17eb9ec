"""Bucket and catalog for a sync of small pages, whose retries follow on one another at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.connect import open_catalog
from s3sync_tui.settings import Settings
from s3sync_tui.source.base import Source
from s3sync_tui.source.s3 import S3Source


@dataclass(frozen=True)
class ImpatientOpener:
    """As :class:`s3sync_tui.connect.Opener`, in any process of a run."""

    settings: Settings

    @asynccontextmanager
    async def __call__(self, streams: int) -> AsyncIterator[tuple[Source, Catalog]]:
        source = S3Source(
            self.settings.bucket or "",
            endpoint=self.settings.endpoint,
            concurrency=streams,
            page_size=100,
            retry_base_seconds=0.001,
        )
        async with open_catalog(self.settings) as catalog:
            try:
                yield source, catalog
            finally:
                await source.close()
