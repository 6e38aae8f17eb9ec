"""What is missing, changed or gone: by digest for whole pages, and where digests
differ by looking at the page's rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import Difference, ObjectPage, Rows


def digest(rows: Rows) -> str:
    """SHA-256 in hex over ``<characters in key>:<key><etag>:<size>\\n`` of each row
    in key order; ``s3sync_range_digests`` computes the same in the database."""
    lines = [
        f"{len(key)}:{key}{etag}:{size}\n"
        for key, etag, size in zip(rows.keys, rows.etags, rows.sizes, strict=True)
    ]
    return sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Findings:
    """What one page needs."""

    page: ObjectPage
    missing: Rows
    changed: Rows
    gone: int
    gone_sample: list[str]


async def reconcile(
    catalog: Catalog,
    pages: Sequence[ObjectPage],
    *,
    started_at: datetime,
    found: Callable[[Findings], Awaitable[None]],
) -> None:
    """Compare ``pages`` with the catalog, one round trip for all their digests, and
    hand each page's findings to ``found``."""
    spans = [page.span for page in pages]
    # Hashing releases the event loop, not the interpreter: a thread keeps the screen alive.
    ours = await asyncio.to_thread(lambda: [digest(page.images) for page in pages])
    theirs = await catalog.range_digests(spans)
    for page, own, held in zip(pages, ours, theirs, strict=True):
        if held.digest == own:
            difference = Difference([], [], 0, [])
        elif held.rows == 0:  # nothing there to compare with: all of it is missing
            difference = Difference(list(range(len(page.images))), [], 0, [])
        else:
            difference = await catalog.compare(page, started_at=started_at)
        await found(
            Findings(
                page,
                page.images.take(difference.missing),
                page.images.take(difference.changed),
                difference.gone,
                difference.gone_sample,
            )
        )
