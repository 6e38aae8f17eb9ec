"""A row that the table refuses, by a rule of its owner's, holds up no other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.connect import sync_options
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.refusals import MOST, apply_changes
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import RowRefused
from s3sync_tui.headless import aws_lambda
from s3sync_tui.headless.aws_lambda import handler
from s3sync_tui.model import RunResult, RunStatus
from tests.contract.conftest import TRANSPORTS, Transport
from tests.integration.test_aws_lambda import Context, failed, from_sqs
from tests.integration.test_receiver import receiving, until
from tests.integration.test_sync import BucketOfTests, kept_count, stored
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.database import Connection
from tests.support.impatient import ImpatientOpener
from tests.support.queue import MotoQueue
from tests.support.settings import settings_of
from tests.support.stub import CameraKeys, ListingStub, served

BAD = ["bad-0.jpg", "bad-1.jpg", "k-0100/bad.jpg"]

_TRIGGER = """
create function public.refuse() returns trigger language plpgsql as $$
begin
  if new.filename like '%bad%' then raise exception 'no picture for us'; end if;
  return new;
end $$;
create trigger refuse before insert or update on images
  for each row execute function public.refuse();
"""
RULES = {
    "check": (
        "alter table images add constraint ours check (filename not like '%bad%') not valid",
        "alter table images drop constraint ours",
        'violates check constraint "ours"',
    ),
    "trigger": (_TRIGGER, "drop trigger refuse on images", "no picture for us"),
    "column": (
        """alter table images add label_set text generated always as
        (case when filename like '%bad%' then null else '' end) stored not null""",
        "alter table images drop column label_set",
        "violates not-null constraint",
    ),
    "unique": (
        """create unique index ours on images ((case when filename like '%bad%' then 1 end));
        insert into images (filename, etag) values ('bad.jpg', 'x');
        delete from images_counts""",
        "drop index ours; delete from images where filename = 'bad.jpg'",
        'violates unique constraint "ours"',
    ),
}


@pytest.fixture(params=["postgres", "supabase"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    async with TRANSPORTS[request.param](request) as made:
        yield made


def bucket_of(etag: str = "etag") -> BucketOfTests:
    good = [f"k-{number:04}/good.jpg" for number in range(200)]
    return BucketOfTests(dict.fromkeys([*good, *BAD], etag), page_size=40)


async def run_on(catalog: Catalog, bucket: BucketOfTests) -> RunResult:
    options = SyncOptions(batch_size=80, list_concurrency=3)
    return await sync(bucket, catalog, options, lambda _event: None)


@pytest.mark.parametrize("rule", RULES)
async def test_all_other_rows_are_written_and_it_is_told_which_are_not(
    transport: Transport, rule: str, caplog: pytest.LogCaptureFixture
) -> None:
    behind, catalog, bucket = transport.connection, await transport.make(), bucket_of()
    make, drop, reason = RULES[rule]
    behind.execute(make.encode())
    good = {key: etag for key, etag in bucket.objects.items() if key not in BAD}
    before = stored(behind)
    for added in (len(good), 0):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            result = await run_on(catalog, bucket)
        assert (result.status, result.exit_code, result.stats.added) == ("failed", 7, added)
        assert result.error.startswith("3 rows could not be written, for example of ")
        assert reason in result.error
        assert "--exclude" in result.hint
        assert stored(behind) == good | before
        assert kept_count(behind) == (len(good),)
        for key in BAD:
            assert f"The row of {key} is left out: The table refuses a row: " in caplog.text
    behind.execute(drop.encode())
    result = await run_on(catalog, bucket)
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, len(BAD))
    assert stored(behind) == bucket.objects
    assert kept_count(behind) == (len(bucket.objects),)


async def test_updates_too(transport: Transport) -> None:
    behind, catalog = transport.connection, await transport.make()
    assert (await run_on(catalog, bucket_of("old"))).status is RunStatus.SUCCEEDED
    make, drop, _ = RULES["check"]
    behind.execute(make.encode())
    bucket = bucket_of("new")
    result = await run_on(catalog, bucket)
    assert (result.status, result.stats.changed) == (RunStatus.FAILED, 200)
    assert stored(behind) == bucket.objects | dict.fromkeys(BAD, "old")
    behind.execute(drop.encode())
    assert (await run_on(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert stored(behind) == bucket.objects


async def test_a_table_that_refuses_most_is_not_asked_for_ever(transport: Transport) -> None:
    transport.connection.execute("alter table images add check (filename = 'k-0001/good.jpg')")
    bucket = bucket_of()
    result = await run_on(await transport.make(), bucket)
    assert (result.status, result.exit_code) == (RunStatus.FAILED, 4)
    assert f"The table refuses more than {MOST} rows." in result.error
    assert result.hint
    assert stored(transport.connection).keys() <= {"k-0001/good.jpg"}


async def test_a_table_that_takes_no_change_at_all_says_so(transport: Transport) -> None:
    transport.connection.execute(
        """create function public.stop() returns trigger language plpgsql as $$
        begin raise exception 'the table is frozen'; end $$;
        create trigger frozen before update on images for each statement
            execute function public.stop()"""
    )
    catalog = await transport.make()
    change = ObjectChange("a.jpg", ChangeKind.REMOVED, "01", datetime.now(UTC))
    for changes in ([], [change], [change, replace(change, key="b.jpg")]):
        with pytest.raises(RowRefused, match="the table is frozen"):
            await apply_changes(catalog, changes)


async def test_further_processes_tell_what_they_were_refused(
    catalog_database: str, behind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    keys = CameraKeys(8_000)
    bad = [key for key in keys if key.endswith("7f.jpg")][::4]
    behind.execute('create table refused (filename text collate "C" primary key)')
    with behind.cursor() as cursor:
        cursor.executemany("insert into refused values (%s)", [(key,) for key in bad])
    behind.execute(_TRIGGER.replace("new.filename like '%bad%'", IS_REFUSED).encode())
    stub = ListingStub(keys, latency_seconds=0.3)
    with served(stub) as endpoint:
        settings = settings_of(
            bucket="stub-bucket",
            endpoint=endpoint,
            database_url=catalog_database,
            list_concurrency="6",
            processes="2",
        )
        opener = ImpatientOpener(settings)
        async with opener(settings.list_concurrency) as (source, catalog):
            options = sync_options(settings, dry_run=False)
            result = await sync(source, catalog, options, lambda _event: None, opener=opener)
    assert (result.status, result.exit_code) == (RunStatus.FAILED, 7)
    assert result.error.startswith(f"{len(bad)} rows could not be written")
    assert stored(behind).keys() == set(keys) - set(bad)


IS_REFUSED = "new.filename in (select filename from refused)"


@pytest.fixture
def queue(moto: MotoServer) -> MotoQueue:
    return MotoQueue(moto.endpoint)


@pytest.mark.usefixtures("credentials")
async def test_a_refused_message_comes_back_and_ends_as_a_dead_letter(
    queue: MotoQueue,
    bucket: MotoBucket,
    catalog_database: str,
    behind: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    behind.execute(RULES["check"][0].encode())
    queue.notified_of(bucket)
    async with receiving(queue, bucket, catalog_database, visibility_seconds=1) as told:
        bucket.put([*BAD, *(f"{number}.jpg" for number in range(30))])
        await until(lambda: not queue.bodies)
    assert len(queue.dead) == len(BAD)
    assert stored(behind).keys() == bucket.objects().keys() - set(BAD)
    assert kept_count(behind) == (30,)
    assert told.received[-1].refused >= len(BAD)
    assert "A message comes back" in caplog.text


@pytest.fixture
def function(
    bucket: MotoBucket, catalog_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    for name, value in {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
        "S3SYNC_BUCKET": bucket.name,
        "DATABASE_URL": catalog_database,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws_lambda, "FUNCTION", aws_lambda.Function())
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)
    aws_lambda.FUNCTION.close()


@pytest.mark.usefixtures("credentials", "function")
def test_lambda_names_the_messages_that_are_refused(
    queue: MotoQueue, bucket: MotoBucket, behind: Connection
) -> None:
    behind.execute(RULES["check"][0].encode())
    queue.notified_of(bucket)
    queue.take()
    bucket.put(["a.jpg", "bad.jpg", "b.jpg"])
    assert handler(from_sqs(*queue.take()), Context()) == failed(1)
    assert stored(behind).keys() == {"a.jpg", "b.jpg"}
