"""What is special about the catalog over REST: keys, faults of the web, statement
timeouts, row limits. What all transports promise is in ``tests/contract``."""

from __future__ import annotations

import asyncio
import http.server
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.rest import BULK_CALLS
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.errors import (
    CatalogDenied,
    CatalogError,
    CatalogUnreachable,
    S3SyncError,
    SchemaError,
    SettingsError,
)
from s3sync_tui.model import (
    KeyRange,
    Rows,
    RunMode,
    RunRequest,
    RunResult,
    RunStats,
    RunStatus,
)
from tests.contract.changes import created
from tests.contract.images import HARD_KEYS, digest, page, rows, stored
from tests.support.database import Connection
from tests.support.supabase_stack import MAX_ROWS, SupabaseStack

REQUEST = RunRequest("bucket", "", RunMode.FULL, "test", lease_seconds=60)
TOO_LONG = {"code": "57014", "message": "canceling statement due to statement timeout"}


@asynccontextmanager
async def opened(
    supabase: SupabaseStack, key: str = "", *, table: str = "images", patience_seconds: float = 30
) -> AsyncIterator[SupabaseCatalog]:
    catalog = SupabaseCatalog(
        supabase.url,
        key or supabase.secret_key,
        table=table,
        patience_seconds=patience_seconds,
    )
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.close()


@pytest.fixture
async def catalog(supabase: SupabaseStack) -> AsyncIterator[SupabaseCatalog]:
    async with opened(supabase) as made:
        supabase.gateway.reset()
        yield made


@pytest.fixture
async def run(catalog: SupabaseCatalog, supabase: SupabaseStack) -> int:
    ticket = await catalog.begin_run(REQUEST)
    assert ticket.run_id is not None
    supabase.gateway.reset()
    return ticket.run_id


async def refusal(url: str, key: str, *, table: str = "images") -> S3SyncError:
    """Why a catalog does not open."""
    catalog = SupabaseCatalog(url, key, table=table, patience_seconds=1)
    with pytest.raises(S3SyncError) as caught:
        await catalog.open()
    assert key not in caught.value.message + caught.value.hint
    return caught.value


async def finish(catalog: SupabaseCatalog, run_id: int, **stats: int) -> RunStats:
    result = RunResult(
        run_id, RunStatus.SUCCEEDED, RunMode.FULL, False, RunStats(**stats), [], [], []
    )
    return await catalog.finish_run(run_id, result)


def some(number: int, *, start: int = 0) -> Rows:
    return rows(f"{index:07d}.jpg" for index in range(start, start + number))


# Keys


