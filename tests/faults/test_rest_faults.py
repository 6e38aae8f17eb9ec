"""Supabase's REST API fails in every way there is, before a real PostgREST: the run ends exact, or
in one clear error, and the next run is exact."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import S3SyncError
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.source.s3 import S3Source
from tests.support.broken_answers import ON_THE_WAY, dripping, lost_answer, packed, silent
from tests.support.bucket import MotoBucket
from tests.support.database import Connection
from tests.support.fault_proxy import Fault, FaultProxy, Request, at, from_on, nothing
from tests.support.rest_answers import REST_LASTING, REST_PASSING, is_batch
from tests.support.sampling import IS_WHOLE
from tests.support.supabase_stack import SupabaseStack

KINDS = {**ON_THE_WAY, **REST_PASSING}
Record = Callable[[str, object], None]


def some(kinds: dict[str, Any], every: int, first: int = 0) -> list[str]:
    """All of them, or one in so many."""
    return list(kinds) if IS_WHOLE else list(kinds)[first::every]


class Rig:
    """A bucket, and a Supabase project behind a proxy."""

    def __init__(
        self, bucket: MotoBucket, proxy: FaultProxy, supabase: SupabaseStack, behind: Connection
    ) -> None:
        self.bucket = bucket
        self.proxy = proxy
        self.supabase = supabase
        self.behind = behind
        self.key = supabase.secret_key

    async def run(self, *, batch_size: int = 20, patience_seconds: float = 30) -> RunResult:
        """One sync. Raises what keeps it from beginning."""
        source = S3Source(
            self.bucket.name, endpoint=self.bucket.endpoint, concurrency=2, page_size=50
        )
        options = SyncOptions(batch_size=batch_size, list_concurrency=2)
        async with opened(self.proxy.url, self.key, patience_seconds) as catalog:
            try:
                return await sync(source, catalog, options, lambda _: None)
            finally:
                await source.close()

    async def fail(self) -> tuple[int, str]:
        """A sync that must fail, with little patience: its exit code, and its hint."""
        try:
            result = await self.run(patience_seconds=0.2)
        except S3SyncError as error:
            told = error.exit_code, error.message, error.hint
        else:
            assert result.status is not RunStatus.SUCCEEDED
            told = result.exit_code, result.error, result.hint
        code, message, hint = told
        assert message
        assert hint
        assert self.key not in message + hint
        assert "Traceback" not in message
        assert self.rows().items() <= self.bucket.objects().items()
        return code, hint

    def rows(self) -> dict[object, object]:
        """What the table holds."""
        return dict(self.behind.execute("select filename, etag from images").fetchall())  # type: ignore[arg-type]

    def assert_exact(self, result: RunResult) -> None:
        """The run has succeeded, the table is the bucket, and what was added was counted once."""
        assert (result.status, result.exit_code) == (RunStatus.SUCCEEDED, 0), result.error
        assert self.rows() == self.bucket.objects()
        assert result.stats.total == len(self.bucket.objects())
        [counted] = self.behind.execute("select sum(objects) from images_counts").fetchall()
        assert counted == (len(self.bucket.objects()),)
        told = self.behind.execute("select status, added from sync_runs order by id").fetchall()
        assert "running" not in [status for status, _ in told]
        assert told[-1] == ("succeeded", result.stats.added)

    def let_the_lease_run_out(self) -> None:
        """As it does by itself when its holder could not even say that it has failed."""
        self.behind.execute("update sync_leases set expires_at = now() - interval '1 second'")


@asynccontextmanager
async def opened(url: str, key: str, patience_seconds: float) -> AsyncIterator[SupabaseCatalog]:
    catalog = SupabaseCatalog(url, key, table="images", patience_seconds=patience_seconds)
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.close()


@pytest.fixture
def rig(
    bucket: MotoBucket, credentials: None, supabase: SupabaseStack, behind: Connection
) -> Iterator[Rig]:
    bucket.put(f"cam-{i % 2}/{i:03}.jpg" for i in range(90))
    with FaultProxy(supabase.url) as proxy:
        yield Rig(bucket, proxy, supabase, behind)


@pytest.mark.parametrize("kind", some(KINDS, 6))
async def test_a_fault_that_passes_loses_nothing_and_counts_nothing_twice(
    rig: Rig, kind: str
) -> None:
    # From the first call that only a run makes; some hit a batch, and the end of the run.
    rig.proxy.script = at(KINDS[kind], 3, 5, 6, 8, 9, 11, 13, 16)
    result = await rig.run()
    rig.assert_exact(result)
    assert result.stats.added == 90
    assert rig.proxy.injected == 8


@pytest.mark.parametrize("kind", some(KINDS, 8, first=1))
async def test_a_fault_that_stays_is_told_and_the_next_run_is_exact(rig: Rig, kind: str) -> None:
    rig.proxy.script = from_on(KINDS[kind], 7)
    code, _ = await rig.fail()
    assert code == 4
    rig.proxy.script = nothing
    rig.let_the_lease_run_out()
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("first", [1, 7])
@pytest.mark.parametrize("kind", some(REST_LASTING, 6))
async def test_what_no_retry_mends_says_what_to_do(rig: Rig, kind: str, first: int) -> None:
    fault, code, hint = REST_LASTING[kind]
    rig.proxy.script = from_on(fault, first)
    told = await rig.fail()
    assert told[0] == code
    assert hint in told[1]
    rig.proxy.script = nothing
    rig.let_the_lease_run_out()
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("fault", [silent, dripping])
async def test_answers_that_take_for_ever_are_not_waited_for(
    rig: Rig, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3sync_tui.catalog.rest._CALL_SECONDS", 2)
    rig.proxy.script = at(fault, 3, 9)
    rig.assert_exact(await rig.run())
    assert rig.proxy.injected == 2


async def test_forty_lost_answers_are_counted_once(rig: Rig, record_property: Record) -> None:
    rig.bucket.put(f"cam-2/{i:03}.jpg" for i in range(310))
    lost: set[int] = set()

    def lose_the_first_answer(request: Request) -> Fault | None:
        number = json.loads(request.body)["p_batch"] if is_batch(request) else None
        if number is None or number in lost:
            return None
        lost.add(number)
        return lost_answer

    rig.proxy.script = lose_the_first_answer
    result = await rig.run(batch_size=10)
    rig.assert_exact(result)
    assert result.stats.added == 400
    assert len(lost) == rig.proxy.injected == 40
    record_property("batches whose answer was lost", len(lost))


async def test_a_key_that_is_replaced_meanwhile_ends_the_run(rig: Rig) -> None:
    old, new = rig.key, "sb_secret_made_anew_0123456789"
    rig.supabase.gateway.accept_key(new, rig.supabase.token("service_role"))
    refused, _, _ = REST_LASTING["another key"]

    def refuse_the_old(request: Request) -> Fault | None:
        is_old = ("apikey", old) in {(name.lower(), value) for name, value in request.headers}
        return refused if is_old and request.number >= 8 else None

    rig.proxy.script = refuse_the_old
    code, hint = await rig.fail()
    assert code == 4
    assert "Copy the key anew" in hint
    rig.key = new
    rig.let_the_lease_run_out()
    rig.assert_exact(await rig.run())


@pytest.fixture
def slow_rows(rig: Rig) -> Iterator[None]:
    """The API's statements may take half a second, and each row takes 12 ms."""
    rig.behind.execute(
        "create function dawdle() returns trigger language plpgsql"
        " as $$ begin perform pg_sleep(0.012); return new; end $$;"
        "create trigger dawdle before insert on images for each row execute function dawdle()"
    )
    rig.supabase.set_statement_timeout("service_role", 500)
    yield
    rig.supabase.set_statement_timeout("service_role", None)


@pytest.mark.usefixtures("slow_rows")
async def test_statements_that_take_too_long_are_done_in_parts(rig: Rig) -> None:
    rig.assert_exact(await rig.run(batch_size=90))
    rig.bucket.put(["cam-9/one.jpg"])
    rig.behind.execute(
        "create or replace function dawdle() returns trigger language plpgsql"
        " as $$ begin perform pg_sleep(2); return new; end $$"
    )
    code, hint = await rig.fail()
    assert code == 4
    assert "statement_timeout = '60s'" in hint
    rig.behind.execute("drop trigger dawdle on images")
    rig.let_the_lease_run_out()
    rig.assert_exact(await rig.run())


async def test_batches_that_a_gateway_finds_too_large_are_done_in_parts(rig: Rig) -> None:
    refused, _, _ = REST_LASTING["too large"]
    rig.proxy.script = lambda request: refused if len(request.body) > 2_000 else None
    rig.assert_exact(await rig.run(batch_size=90))
    assert rig.proxy.injected > 1


async def test_answers_that_are_packed_are_read(rig: Rig) -> None:
    rig.proxy.script = from_on(packed, 1)
    rig.assert_exact(await rig.run())
