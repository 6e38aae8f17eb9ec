"""What is missing, changed or gone: by digest for whole pages, and where digests
differ by looking at the page's rows."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import ObjectPage, Rows

_BETWEEN_ETAGS = "\x01"  # no XML, and so no listing, can hold it


def digest(rows: Rows) -> str:
    """SHA-256 in hex over ``rows`` in key order: how many there are (8 bytes), their keys,
    their etags with U+0001 between, their sizes (8 bytes each), and the length of each
    key's UTF-8 (4 bytes each); ``s3sync_range_digests`` computes the same in the database.
    Empty, which no digest of a database is, where that would not tell rows apart.
    """
    count, keys, etags = len(rows), "".join(rows.keys), _BETWEEN_ETAGS.join(rows.etags)
    lengths = map(len, rows.keys) if keys.isascii() else [len(key.encode()) for key in rows.keys]
    try:
        numbers = struct.pack(f">{count}q{count}i", *rows.sizes, *lengths)
    except struct.error:
        return ""
    if etags.count(_BETWEEN_ETAGS) != max(0, count - 1):
        return ""
    return sha256(
        b"".join((struct.pack(">q", count), (keys + etags).encode(), numbers))
    ).hexdigest()


_NONE = Rows([], [], [], [])


@dataclass(frozen=True, slots=True)
class Findings:
    """What one page needs."""

    page: ObjectPage
    missing: Rows
    changed: Rows
    gone: int
    gone_sample: list[str]
    is_fresh: bool = False
    """All of the page is missing, for the catalog holds nothing at all in its range."""


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
            await found(Findings(page, _NONE, _NONE, 0, []))
        elif held.rows == 0:
            await found(Findings(page, page.images, _NONE, 0, [], is_fresh=True))
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
