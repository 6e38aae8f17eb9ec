"""A look at one object over real HTTP: moto for S3's ways, a scripted stub for its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from s3sync_tui.errors import BucketDenied, BucketMissing, BucketUnreachable
from s3sync_tui.source.s3 import S3Source
from tests.integration.test_s3_source import HARD_KEYS, always, first, opened, stubbed
from tests.support.bucket import MotoBucket
from tests.support.stub import Reply, Request, error_reply

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
async def source(bucket: MotoBucket) -> AsyncIterator[S3Source]:
    async with opened(bucket.name, endpoint=bucket.endpoint) as source:
        yield source


async def test_what_is_there_is_seen_and_what_is_not_is_not(
    bucket: MotoBucket, source: S3Source
) -> None:
    bucket.put(["a.jpg"], b"12345")
    bucket.put(["a.jpg.txt"])
    seen = await source.look("a.jpg")
    assert seen is not None
    assert (seen.etag, seen.size_bytes) == ("827ccb0eea8a706c4c34a16891f84e7b", 5)
    assert abs((datetime.now(UTC) - seen.last_modified).total_seconds()) < 60
    for key in ("b.jpg", "a.jp", "a"):
        assert await source.look(key) is None
    bucket.delete(["a.jpg"])
    assert await source.look("a.jpg") is None


async def test_keys_of_any_kind_are_looked_at(bucket: MotoBucket, source: S3Source) -> None:
    bucket.put(HARD_KEYS)
    for key in HARD_KEYS:
        seen = await source.look(key)
        assert seen is not None, key
        assert seen.size_bytes == 2
    bucket.delete(HARD_KEYS)
    for key in HARD_KEYS:
        assert await source.look(key) is None, key


async def test_a_passing_fault_is_asked_again() -> None:
    slow, broken = error_reply(503, "SlowDown"), Reply(500)
    async with stubbed(["a.jpg"], first(Reply(200), slow, broken, method="HEAD")) as (source, stub):
        assert await source.look("a.jpg") is not None
    assert [request.method for request in stub.requests] == ["HEAD"] * 4 + ["GET"]


@pytest.mark.parametrize("status", [400, 403, 404, 405])
async def test_a_head_that_says_no_gives_no_reason_so_a_listing_tells(status: int) -> None:
    def script(request: Request) -> Reply | None:
        is_object = request.method == "HEAD" and request.path.count("/") > 1
        return Reply(status) if is_object else None

    async with stubbed(["a.jpg", "a.jpg.bak", "b.jpg.bak"], script) as (source, _):
        seen = await source.look("a.jpg")
        assert seen is not None
        assert await source.look("b.jpg") is None


async def test_a_bucket_that_is_gone_or_denies_is_not_taken_for_an_object_that_is_gone() -> None:
    gone, denied = error_reply(404, "NoSuchBucket"), error_reply(403, "AccessDenied")
    for reply, error in ((gone, BucketMissing), (denied, BucketDenied)):
        async with stubbed(["a.jpg"], always(reply)) as (source, stub):
            stub.script = None
            await source.open()
            head = Reply(reply.status)

            def script(request: Request, head: Reply = head, reply: Reply = reply) -> Reply:
                return head if request.method == "HEAD" else reply

            stub.script = script
            with pytest.raises(error):
                await source.look("a.jpg")


async def test_a_bucket_that_stays_away_is_named() -> None:
    async with stubbed(["a.jpg"]) as (source, stub):
        await source.open()
        stub.script = always(Reply(500), method="HEAD")
        with pytest.raises(BucketUnreachable, match="8 times"):
            await source.look("a.jpg")
