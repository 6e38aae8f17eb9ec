"""The bucket fails in every way there is: the run ends exact, or in one clear error, and the next
run is exact."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.model import ModeChoice, RunMode, RunResult, RunStatus
from s3sync_tui.source.s3 import S3Source
from tests.support.broken_answers import ON_THE_WAY, dripping, packed, reset_before, silent
from tests.support.bucket import MotoBucket
from tests.support.fault_proxy import (
    Exchange,
    Fault,
    FaultProxy,
    Request,
    Script,
    at,
    from_on,
    nothing,
    share,
)
from tests.support.faulty_runs import opened
from tests.support.s3_answers import (
    S3_LASTING,
    S3_PASSING,
    SILENT_LOSSES,
    error,
    folder_left_out,
    is_list,
    is_page,
)
from tests.support.sampling import IS_WHOLE, sampled

KEYS = [f"cam-{c}/{i:03}.jpg" for c in range(3) for i in range(20)] + ["zz/last.jpg"]
TIMEOUTS: dict[str, Fault] = {"silent": silent, "dripping": dripping}
STREAMS = 12
KINDS = {**ON_THE_WAY, **S3_PASSING, **TIMEOUTS}
"""Faults that another try may mend."""


Record = Callable[[str, object], None]


def some(kinds: dict[str, Any], every: int) -> list[str]:
    """All of them, or one in so many, and what the worst comes of."""
    return [
        kind
        for number, kind in enumerate(kinds)
        if IS_WHOLE or number % every == 0 or kind in {*SILENT_LOSSES, *TIMEOUTS}
    ]


def limits(kind: str) -> dict[str, Any]:
    """Short ones where a fault only ends by them; others must not end by one on a slow machine."""
    return {"request_seconds": 0.3} if kind in TIMEOUTS else {}


class Rig:
    """A bucket behind a proxy, and a catalog."""

    def __init__(self, bucket: MotoBucket, proxy: FaultProxy, conninfo: str) -> None:
        self.bucket = bucket
        self.proxy = proxy
        self.conninfo = conninfo

    async def run(
        self, *, page_size: int = 10, streams: int = 3, mode: ModeChoice = "full", **source: Any
    ) -> RunResult:
        """One sync."""
        bucket = S3Source(
            self.bucket.name,
            endpoint=self.proxy.url,
            concurrency=streams,
            page_size=page_size,
            **{"retry_base_seconds": 0.001, **source},
        )
        options = SyncOptions(batch_size=25, list_concurrency=streams, mode=mode)
        async with opened(self.conninfo) as catalog:
            try:
                return await sync(bucket, catalog, options, lambda _: None)
            finally:
                await bucket.close()

    def rows(self) -> dict[object, object]:
        """What the table holds."""
        return dict(self._ask("select filename, etag from images"))  # type: ignore[arg-type]

    def statuses(self) -> list[object]:
        """How the runs ended, in their order."""
        return [status for (status,) in self._ask("select status from sync_runs order by id")]

    def assert_exact(self, result: RunResult) -> None:
        """The run has succeeded, and the table is the bucket."""
        assert (result.status, result.exit_code) == (RunStatus.SUCCEEDED, 0), result.error
        assert self.rows() == self.bucket.objects()
        assert result.stats.total == len(self.bucket.objects())
        assert "running" not in self.statuses()

    def assert_clear(self, result: RunResult, *codes: int) -> None:
        """The run has failed in one clear error, and the table holds nothing wrong."""
        assert result.status is RunStatus.FAILED
        assert result.exit_code in codes, result.error
        assert result.error
        assert result.hint
        assert "Error(" not in result.error
        assert self.rows().items() <= self.bucket.objects().items()
        assert self.statuses()[-1] == "failed"

    def _ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.conninfo) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def rig(bucket: MotoBucket, credentials: None, catalog_database: str) -> Iterator[Rig]:
    bucket.put(KEYS)
    with FaultProxy(bucket.endpoint) as proxy:
        yield Rig(bucket, proxy, catalog_database)


@pytest.mark.parametrize("kind", some(KINDS, 8))
async def test_a_fault_that_passes_loses_nothing(rig: Rig, kind: str) -> None:
    rig.proxy.script = at(KINDS[kind], 2, 3, 5, 6, which=is_list)
    rig.assert_exact(await rig.run(**limits(kind)))
    assert rig.proxy.injected == 4


@pytest.mark.parametrize("kind", list(KINDS)[:: 1 if IS_WHOLE else 7])
async def test_a_fault_that_stays_is_told_and_the_next_run_is_exact(rig: Rig, kind: str) -> None:
    rig.proxy.script = from_on(KINDS[kind], 3, which=is_list)
    rig.assert_clear(await rig.run(**limits(kind)), 7)
    # Eight tries for each range that was begun, and none for what is cut from it.
    assert rig.proxy.injected <= 8 * 12
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("kind", list(KINDS)[:: 1 if IS_WHOLE else 13])
async def test_a_fault_from_the_first_request_on_is_told(rig: Rig, kind: str) -> None:
    rig.proxy.script = from_on(KINDS[kind], 1)
    # Two kinds are nothing to the look at the folders, and to HEAD most are.
    rig.assert_clear(await rig.run(**limits(kind)), 3, 7)
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("kind", some(S3_LASTING, 6))
@pytest.mark.parametrize("first", [1, 4])
async def test_what_no_retry_mends_ends_the_run_at_once(rig: Rig, kind: str, first: int) -> None:
    fault, hint = S3_LASTING[kind]
    rig.proxy.script = from_on(fault, first, which=is_list)
    result = await rig.run()
    rig.assert_clear(result, 3)
    assert hint in result.hint
    assert rig.proxy.injected <= 6  # one each, for what was under way
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


async def test_answers_that_are_packed_unasked_are_read(rig: Rig) -> None:
    rig.proxy.script = from_on(packed, 1, which=is_list)
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("kind", SILENT_LOSSES[: 6 if IS_WHOLE else 3])
async def test_a_silent_loss_is_noticed_at_whatever_request(rig: Rig, kind: str) -> None:
    for number in range(1, 8):  # of the first page, and of those that a token leads to
        rig.proxy.script = at(KINDS[kind], number, which=is_list)
        with psycopg.connect(rig.conninfo) as connection:
            connection.execute("truncate images, images_counts")
        rig.assert_exact(await rig.run(streams=1))
        assert rig.proxy.injected == number


NEWER = ["cam-0/020.jpg", "cam-1/020.jpg", "cam-3/000.jpg", "cam-4/000.jpg"]
DELTA_KINDS: dict[str, Fault] = {
    **{kind: S3_PASSING[kind] for kind in ("another prefix", "another bucket", "503 SlowDown")},
    "a folder left out": folder_left_out,
    "reset before": reset_before,
    "cut with its length": ON_THE_WAY["cut with its length"],
}


@pytest.mark.parametrize("kind", list(DELTA_KINDS)[:: 1 if IS_WHOLE else 3])
async def test_a_run_for_what_is_new_misses_nothing_either(rig: Rig, kind: str) -> None:
    began = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=40)
    for key in KEYS:  # in each folder by the hour
        rig.bucket.date(key, began + timedelta(hours=int(key[-7:-4]) if key[:3] == "cam" else 0))
    rig.assert_exact(await rig.run())
    rig.bucket.put(NEWER)
    rig.proxy.script = at(DELTA_KINDS[kind], 1, 2, 4, which=is_list)
    result = await rig.run(mode="delta")
    assert (result.status, result.mode) == (RunStatus.SUCCEEDED, RunMode.DELTA), result.error
    assert rig.rows() == rig.bucket.objects()
    assert rig.proxy.injected == 3


async def test_a_fifth_of_all_requests_slowed_down_loses_nothing(
    rig: Rig, record_property: Record
) -> None:
    rig.bucket.put(f"cam-{n % 20:02}/{n:06}.jpg" for n in range(sampled(1_500, 10_000)))
    rig.proxy.script = share(error(503, "SlowDown"), 0.2, seed=7, which=is_page)
    result = await rig.run(page_size=50, streams=STREAMS)
    rig.assert_exact(result)
    assert rig.proxy.injected >= 5
    assert result.stats.list_requests > rig.proxy.injected
    record_property("keys", result.stats.total)
    record_property("SlowDown", rig.proxy.injected)


async def test_a_bucket_that_goes_away_is_given_up_in_few_requests(
    rig: Rig, record_property: Record
) -> None:
    # Flat and without order: these are cut while they are listed.
    rig.bucket.put(f"{n * 2654435761 & 0xFFFFFFFF:08x}.jpg" for n in range(1_500))
    rig.proxy.script = from_on(reset_before, 30, which=is_list)
    result = await rig.run(page_size=10, streams=STREAMS)
    rig.assert_clear(result, 7)
    assert 0 < len(rig.rows()) < len(rig.bucket.objects())
    # Eight tries for each of those under way, and for those that had been cut off already.
    in_vain = result.stats.list_requests - 29
    assert in_vain <= 8 * (STREAMS + 3)
    assert len(result.failed_ranges) <= STREAMS + 3
    lost = rig.bucket.objects().keys() - rig.rows().keys()
    assert all(any(span.after < key <= span.up_to for span in result.failed_ranges) for key in lost)
    record_property("ranges given up", len(result.failed_ranges))
    record_property("requests in vain", in_vain)
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run(page_size=200))


async def test_one_range_that_cannot_be_read_holds_up_no_other(rig: Rig) -> None:
    async def refuse_one_camera(exchange: Exchange) -> None:
        reply = await exchange.ask()
        if b"cam-1/01" in reply.body:
            await error(503, "SlowDown")(exchange)
        else:
            await exchange.send(reply)

    rig.proxy.script = from_on(refuse_one_camera, 1, which=is_page)
    result = await rig.run(page_size=4)
    rig.assert_clear(result, 7)
    lost = rig.bucket.objects().keys() - rig.rows().keys()
    assert {key for key in KEYS if key.startswith("cam-1/01")} <= lost
    assert all(key.startswith("cam-1/") for key in lost)
    assert all(any(span.after < key <= span.up_to for span in result.failed_ranges) for key in lost)
    assert "could not be listed" in result.error
    assert "503 SlowDown" in result.error
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


class Login:
    """A program that tells credentials, as ``credential_process`` has it: new ones each time."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._times = directory / "times"
        self._times.write_text("")
        answer = json.dumps(
            {
                "Version": 1,
                "AccessKeyId": "made-up",
                "SecretAccessKey": "made-up",
                "SessionToken": "TOKEN",
                "Expiration": "2099-01-01T00:00:00Z",
            }
        )
        self._program = directory / "login.sh"
        self._program.write_text(
            f"echo again >> {self._times}\n"
            f"echo '{answer}' | sed \"s/TOKEN/$(wc -l < {self._times} | tr -d ' ')/\"\n"
        )
        config = directory / "config"
        config.write_text(f"[default]\ncredential_process = sh {self._program}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(directory / "none"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)

    @property
    def times(self) -> int:
        """How often it was asked."""
        return len(self._times.read_text().splitlines())

    def breaks(self) -> None:
        """From now on it fails."""
        self._program.write_text("echo no more >&2; exit 1\n")


@pytest.fixture
def login(rig: Rig, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    return Login(tmp_path, monkeypatch)


def tokens_end(*last: int) -> Script:
    """The first token is good up to the request of this number, and so on; the last for ever."""

    def script(request: Request) -> Fault | None:
        token = int(request.query["X-Amz-Security-Token"])
        is_good = token > len(last) or request.number <= last[token - 1]
        return None if is_good else error(400, "ExpiredToken")

    return script


async def test_credentials_that_run_out_are_fetched_again(rig: Rig, login: Login) -> None:
    rig.proxy.script = tokens_end(4, 12)
    rig.assert_exact(await rig.run(page_size=5))
    assert login.times == 3
    assert rig.proxy.injected >= 2


async def test_credentials_that_cannot_be_fetched_again_end_the_run(rig: Rig, login: Login) -> None:
    def break_then_end(request: Request) -> Fault | None:
        if request.number == 5:
            login.breaks()
        return error(400, "ExpiredToken") if request.number >= 5 else None

    rig.proxy.script = break_then_end
    result = await rig.run(page_size=5)
    rig.assert_clear(result, 3)
    assert "No credentials" in result.error
    assert "aws sso login" in result.hint
