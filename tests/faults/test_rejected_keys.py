"""Keys that Postgres cannot store are told once each, wherever ranges are cut beside them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from s3sync_tui.engine.stages import SAMPLE
from s3sync_tui.errors import BucketError
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.listing import is_storable, printable
from s3sync_tui.source.ranges import Listing
from s3sync_tui.source.s3 import S3Source
from s3sync_tui.source.selection import Selection
from tests.support.sampling import sampled
from tests.support.stub import ListingStub, served

pytestmark = pytest.mark.usefixtures("credentials")


def bucket_of(chance: Random) -> list[str]:
    """A few hundred keys, many of which cannot be stored, also a lot of them in a row."""
    keys = {f"cam-{chance.randrange(3)}/{chance.randrange(10**4):04}.jpg" for _ in range(250)}
    for key in chance.sample(sorted(keys), 60):
        for n in range(chance.choice([1, 1, 2, 9])):
            keys.add(f"{key[:-4]}{chance.choice([chr(0), chr(0xDCFF)])}{n}.jpg")
    return [*sorted(keys), "\udcff.jpg"]  # the byte FF sorts behind all UTF-8


def failed(span: KeyRange, error: BucketError) -> None:
    raise error


@pytest.mark.parametrize("seed", range(sampled(4, 60)))
async def test_each_is_told_once(seed: int, record_property: Callable[[str, object], None]) -> None:
    chance = Random(seed)
    keys = bucket_of(chance)
    stub = ListingStub(keys, latency_seconds=0.001)
    pages: list[ObjectPage] = []

    async def deliver(page: ObjectPage) -> None:
        pages.append(page)

    with served(stub) as endpoint:
        source = S3Source(
            "b", endpoint=endpoint, selection=Selection(["*.jpg"]), page_size=chance.randint(1, 7)
        )
        cuts = [key for key in chance.sample(keys, 5) if is_storable(key)]
        listing = Listing(
            source, KeyRange().split(cuts), concurrency=12, deliver=deliver, failed=failed
        )
        try:
            await listing.run()
        finally:
            await source.close()
    pages.sort(key=lambda page: (page.span.after, page.span.up_to))
    assert [page.span.after for page in pages[1:]] == [page.span.up_to for page in pages[:-1]]
    stored = [key for page in pages for key in page.images.keys]
    assert stored == [key for key in keys if is_storable(key)]
    told = [key for page in pages for key in page.rejected]
    assert sorted(told) == sorted(printable(key) for key in keys if not is_storable(key))
    assert len(told) > SAMPLE
    record_property("keys that cannot be stored", len(told))
    record_property("pages", len(pages))
