"""The S3 source over real HTTP: moto's server for S3's ways, a scripted stub for its faults."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import unicodedata
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from listing_stub import ListingStub, Reply, Request, Script, error_reply, listing_body

from s3sync_tui.errors import (
    BucketDenied,
    BucketError,
    BucketMissing,
    BucketUnreachable,
    SettingsError,
    WrongRegion,
)
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source import body as body_module
from s3sync_tui.source.s3 import S3Source
from s3sync_tui.source.selection import Selection

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"

HARD_KEYS = sorted(
    [
        "a//b.jpg",
        "/lead.jpg",
        "a/../b.jpg",
        "./dot.jpg",
        "dir/",
        "a b+c%20d.jpg",
        "100%.jpg",
        "naïve-日本-😀.jpg",
        "new\nline.jpg",
        "tab\tand\rreturn.jpg",
        "\"double\" and 'single'.jpg",
        "back\\slash.jpg",
        "a&b<c>.jpg",
        "&amp;.jpg",
        "\x01control.jpg",
        " leading and trailing ",
        "?query=1&x#fragment.jpg",
        "\ufffe-\U0010ffff.jpg",
        "x" * 1020 + ".jpg",
        "é" * 510 + ".jpg",
        unicodedata.normalize("NFC", "é.jpg"),
        unicodedata.normalize("NFD", "é.jpg"),
    ]
)


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    backend = s3_backends["123456789012"]["aws"]
    # In process: an HTTP client would tidy a/../b.jpg up.
    backend.create_bucket("hard-keys", "us-east-1")
    for key in HARD_KEYS:
        backend.put_object("hard-keys", key, b"..")
    host, port = server.get_host_and_port()
    yield f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    server.stop()


@asynccontextmanager
async def opened(bucket: str, prefix: str = "", **options: Any) -> AsyncIterator[S3Source]:
    source = S3Source(bucket, prefix, **{"retry_base_seconds": 0.001, **options})
    try:
        yield source
    finally:
        await source.close()


@asynccontextmanager
async def stubbed(
    keys: Sequence[str] = (), script: Script | None = None, prefix: str = "", **options: Any
) -> AsyncIterator[tuple[S3Source, ListingStub]]:
    stub = ListingStub(keys, script=script)
    port = await stub.start()
    options = {"endpoint": f"http://127.0.0.1:{port}", **options}
    async with opened("stub-bucket", prefix, **options) as source:
        yield source, stub
    await stub.close()


def first(*replies: Reply, method: str = "GET") -> Script:
    """These replies, one each; after them the stub answers."""
    waiting = list(replies)
    return lambda request: waiting.pop(0) if waiting and request.method == method else None


def always(reply: Reply, method: str = "GET") -> Script:
    return lambda request: reply if request.method == method else None


async def collect(source: S3Source, span: KeyRange) -> list[ObjectPage]:
    pages = [page async for page in source.pages(span)]
    assert pages[0].span.after == span.after
    assert pages[-1].span.up_to == span.up_to
    assert all(a.span.up_to == b.span.after for a, b in pairwise(pages))
    return pages


def keys_of(pages: Iterable[ObjectPage]) -> list[str]:
    return [key for page in pages for key in page.images.keys]


# S3's ways ------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 3, 1000])
async def test_hard_keys_arrive_byte_for_byte(moto: str, page_size: int) -> None:
    async with opened("hard-keys", endpoint=moto, page_size=page_size) as source:
        await source.open()
        assert keys_of(await collect(source, KeyRange())) == HARD_KEYS


async def test_a_range_may_start_and_end_at_any_key(moto: str) -> None:
    async with opened("hard-keys", endpoint=moto, page_size=4) as source:
        for i, key in enumerate(HARD_KEYS):
            # moto echoes StartAfter as it came, and XML has no place for these two.
            if not key.startswith(("\x01", "\ufffe")):
                assert keys_of(await collect(source, KeyRange(after=key))) == HARD_KEYS[i + 1 :]
            assert keys_of(await collect(source, KeyRange(up_to=key))) == HARD_KEYS[: i + 1]


@pytest.mark.parametrize("prefix", ["a", "a/", "é", "new\n", "none", "100%", "x" * 1024])
async def test_a_prefix_limits_the_source(moto: str, prefix: str) -> None:
    expected = [key for key in HARD_KEYS if key.startswith(prefix)]
    async with opened("hard-keys", prefix, endpoint=moto, page_size=2) as source:
        await source.open()
        assert keys_of(await collect(source, KeyRange())) == expected
        assert keys_of(await collect(source, KeyRange.of_prefix(prefix))) == expected
        requests = source.list_requests
        for outside in (KeyRange(up_to=prefix[:-1]), KeyRange(after=prefix + "\U0010ffff" * 2)):
            assert keys_of(await collect(source, outside)) == []
        if prefix != "x" * 1024:
            assert source.list_requests <= requests + 2


async def test_sizes_etags_and_times_belong_to_their_keys(moto: str) -> None:
    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket("columns", "us-east-1")
    for i in range(5):
        backend.put_object("columns", f"{i}.jpg", b"." * i)
    async with opened("columns", endpoint=moto) as source:
        rows = (await collect(source, KeyRange()))[0].images
    assert rows.sizes == [0, 1, 2, 3, 4]
    assert rows.etags[0] == "d41d8cd98f00b204e9800998ecf8427e"
    assert all(at.endswith("Z") for at in rows.modified)


async def test_a_missing_bucket_is_named(moto: str) -> None:
    async with opened("not-there", endpoint=moto) as source:
        with pytest.raises(BucketMissing, match="not-there"):
            await source.open()
        with pytest.raises(BucketMissing, match="not-there"):
            await collect(source, KeyRange())


async def test_keys_that_postgres_cannot_store_are_reported_and_nothing_else_is_lost() -> None:
    keys = ["a.jpg", "b\0.jpg", "b\0.txt", "c.jpg", "d\udcff.jpg"]
    for size in (1, 2, 3, 1000):
        async with stubbed(keys, page_size=size, selection=Selection(["*.jpg"])) as (source, _):
            pages = await collect(source, KeyRange())
        assert keys_of(pages) == ["a.jpg", "c.jpg"]
        assert [key for page in pages for key in page.rejected] == ["b\\x00.jpg", "d\\xff.jpg"]
        assert [key for page in pages for key in page.others] == ["b\\x00.txt"]
        for page in pages:
            assert "\0" not in page.span.up_to
            page.span.up_to.encode()


async def test_a_range_ends_without_a_request_for_what_is_beyond() -> None:
    keys = [f"{i:03}" for i in range(100)]
    async with stubbed(keys, page_size=10) as (source, _):
        assert keys_of(await collect(source, KeyRange("004", "014"))) == keys[5:15]
        assert source.list_requests == 1


async def test_empty_pages_are_followed() -> None:
    script = first(Reply(200, listing_body([], token="at-0")))
    async with stubbed(["a", "b"], script) as (source, _):
        assert keys_of(await collect(source, KeyRange())) == ["a", "b"]


# Faults that pass -----------------------------------------------------------

ONE_PAGE = listing_body(["a", "b"], token="at-2")
PASSING = {
    "slow down": error_reply(503, "SlowDown"),
    "internal error": error_reply(500, "InternalError"),
    "no body": Reply(502),
    "too many requests": Reply(429),
    "request timeout": error_reply(400, "RequestTimeout"),
    "temporary redirect": error_reply(307, "TemporaryRedirect"),
    "error inside a 200": error_reply(200, "InternalError"),
    "slow down inside a 200": error_reply(200, "SlowDown"),
    "truncated document": Reply(200, ONE_PAGE[:-40]),
    "connection closed halfway": Reply(200, ONE_PAGE, cut_at=100),
    "a proxy's page": Reply(200, b"<html><body>Sign in</body></html>"),
    "keys out of order": Reply(200, listing_body(["b", "a"])),
    "keys repeated": Reply(200, listing_body(["a", "a"])),
    "truncated without a token": Reply(
        200, ONE_PAGE.replace(b"<NextContinuationToken>at-2</NextContinuationToken>", b"")
    ),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
async def test_a_passing_fault_loses_nothing(reply: Reply) -> None:
    keys = [f"{i:02}.jpg" for i in range(10)]
    async with stubbed(keys, first(reply, reply), page_size=4) as (source, _):
        assert keys_of(await collect(source, KeyRange())) == keys
        assert source.list_requests == 3 + 2


async def test_a_fault_between_pages_repeats_no_page() -> None:
    keys = [f"{i:02}.jpg" for i in range(10)]
    seen: set[str] = set()

    def script(request: Request) -> Reply | None:
        token = request.query.get("continuation-token", "")
        if token in seen:
            return None
        seen.add(token)
        return error_reply(503, "SlowDown")

    async with stubbed(keys, script, page_size=3) as (source, _):
        assert keys_of(await collect(source, KeyRange())) == keys


# Faults that stay -----------------------------------------------------------


async def test_a_range_that_stays_invalid_is_incomplete_and_never_done() -> None:
    keys = [f"{i:02}.jpg" for i in range(10)]

    def script(request: Request) -> Reply | None:
        if request.query.get("continuation-token") == "at-4":
            return Reply(200, listing_body(keys[4:8], token="at-4"))
        return None

    async with stubbed(keys, script, page_size=4) as (source, _):
        pages = source.pages(KeyRange())
        assert (await anext(pages)).images.keys == keys[:4]
        with pytest.raises(BucketUnreachable, match=r"incomplete.*token is repeated"):
            await anext(pages)
        assert source.list_requests == 1 + 8


async def test_a_ring_of_empty_pages_is_left() -> None:
    def script(request: Request) -> Reply | None:
        token = "one" if request.query.get("continuation-token") == "two" else "two"
        return Reply(200, listing_body([], token=token))

    async with stubbed([], script) as (source, _):
        with pytest.raises(BucketUnreachable, match="incomplete"):
            await collect(source, KeyRange())


async def test_retries_are_bounded_and_counted() -> None:
    async with stubbed(["a"], always(error_reply(503, "SlowDown"))) as (source, _):
        with pytest.raises(BucketUnreachable, match=r"503 SlowDown.*8 times"):
            await collect(source, KeyRange())
        assert source.list_requests == 8


async def test_an_enormous_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_LIMIT_BYTES", 1000)
    async with stubbed([f"{i:04}" for i in range(1000)]) as (source, _):
        with pytest.raises(BucketUnreachable, match="16 MiB"):
            await collect(source, KeyRange())


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error_reply(403, "AccessDenied", "no s3:ListBucket for you"), BucketDenied, "for you"),
        (error_reply(404, "NoSuchBucket"), BucketMissing, "no bucket"),
        (error_reply(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"), WrongRegion, "eu"),
        (error_reply(403, "SomethingNew"), BucketDenied, "SomethingNew"),
        (error_reply(400, "InvalidRegionName"), BucketError, "InvalidRegionName"),
        (Reply(403, b"<html>Forbidden</html>"), BucketDenied, "HTTP 403"),
        (error_reply(501, "NotImplemented"), BucketError, "NotImplemented"),
    ],
)
async def test_what_no_retry_mends_is_asked_once(
    reply: Reply, kind: type[BucketError], words: str
) -> None:
    async with stubbed(["a"], always(reply)) as (source, _):
        with pytest.raises(kind, match=words) as caught:
            await collect(source, KeyRange())
        assert caught.value.hint
        assert source.list_requests == 1


async def test_expired_credentials_are_read_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(request: Request) -> Reply | None:
        if request.query["X-Amz-Security-Token"] == "old":
            monkeypatch.setenv("AWS_SESSION_TOKEN", "new")
            return error_reply(400, "ExpiredToken")
        return None

    monkeypatch.setenv("AWS_SESSION_TOKEN", "old")
    async with stubbed(["a", "b"], script, page_size=1) as (source, _):
        assert keys_of(await collect(source, KeyRange())) == ["a", "b"]
        assert source.list_requests == 3


async def test_credentials_that_stay_expired_are_an_error() -> None:
    async with stubbed(["a"], always(error_reply(400, "ExpiredToken"))) as (source, _):
        with pytest.raises(BucketDenied, match="expired") as caught:
            await collect(source, KeyRange())
        assert "aws sso login" in caught.value.hint
        assert source.list_requests == 2


async def test_cancelling_does_not_wait_for_an_answer() -> None:
    async with stubbed(["a"]) as (source, stub):
        stub.latency_seconds = 3600
        task = asyncio.create_task(collect(source, KeyRange()))
        while source.list_requests == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=10)
        assert task in done
        assert task.cancelled()


# Opening --------------------------------------------------------------------


async def test_opening_costs_no_list_request() -> None:
    async with stubbed() as (source, stub):
        await source.open()
        assert [request.method for request in stub.requests] == ["HEAD"]
        assert source.list_requests == 0


@pytest.mark.parametrize(
    ("status", "code", "words", "hint"),
    [
        (403, "InvalidAccessKeyId", "access key is not known", "AWS_PROFILE"),
        (403, "SignatureDoesNotMatch", "secret key", "AWS_SECRET_ACCESS_KEY"),
        (400, "InvalidToken", "session token", "AWS_SESSION_TOKEN"),
        (400, "ExpiredToken", "expired", "aws sso login"),
        (403, "AccessDenied", "may not list", "s3:ListBucket"),
        (403, "RequestTimeTooSkewed", "clock", "clock"),
    ],
)
async def test_a_refusal_says_why_and_what_to_do(
    status: int, code: str, words: str, hint: str
) -> None:
    reply = error_reply(status, code)
    async with stubbed(["a"], lambda _: reply) as (source, _):
        with pytest.raises(BucketDenied, match=words) as caught:
            await source.open()
        assert hint in caught.value.hint


async def test_a_policy_that_allows_only_our_prefix_is_enough() -> None:
    def script(request: Request) -> Reply | None:
        if request.method == "HEAD" or request.query.get("prefix") != "mine/":
            return Reply(403)
        return None

    async with stubbed(["mine/a"], script, prefix="mine/") as (source, _):
        await source.open()


@pytest.mark.parametrize("status", [301, 307, 400])
async def test_the_bucket_s_region_is_found_and_used(status: int) -> None:
    elsewhere = Reply(status, headers={"x-amz-bucket-region": "eu-central-1"})

    def script(request: Request) -> Reply | None:
        return None if "/eu-central-1/" in request.query["X-Amz-Credential"] else elsewhere

    async with stubbed(["a"], script) as (source, _):
        await source.open()
        assert keys_of(await collect(source, KeyRange())) == ["a"]


async def test_a_region_that_was_set_is_never_changed() -> None:
    reply = Reply(301, headers={"x-amz-bucket-region": "eu-central-1"})
    async with stubbed(["a"], lambda _: reply, region="us-west-2") as (source, _):
        with pytest.raises(WrongRegion, match=r"eu-central-1.*us-west-2") as caught:
            await source.open()
        assert "AWS_REGION=eu-central-1" in caught.value.hint


async def test_regions_that_point_at_each_other_end_in_an_error() -> None:
    def script(request: Request) -> Reply | None:
        here = request.query["X-Amz-Credential"].split("/")[2]
        other = {"us-east-1": "eu-west-1"}.get(here, "us-east-1")
        return error_reply(400, "AuthorizationHeaderMalformed", x_amz_bucket_region=other)

    async with stubbed(["a"], script) as (source, _):
        with pytest.raises(WrongRegion):
            await source.open()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_endpoint_that_does_not_answer_is_named(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"{scheme}://user:password@127.0.0.1:{free.getsockname()[1]}"
    async with opened("b-ucket", endpoint=endpoint) as source:
        with pytest.raises(BucketUnreachable, match=r"127\.0\.0\.1") as caught:
            await source.open()
    assert "endpoint" in caught.value.hint
    assert "password" not in str(caught.value)


async def test_tls_to_a_port_without_it_is_unreachable(moto: str) -> None:
    async with opened("hard-keys", endpoint=moto.replace("http:", "https:")) as source:
        with pytest.raises(BucketUnreachable, match="no connection"):
            await source.open()


@pytest.mark.parametrize("missing", [["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"], ["SECRET_ACCESS_KEY"]])
async def test_missing_credentials_say_how_to_get_some(
    monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    for name in missing:
        monkeypatch.delenv(f"AWS_{name}")
    async with stubbed(["a"]) as (source, _):
        with pytest.raises(BucketDenied, match="No credentials") as caught:
            await source.open()
    assert "AWS_PROFILE" in caught.value.hint


async def test_an_unknown_profile_is_named() -> None:
    async with stubbed(["a"], profile="nobody") as (source, _):
        with pytest.raises(BucketDenied, match="nobody"):
            await source.open()


@pytest.mark.parametrize("bucket", ["s3://photos", "pho tos", "fotos--usw2-az1--x-s3"])
async def test_a_bucket_that_cannot_be_listed_is_refused_by_its_name(bucket: str) -> None:
    async with opened(bucket, endpoint="http://127.0.0.1:1") as source:
        with pytest.raises(BucketError, match="bucket"):
            await source.open()


async def test_a_malformed_endpoint_is_an_error_of_the_bucket() -> None:
    async with opened("b-ucket", endpoint="user:password@no-scheme") as source:
        with pytest.raises(BucketError, match="endpoint is no URL") as caught:
            await source.open()
    assert "password" not in str(caught.value)


async def test_a_ca_bundle_that_is_none_is_a_setting_s_fault(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", Path(__file__)):
        with pytest.raises(SettingsError, match=r"AWS_CA_BUNDLE.*must be a file of certificates"):
            S3Source("b-ucket", ca_bundle=path)


@pytest.mark.parametrize(
    "reply",
    [
        error_reply(
            403,
            "AccessDenied",
            f"see https://b.s3.amazonaws.com/?X-Amz-Signature=abc {SECRET} AKIAIOSFODNN7EXAMPLE",
        ),
        error_reply(403, "SignatureDoesNotMatch", f"StringToSign {SECRET}"),
        error_reply(400, f"Odd{SECRET}", SECRET),
        error_reply(503, "SlowDown", SECRET),
        Reply(200, b"", cut_at=0),
    ],
)
async def test_no_secret_is_in_an_error_or_a_log(
    reply: Reply, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session-token-of-the-test")
    caplog.set_level(logging.DEBUG)
    async with stubbed(["a"], always(reply)) as (source, stub):
        await source.open()
        with pytest.raises(BucketError) as caught:
            await collect(source, KeyRange())
        signatures = {request.query["X-Amz-Signature"] for request in stub.requests}
    shown = f"{caught.value} {caught.value.hint} {caplog.text}"
    for secret in {SECRET, "AKIAIOSFODNN7EXAMPLE", "session-token-of-the-test", *signatures}:
        assert secret not in shown
    assert "X-Amz-Signature" not in shown


# Splitting ------------------------------------------------------------------

FOLDERS = [f"cam-{c:02}/{i}.jpg" for c in range(8) for i in range(3)]


@pytest.mark.parametrize(
    ("keys", "span", "parts", "cuts", "requests"),
    [
        (FOLDERS, KeyRange(), 99, [f"cam-{c:02}/" for c in range(8)], 1),
        (FOLDERS, KeyRange(), 4, ["cam-02/", "cam-04/", "cam-06/"], 1),
        (FOLDERS, KeyRange(), 1, [], 1),
        (FOLDERS, KeyRange("cam-02/1.jpg", "cam-05/"), 99, ["cam-03/", "cam-04/"], 1),
        (
            [f"top/{key}" for key in FOLDERS],
            KeyRange(),
            99,
            [f"top/cam-{c:02}/" for c in range(8)],
            2,
        ),
        ([f"{i:02}.jpg" for i in range(9)], KeyRange(), 8, [], 1),
        ([f"{i:02}.jpg" for i in range(90)], KeyRange(), 3, [], 1),
        (["a\0/x", "b/x", "c/x"], KeyRange(), 9, ["b/", "c/"], 1),
        ([], KeyRange(), 8, [], 1),
    ],
)
async def test_ranges_are_cut_where_the_keys_are(
    keys: list[str], span: KeyRange, parts: int, cuts: list[str], requests: int
) -> None:
    async with stubbed(keys, page_size=40) as (source, _):
        assert await source.split_points(span, parts) == cuts
        assert source.list_requests == requests
