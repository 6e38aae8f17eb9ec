"""Notifications from moto's S3 through moto's SQS into a real Postgres."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.connect import open_receiver
from s3sync_tui.engine.received import Received
from s3sync_tui.engine.receiver import Receiver
from s3sync_tui.errors import (
    BucketDenied,
    BucketUnreachable,
    CatalogUnreachable,
    QueueMissing,
    SettingsError,
)
from s3sync_tui.settings import Settings
from s3sync_tui.source.looking import Seen
from s3sync_tui.source.notifications import Ours
from s3sync_tui.source.queue import SqsQueue
from s3sync_tui.source.s3 import S3Source
from s3sync_tui.source.selection import Selection
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.database import Connection
from tests.support.queue import MotoQueue

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
def queue(moto: MotoServer) -> MotoQueue:
    return MotoQueue(moto.endpoint)


class Closed:
    """A catalog's door."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self.is_closed = False
        self.refusals = 0

    def __call__(self) -> None:
        if self.is_closed:
            self.refusals += 1
            raise CatalogUnreachable("It does not answer.", hint="Wait.")


class BucketOfTests(S3Source):
    """A bucket that may be away, and be changed by others."""

    is_away = False
    refuses = ""
    """A key of which it says nothing."""
    after_look: Callable[[str], None] | None = None

    async def look(self, key: str) -> Seen | None:
        if self.is_away:
            raise BucketUnreachable("It does not answer.", hint="Wait.")
        if key == self.refuses:
            raise BucketDenied("Not this one.", hint="Ask for it.")
        seen = await super().look(key)
        if self.after_look is not None:
            self.after_look(key)
        return seen


class Told:
    """A receiver, what it has told, and its bucket."""

    def __init__(self, source: BucketOfTests) -> None:
        self.received: list[Received] = []
        self.source = source
        self.receiver: Receiver
        self.task: asyncio.Task[None]


@asynccontextmanager
async def receiving(
    queue: MotoQueue,
    bucket: MotoBucket,
    conninfo: str,
    *,
    visibility_seconds: int = 5,
    before_catalog: Callable[[], None] = lambda: None,
) -> AsyncIterator[Told]:
    queue.hides_for(visibility_seconds)
    sqs = SqsQueue(queue.url)
    source = BucketOfTests(bucket.name, endpoint=bucket.endpoint, retry_base_seconds=0.001)
    told = Told(source)
    catalog = PostgresCatalog(conninfo, table="images", description="test")
    await catalog.open()

    async def given() -> PostgresCatalog:
        before_catalog()
        return catalog

    ours = Ours(bucket.name, "", Selection(["*.jpg"]))
    await sqs.open()
    told.receiver = Receiver(sqs, source, given, ours, told.received.append)
    told.task = asyncio.create_task(told.receiver.run())
    try:
        yield told
    finally:
        told.task.cancel()
        await asyncio.wait({told.task})
        await sqs.close()
        await source.close()
        await catalog.close()
    if not told.task.cancelled():
        await told.task


async def until(what: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.02)


def waits_for_a_lock(behind: Connection) -> bool:
    query = (
        "select from pg_stat_activity where wait_event_type = 'Lock' "
        "and datname = current_database()"
    )
    return behind.execute(query).fetchone() is not None


def present(behind: Connection) -> dict[str, str]:
    rows = behind.execute("select filename, etag from images where missing_since is null")
    return {str(key): str(etag) for key, etag in rows}


def in_bucket(bucket: MotoBucket) -> dict[str, str]:
    return {key: etag for key, etag in bucket.objects().items() if key.endswith(".jpg")}