async def test_a_secret_key_travels_alone(
    supabase: SupabaseStack, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(supabase, supabase.secret_key) as catalog:
        assert (await catalog.summary()).images == 0
    traffic = supabase.gateway.traffic()
    assert traffic.requests == traffic.posts == traffic.ours
    assert traffic.bearers == 0
    assert not caplog.records


async def test_a_legacy_key_works_with_a_notice(
    supabase: SupabaseStack, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(supabase, supabase.service_role_key) as catalog:
        assert (await catalog.summary()).images == 0
    assert "retires" in caplog.text
    assert "SUPABASE_SECRET_KEY" in caplog.text
    assert supabase.service_role_key not in caplog.text


async def test_low_keys_are_refused_before_any_request(supabase: SupabaseStack) -> None:
    for key in (supabase.publishable_key, supabase.anon_key, supabase.user_token()):
        error = await refusal(supabase.url, key)
        assert isinstance(error, SettingsError)
        assert "sb_secret_" in error.hint
    expired = await refusal(supabase.url, supabase.expired_key)
    assert isinstance(expired, CatalogDenied)
    assert "expired" in expired.message
    assert supabase.gateway.traffic().requests == 0


async def test_a_key_that_expires_meanwhile_is_named(supabase: SupabaseStack) -> None:
    key = supabase.token("service_role", expires_in=3600, use="by our clock, not by the server's")
    supabase.gateway.accept_key(key, key)
    async with opened(supabase, key) as catalog:
        words = {"code": "PGRST301", "message": "JWT expired"}
        supabase.gateway.answer_next(401, body=words)
        with pytest.raises(CatalogDenied, match="has expired"):
            await catalog.summary()


async def test_a_key_without_elevated_rights_is_refused(
    supabase: SupabaseStack, behind: Connection
) -> None:
    behind.execute("""do $$ begin create role clerk; exception when others then null; end $$;
        grant clerk to authenticator; grant usage on schema public to clerk;
        grant all on all tables in schema public to clerk;
        grant execute on all functions in schema public to clerk""")
    key = supabase.token("clerk")
    supabase.gateway.accept_key(key, key)
    error = await refusal(supabase.url, key)
    assert isinstance(error, CatalogDenied)  # it would see an empty table
    assert "row level security" in error.message
    assert "secret key" in error.hint
    behind.execute("revoke execute on all functions in schema public from clerk")
    assert isinstance(await refusal(supabase.url, key), CatalogDenied)


async def test_a_key_of_another_project_is_refused(supabase: SupabaseStack) -> None:
    error = await refusal(supabase.url, "sb_secret_of_another_project_12345678")
    assert isinstance(error, CatalogDenied)
    assert "API Keys" in error.hint
    forged = supabase.service_role_key[:-5] + "xxxxx"
    assert isinstance(await refusal(supabase.url, forged), CatalogDenied)


async def test_no_message_and_no_log_holds_the_key(
    supabase: SupabaseStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "s3sync_tui")
    key = supabase.secret_key
    for status in (400, 401, 503):
        supabase.gateway.answer_next(status, times=20, body={"message": f"no such key: {key}"})
        error = await refusal(supabase.url, key)
        assert "no such key" in error.message
        supabase.gateway.clear_faults()
    assert key not in caplog.text
    assert key not in repr(SupabaseCatalog(supabase.url, key, table="images"))


async def test_a_key_that_travels_in_clear_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    await refusal("http://supabase.invalid", "sb_secret_abc")
    assert "unencrypted" in caplog.text


# Schema


async def test_a_missing_schema_says_what_to_paste_where(
    supabase: SupabaseStack, new_database: Callable[..., str]
) -> None:
    supabase.move_to(new_database(with_schema=False))
    error = await refusal(supabase.url, supabase.secret_key)
    assert isinstance(error, SchemaError)
    assert "`s3sync-tui schema`" in error.hint
    assert "SQL editor" in error.hint
    other = await refusal(supabase.url, supabase.secret_key, table="photos")
    assert "`s3sync-tui schema --table photos`" in other.hint


async def test_a_schema_applied_in_the_sql_editor_is_found(
    supabase: SupabaseStack, new_database: Callable[..., str]
) -> None:
    supabase.move_to(new_database(with_schema=False))
    supabase.execute(schema_sql("photos"))
    supabase.reload_schema()  # on Supabase, event triggers have done so
    async with opened(supabase, table="photos") as catalog:
        assert (await catalog.summary()).images == 0


async def test_a_stale_schema_cache_is_hinted_at(
    supabase: SupabaseStack, new_database: Callable[..., str]
) -> None:
    supabase.move_to(new_database(with_schema=False))
    supabase.execute("alter event trigger pgrst_ddl_watch disable", schema_sql())
    error = await refusal(supabase.url, supabase.secret_key)
    assert isinstance(error, SchemaError)
    assert "NOTIFY pgrst, 'reload schema'" in error.hint
    supabase.reload_schema()
    async with opened(supabase):
        pass


async def test_a_damaged_schema_is_mended_in_the_sql_editor(supabase: SupabaseStack) -> None:
    supabase.execute("drop index images_filename_s3sync_idx")
    error = await refusal(supabase.url, supabase.secret_key)
    assert isinstance(error, SchemaError)
    assert "images_filename_s3sync_idx" in error.message
    assert "SQL editor" in error.hint
    assert "--apply" not in error.hint


# Addresses


@pytest.fixture
def other_site() -> Iterator[str]:
    """A web site that is no Supabase project."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            moved = self.path.startswith("/moved")
            self.send_response(301 if moved else 200)
            self.send_header("Location", "https://example.com/login")
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_wrong_addresses_are_told(supabase: SupabaseStack, other_site: str) -> None:
    key = supabase.secret_key
    no_project = await refusal(other_site, key)
    assert f"no Supabase project at {other_site}" in no_project.message
    moved = await refusal(f"{other_site}/moved", key)
    assert "https://example.com" in moved.message
    no_path = await refusal(f"{supabase.url}/nowhere", key)
    assert "no Supabase project" in no_path.message
    nobody = await refusal("http://127.0.0.1:9", key)
    no_host = await refusal("http://no-such-project.invalid", key)
    assert "There is no host no-such-project.invalid" in no_host.message
    for error in (no_project, moved, no_path, nobody, no_host):
        assert isinstance(error, CatalogUnreachable)


async def test_a_paused_project_is_told(supabase: SupabaseStack) -> None:
    supabase.gateway.answer_next(540, body="")
    error = await refusal(supabase.url, supabase.secret_key)
    assert isinstance(error, CatalogUnreachable)
    assert "paused" in error.message
    assert supabase.gateway.traffic().requests == 1


# Faults of the web


@pytest.mark.parametrize("when", ["before", "after", "midway"])
async def test_a_lost_answer_never_counts_twice(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, behind: Connection, when: str
) -> None:
    supabase.gateway.drop_next(when, times=2)
    assert await catalog.insert_batch(run, 1, some(50)) == 50
    supabase.gateway.drop_next(when)
    changed = rows(some(50).keys[:20], version=2)
    assert await catalog.update_batch(run, 2, changed) == 20
    supabase.gateway.drop_next(when)
    stats = await finish(catalog, run, total=50)
    assert (stats.added, stats.changed) == (50, 20)
    assert supabase.gateway.pending_faults() == 0
    assert (await catalog.summary()).images == len(stored(behind)) == 50


@pytest.mark.parametrize("when", ["before", "after", "midway"])
async def test_a_run_begins_once(
    catalog: SupabaseCatalog, supabase: SupabaseStack, behind: Connection, when: str
) -> None:
    supabase.gateway.drop_next(when, times=2)
    ticket = await catalog.begin_run(REQUEST)
    assert behind.execute("select id from sync_runs").fetchall() == [(ticket.run_id,)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"message": "rate limited"}),
        (502, "<html>Bad Gateway</html>"),
        (503, {"code": "PGRST002", "message": "Could not query the database"}),
        (504, {"code": "PGRST003", "message": "Timed out acquiring connection"}),
        (521, "error code: 521"),
    ],
)
async def test_passing_faults_are_waited_out(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, status: int, body: object
) -> None:
    supabase.gateway.answer_next(status, body=body, times=3)
    assert await catalog.insert_batch(run, 1, some(10)) == 10
    assert supabase.gateway.traffic().requests == 4


async def test_a_server_that_asks_for_time_gets_it(
    catalog: SupabaseCatalog, supabase: SupabaseStack
) -> None:
    supabase.gateway.answer_next(429, headers={"Retry-After": "1"})
    began = time.monotonic()
    await catalog.summary()
    assert time.monotonic() - began >= 1


async def test_our_own_faults_are_not_repeated(
    catalog: SupabaseCatalog, supabase: SupabaseStack
) -> None:
    supabase.gateway.answer_next(400, body={"code": "22P02", "message": "invalid input"})
    with pytest.raises(CatalogError, match="invalid input"):
        await catalog.summary()
    assert supabase.gateway.traffic().requests == 1


async def test_waiting_for_a_silent_project_ends(supabase: SupabaseStack) -> None:
    async with opened(supabase, patience_seconds=1) as catalog:
        supabase.stop_postgrest()
        began = time.monotonic()
        with pytest.raises(CatalogUnreachable, match="502"):
            await catalog.summary()
        assert time.monotonic() - began > 0.9
        asked = supabase.gateway.traffic().requests
        with pytest.raises(CatalogUnreachable):  # the wait is not begun anew for each call
            await catalog.summary()
        assert supabase.gateway.traffic().requests - asked < asked
        supabase.start_postgrest()
        assert (await catalog.summary()).images == 0


async def test_waiting_can_be_cancelled(catalog: SupabaseCatalog, supabase: SupabaseStack) -> None:
    supabase.stop_postgrest()
    waiting = asyncio.create_task(catalog.summary())
    await asyncio.sleep(1)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=30)
    assert waiting.cancelled()
    supabase.start_postgrest()
    assert (await catalog.summary()).images == 0


async def insert_while(
    catalog: SupabaseCatalog, run_id: int, trouble: Callable[[], Coroutine[None, None, None]]
) -> int:
    """Insert 20,000 rows in batches of 200, two at a time, with trouble on the way."""
    all_rows, numbers = some(20_000), iter(range(100))

    async def write() -> int:
        added = 0
        for number in numbers:
            if number == 30:
                troubles.append(asyncio.create_task(trouble()))
            batch = all_rows.slice(number * 200, number * 200 + 200)
            added += await catalog.insert_batch(run_id, number + 1, batch)
        return added

    troubles: list[asyncio.Task[None]] = []
    added = sum(await asyncio.gather(write(), write()))
    await asyncio.gather(*troubles)
    return added


async def test_postgrest_may_restart_meanwhile(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, behind: Connection
) -> None:
    async def restart() -> None:
        await asyncio.to_thread(supabase.stop_postgrest, kill=True)
        await asyncio.sleep(1)
        await asyncio.to_thread(supabase.start_postgrest)

    assert await insert_while(catalog, run, restart) == 20_000
    stats = await finish(catalog, run, total=20_000)
    assert stats.added == len(stored(behind)) == (await catalog.summary()).images == 20_000


async def test_postgres_may_restart_meanwhile() -> None:
    # Not in pytest's own directory: see conftest.py.
    directory = TemporaryDirectory(prefix="s3sync-restarted-")
    embedded = EmbeddedPostgres(Path(directory.name))
    conninfo = await asyncio.to_thread(embedded.start)

    async def restart() -> None:
        await asyncio.to_thread(embedded.stop)
        await asyncio.sleep(1)
        await asyncio.to_thread(embedded.start)

    try:
        with SupabaseStack(conninfo) as project:
            project.execute(schema_sql())
            project.reload_schema()
            async with opened(project, patience_seconds=60) as catalog:
                ticket = await catalog.begin_run(REQUEST)
                assert ticket.run_id is not None
                assert await insert_while(catalog, ticket.run_id, restart) == 20_000
                stats = await finish(catalog, ticket.run_id, total=20_000)
                assert stats.added == (await catalog.summary()).images == 20_000
            with psycopg.connect(conninfo, autocommit=True) as behind:
                assert stored(behind).keys == some(20_000).keys
    finally:
        await asyncio.to_thread(embedded.stop)
        directory.cleanup()


# Statements that take too long


@pytest.fixture
def slow_rows(supabase: SupabaseStack, behind: Connection) -> Iterator[None]:
    """The API's statements may take 0.5 s, and each row takes 2 ms."""
    behind.execute("""create function dawdle() returns trigger language plpgsql
          as $$ begin perform pg_sleep(0.002); return new; end $$;
        create trigger dawdle before insert or update on images
          for each row execute function dawdle()""")
    supabase.set_statement_timeout("service_role", 500)
    yield
    supabase.set_statement_timeout("service_role", None)


@pytest.mark.usefixtures("slow_rows")
async def test_batches_that_take_too_long_are_halved(
    catalog: SupabaseCatalog, run: int, behind: Connection
) -> None:
    first = some(600)
    assert await catalog.insert_batch(run, 1, first) == 600
    assert await catalog.insert_batch(run, 1, first) == 600  # repeated: the first result
    behind.execute("update images set missing_since = now()")
    assert await catalog.update_batch(run, 2, first) == 600
    assert await catalog.update_batch(run, 2, first) == 600
    stats = await finish(catalog, run, total=600)
    assert (stats.added, stats.changed) == (600, 600)
    assert stored(behind) == first


async def test_what_was_too_much_is_not_tried_again(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, behind: Connection
) -> None:
    # Too long by the number of rows: by the clock, a busy machine has its own opinion.
    behind.execute("""create function too_many() returns trigger language plpgsql as $$ begin
            if (select count(*) from written) > 150 then
              raise query_canceled using message = 'canceling statement due to statement timeout';
            end if;
            return null; end $$;
        create trigger too_many_new after insert on images referencing new table as written
          for each statement execute function too_many();
        create trigger too_many_changed after update on images referencing new table as written
          for each statement execute function too_many()""")
    assert await catalog.insert_batch(run, 1, some(600)) == 600
    behind.execute("alter table images disable trigger too_many_changed")
    behind.execute("update images set missing_since = now()")
    behind.execute("alter table images enable trigger too_many_changed")
    requests = supabase.gateway.traffic().requests
    assert await catalog.update_batch(run, 2, some(600)) == 600
    # Four quarters; each half, and the whole, is joined. None is refused first.
    assert supabase.gateway.traffic().requests - requests == 4 + 2 + 1


@pytest.mark.usefixtures("slow_rows")
async def test_a_row_that_takes_too_long_is_an_error(
    catalog: SupabaseCatalog, run: int, behind: Connection
) -> None:
    behind.execute("""create or replace function dawdle() returns trigger language plpgsql
          as $$ begin perform pg_sleep(1); return new; end $$""")
    with pytest.raises(CatalogError, match="too long") as caught:
        await catalog.insert_batch(run, 1, some(2))
    assert "statement_timeout = '60s'" in caught.value.hint


async def test_gateways_that_lose_patience_make_nothing_count_twice(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, behind: Connection
) -> None:
    # The whole is committed after all, while its halves are on their way.
    await catalog.insert_batch(run, 1, some(40))
    supabase.gateway.answer_next(544, path="s3sync_insert")
    assert await catalog.insert_batch(run, 1, some(40)) == 0
    stats = await finish(catalog, run, total=40)
    assert stats.added == len(stored(behind)) == 40


async def test_drill_downs_and_digests_are_halved_exactly(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack
) -> None:
    held = some(100)
    await catalog.insert_batch(run, 1, held)
    started_at = datetime.now(UTC)
    kept = some(101).take(i for i in range(101) if i % 7)  # some gone, one missing
    images = Rows(kept.keys, ["other", *kept.etags[1:]], kept.sizes, kept.modified)
    seen = page(images, others=[held.keys[7], "zzz.txt"])
    whole = await catalog.compare(seen, started_at=started_at)
    assert (whole.missing, whole.changed, whole.gone) == ([85], [0], 14)

    supabase.gateway.answer_next(500, body=TOO_LONG, times=1, path="s3sync_compare")
    assert await catalog.compare(seen, started_at=started_at) == whole
    supabase.gateway.answer_next(500, body=TOO_LONG, times=5, path="s3sync_compare")
    assert await catalog.compare(seen, started_at=started_at) == whole

    spans = KeyRange().split(held.keys[9::10])
    digests = await catalog.range_digests(spans)
    supabase.gateway.answer_next(500, body=TOO_LONG, times=3, path="s3sync_range_digests")
    assert await catalog.range_digests(spans) == digests
    assert await catalog.range_digests(spans) == digests

    supabase.gateway.answer_next(500, body=TOO_LONG, times=3, path="s3sync_mark_gone")
    assert await catalog.mark_gone(seen, run_id=run, started_at=started_at) == 14
    assert supabase.gateway.pending_faults() == 0


@pytest.mark.usefixtures("slow_rows")
async def test_changes_that_take_too_long_are_halved(
    catalog: SupabaseCatalog, behind: Connection
) -> None:
    applied = await catalog.apply_changes([created(f"{n:03}", "01") for n in range(600)])
    assert (applied.added, applied.stale, applied.doubtful) == (600, 0, [])
    assert len(stored(behind)) == 600


async def test_halves_of_changes_say_what_is_doubtful_in_the_whole(
    catalog: SupabaseCatalog, supabase: SupabaseStack, behind: Connection
) -> None:
    changes = [created(f"{n:03}", "01") for n in range(100)]
    long_ago = timedelta(hours=1)
    for n in (0, 49, 50, 99):
        changes[n] = created(f"{n:03}", "01", ago=long_ago)
    supabase.gateway.answer_next(500, body=TOO_LONG, times=3, path="s3sync_apply_changes")
    applied = await catalog.apply_changes(changes)
    assert (applied.added, applied.doubtful) == (96, [0, 49, 50, 99])
    assert len(stored(behind)) == 96
    # And what a gateway has lost patience with, while it was committed, is not done twice.
    supabase.gateway.answer_next(544, path="s3sync_apply_changes")
    applied = await catalog.apply_changes(changes)
    assert (applied.added, applied.stale, applied.doubtful) == (0, 96, [0, 49, 50, 99])
    assert supabase.gateway.pending_faults() == 0


async def test_what_cannot_be_halved_is_tried_again(
    catalog: SupabaseCatalog, supabase: SupabaseStack
) -> None:
    supabase.gateway.answer_next(500, body=TOO_LONG, times=2)
    assert (await catalog.summary()).images == 0
    supabase.gateway.answer_next(500, body=TOO_LONG, times=3)
    with pytest.raises(CatalogError, match="too long"):
        await catalog.summary()
    # The last asks who is in the way.
    assert supabase.gateway.traffic().requests == 7


# Limits


async def test_nothing_is_cut_off_at_the_row_limit(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack, behind: Connection
) -> None:
    many = some(3 * MAX_ROWS)
    assert await catalog.insert_batch(run, 1, many) == len(many)
    spans = KeyRange().split(many.keys[:-1])
    digests = await catalog.range_digests(spans)
    assert [found.rows for found in digests] == [1] * len(many)
    assert [d.digest for d in digests[1::500]] == [
        digest(many.slice(index, index + 1)) for index in range(1, len(many), 500)
    ]
    other = some(3 * MAX_ROWS, start=10_000_000)
    difference = await catalog.compare(page(other), started_at=datetime.now(UTC))
    assert len(difference.missing) == len(other)
    behind.execute("alter table images alter filename set statistics 5000; analyze images")
    assert len(await catalog.split_points(KeyRange(), 2000)) == 1999
    traffic = supabase.gateway.traffic()
    assert traffic.posts == traffic.requests
    assert traffic.longest_url < 100  # no URL grows with the data


async def test_keys_arrive_byte_for_byte(
    catalog: SupabaseCatalog, run: int, behind: Connection
) -> None:
    images = rows(HARD_KEYS)
    assert await catalog.insert_batch(run, 1, images) == len(images)
    assert stored(behind) == images
    spans = KeyRange().split(images.keys)
    digests = await catalog.range_digests(spans)
    assert [found.digest for found in digests[: len(images)]] == [
        digest(images.slice(index, index + 1)) for index in range(len(images))
    ]
    nothing = page(rows([]))
    gone = await catalog.compare(nothing, started_at=datetime.now(UTC) + timedelta(hours=1))
    assert gone.gone == len(images)
    assert gone.gone_sample == images.keys[: len(gone.gone_sample)]


async def test_large_figures_stay_exact(catalog: SupabaseCatalog, run: int) -> None:
    large = Rows(["a.jpg"], ["x"], [2**62 + 1], ["2026-11-24T10:00:00.123Z"])
    assert await catalog.insert_batch(run, 1, large) == 1
    assert (await catalog.summary()).size_bytes == 2**62 + 1


async def test_only_some_calls_are_in_flight_and_the_lease_does_not_wait(
    catalog: SupabaseCatalog, run: int, supabase: SupabaseStack
) -> None:
    supabase.gateway.delay_next(0.5, times=3 * BULK_CALLS, path="s3sync_range_digests")
    calls = [asyncio.create_task(catalog.range_digests([KeyRange()])) for _ in range(24)]
    await asyncio.sleep(0.2)
    await catalog.renew_lease(run, 60, RunStats())
    assert not calls[-1].done()
    await asyncio.gather(*calls)
    assert BULK_CALLS <= supabase.gateway.traffic().most_in_flight <= BULK_CALLS + 1


async def test_vacuum_says_who_does_it(
    catalog: SupabaseCatalog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "s3sync_tui")
    await catalog.vacuum()
    assert "VACUUM (ANALYZE) images;" in caplog.text