@pytest.mark.parametrize("sequenced", [True, False])
async def test_the_table_follows_the_bucket(
    queue: MotoQueue,
    bucket: MotoBucket,
    catalog_database: str,
    behind: Connection,
    sequenced: bool,
) -> None:
    queue.notified_of(bucket, sequenced=sequenced)
    async with receiving(queue, bucket, catalog_database) as told:
        bucket.put([f"{i}.jpg" for i in range(25)])
        bucket.put(["a b+c%20d.jpg", "naïve-日本-😀.jpg", "a//b.jpg", "notes.txt"])
        bucket.delete([f"{i}.jpg" for i in range(5)])
        bucket.put(["7.jpg"], b"other")
        await until(lambda: not queue.bodies)
        assert present(behind) == in_bucket(bucket)
    last = told.received[-1]
    assert (last.messages, last.changes, last.ignored_objects) == (36, 34, 1)
    assert (last.not_understood, last.ignored_buckets, last.rejected) == (0, 0, 0)
    assert bool(last.looked) is not sequenced
    assert last.lag_seconds is not None or not sequenced


async def test_messages_out_of_order_and_twice_make_no_difference(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket)
    order = random.Random(6)
    for step in range(200):
        key = f"{order.randrange(20)}.jpg"
        if order.random() < 0.4:
            bucket.delete([key])
        else:
            bucket.put([key], b"." * step)
    bodies = queue.take()
    bodies += order.choices(bodies, k=100)
    order.shuffle(bodies)
    async with receiving(queue, bucket, catalog_database) as told:
        for number, body in enumerate(bodies):
            queue.send(body)
            if number % 50 == 0:
                await asyncio.sleep(0.2)
        await until(lambda: not queue.bodies)
        assert present(behind) == in_bucket(bucket)
    assert told.received[-1].looked == 0


async def test_what_nobody_understands_ends_in_the_dead_letter_queue_and_costs_nothing_else(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket)
    bucket.put(["a.jpg", "b.jpg"])
    half = json.loads(queue.take()[-1])
    half["Records"].insert(0, {"nothing": "here"})
    garbage = ["no json", "{}", json.dumps(half)]
    async with receiving(queue, bucket, catalog_database, visibility_seconds=1) as told:
        for body in garbage:
            queue.send(body)
        bucket.put(["c.jpg"])
        await until(lambda: not queue.bodies)
    assert sorted(queue.dead) == sorted(garbage)
    assert present(behind).keys() == {"b.jpg", "c.jpg"}
    last = told.received[-1]
    assert (last.not_understood, last.messages) == (15, 16)


async def test_without_a_dead_letter_queue_it_comes_back_ever_less_often(
    moto: MotoServer,
    bucket: MotoBucket,
    catalog_database: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = MotoQueue(moto.endpoint, most_receives=None)
    queue.send("no json")
    async with receiving(queue, bucket, catalog_database, visibility_seconds=1) as told:
        await until(lambda: told.receiver.received.not_understood == 1)
        await asyncio.sleep(2)
        assert told.receiver.received.messages == 1
    assert (queue.bodies, queue.visible) == (["no json"], 0)
    assert "has no redrive policy" in caplog.text


async def test_while_the_catalog_is_away_messages_wait_hidden_and_none_is_lost(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket)
    closed = Closed(catalog_database)
    async with receiving(
        queue, bucket, catalog_database, visibility_seconds=2, before_catalog=closed
    ) as told:
        bucket.put(["a.jpg"])
        await until(lambda: present(behind))
        closed.is_closed = True
        bucket.put([f"{i}.jpg" for i in range(30)])
        await until(lambda: closed.refusals > 2)
        received = told.receiver.received.messages
        await asyncio.sleep(3)  # longer than a receive hides
        assert told.receiver.received.messages - received <= 30
        assert len(queue.bodies) == 30
        assert present(behind).keys() == {"a.jpg"}
        assert closed.refusals < 10
        closed.is_closed = False
        await until(lambda: not queue.bodies)
        assert present(behind) == in_bucket(bucket)
    assert told.received[-1].messages == 32
    assert queue.dead == []


async def test_while_the_bucket_is_away_only_what_must_be_looked_at_waits(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    async with receiving(queue, bucket, catalog_database) as told:
        told.source.is_away = True
        queue.notified_of(bucket, sequenced=False)
        bucket.put(["doubtful.jpg"])
        await until(lambda: told.receiver.received.looked)
        queue.notified_of(bucket)
        bucket.put(["certain.jpg"])
        await until(lambda: present(behind))
        assert present(behind).keys() == {"certain.jpg"}
        told.source.is_away = False
        await until(lambda: not queue.bodies)
        assert present(behind) == in_bucket(bucket)


async def test_a_key_that_the_bucket_says_nothing_of_keeps_up_no_other(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket, sequenced=False)
    async with receiving(queue, bucket, catalog_database, visibility_seconds=1) as told:
        told.source.refuses = "b.jpg"
        bucket.put(["b.jpg"])
        await until(lambda: told.receiver.received.looked)
        others: list[str] = []
        while not queue.dead:
            others.append(f"{len(others)}.jpg")
            bucket.put(others[-1:])
            await until(lambda: others[-1] in present(behind))
            await asyncio.sleep(0.2)
        await until(lambda: not queue.bodies)
    assert len(queue.dead) == 1
    assert "b.jpg" not in present(behind)


async def test_an_end_gives_back_what_is_not_applied_at_once(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket)
    closed = Closed(catalog_database)
    closed.is_closed = True
    bucket.put([f"{i}.jpg" for i in range(50)])
    async with receiving(
        queue, bucket, catalog_database, visibility_seconds=600, before_catalog=closed
    ) as told:
        await until(lambda: told.receiver.received.messages >= 10 and closed.refusals)
        assert queue.visible < 50
    assert (len(queue.bodies), queue.visible) == (50, 50)  # the test event is deleted
    assert present(behind) == {}


async def test_what_is_being_applied_at_the_end_is_finished_and_deleted(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket)
    bucket.put([f"{i}.jpg" for i in range(10)])
    with psycopg.connect(catalog_database) as blocker:
        blocker.execute("lock table images in exclusive mode")
        async with receiving(queue, bucket, catalog_database) as told:
            await until(lambda: told.receiver.received.messages == 11)
            await until(lambda: waits_for_a_lock(behind))
            asyncio.get_running_loop().call_later(1, blocker.rollback)
    assert queue.bodies == []
    assert present(behind) == in_bucket(bucket)


async def test_a_key_that_somebody_else_changes_all_the_time_is_left_for_later(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    queue.notified_of(bucket, sequenced=False)

    def interfere(key: str) -> None:
        behind.execute(
            "insert into sync_changes (table_name, filename, sequencer, applied_at) "
            "values ('images', %s, '00', clock_timestamp()) on conflict (table_name, filename) "
            "do update set applied_at = clock_timestamp()",
            [key],
        )

    async with receiving(queue, bucket, catalog_database, visibility_seconds=3) as told:
        told.source.after_look = interfere
        bucket.put(["a.jpg"])
        await until(lambda: told.receiver.received.looked == 4)
        await asyncio.sleep(0.5)
        assert told.receiver.received.looked == 4
        assert present(behind) == {}
        told.source.after_look = None
        await until(lambda: not queue.bodies)
        assert present(behind) == in_bucket(bucket)
    assert told.received[-1].messages == 3


async def test_a_queue_that_is_gone_ends_the_receiver_with_its_reason(
    queue: MotoQueue, bucket: MotoBucket, catalog_database: str
) -> None:
    async def receive() -> None:
        async with receiving(queue, bucket, catalog_database) as told:
            queue.remove()
            await asyncio.wait({told.task}, timeout=60)

    with pytest.raises(QueueMissing, match=queue.name):
        await receive()


@pytest.mark.parametrize(
    ("settings", "words"),
    [(Settings(bucket="b-1"), "No queue"), (Settings(sqs="http://q/1/images"), "No bucket")],
)
async def test_what_is_not_set_is_named(settings: Settings, words: str) -> None:
    async def never() -> PostgresCatalog:
        raise AssertionError

    with pytest.raises(SettingsError, match=words) as caught:
        async with open_receiver(settings, never):
            pass
    assert caught.value.hint
