"""Endpoints that lie, flood and trap: what they send ends in one clear error, within bounds of
memory, and nothing wrong gets into the table."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.source import s3 as s3_module
from s3sync_tui.source.looking import seen_in
from s3sync_tui.source.s3 import S3Source
from tests.support.database import Connection
from tests.support.peak_memory import peak_memory
from tests.support.raw_server import Answerer, Pieces, answer, raw_server
from tests.support.sampling import IS_WHOLE, sampled

pytestmark = pytest.mark.usefixtures("credentials")

MOST_MIB = 200
"""What a flood may cost: the limits are 16 MiB packed and 16 MiB plain a page, 64 and 64 MiB
over REST, and allocators keep some of it."""

_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_MUCH = sampled(1_000_000, 9_000_000)
_DATE = "2026-01-01T00:00:00.000Z"


def listing(
    *,
    key: str = "a.jpg",
    modified: str = _DATE,
    etag: str = "0" * 32,
    size: str = "1",
    more: str = "<IsTruncated>false</IsTruncated>",
    prologue: bytes = b"",
    inside: str = "",
) -> bytes:
    """A page of one object."""
    return (
        _HEAD
        + prologue
        + (
            f"<ListBucketResult><Name>hostile</Name>{more}<EncodingType>url</EncodingType>{inside}"
            f"<Contents><Key>{key}</Key><LastModified>{modified}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size></Contents></ListBucketResult>"
        ).encode()
    )


def error(code: str, *, message: str = "", region: str = "") -> bytes:
    return (
        _HEAD
        + (
            f"<Error><Code>{code}</Code><Message>{message}</Message><Region>{region}</Region></Error>"
        ).encode()
    )


def to_lists(answerer: Callable[[str, int], Pieces]) -> Answerer:
    """HeadBucket is answered well; ``answerer`` gets the rest."""
    return lambda line, number: answer() if line.startswith("HEAD") else answerer(line, number)


def always(pieces: list[bytes]) -> Answerer:
    """The same to all; HeadBucket gets no body."""
    return lambda line, _number: pieces[:1] if line.startswith("HEAD") else pieces


def every_list(pieces: list[bytes]) -> Answerer:
    return to_lists(lambda _line, _number: pieces)


@pytest.fixture
async def catalog(catalog_database: str) -> AsyncIterator[PostgresCatalog]:
    """One for all runs of a test."""
    opened = PostgresCatalog(catalog_database, table="images", description="tests")
    await opened.open()
    yield opened
    await opened.close()


async def run_against(
    answerer: Answerer, catalog: PostgresCatalog, *, patience: float = 60
) -> RunResult:
    with raw_server(answerer) as address:
        source = S3Source(
            "hostile",
            endpoint=f"http://{address}",
            addressing_style="path",
            concurrency=2,
            retry_base_seconds=0.001,
        )
        try:
            async with asyncio.timeout(patience):
                options = SyncOptions(list_concurrency=2, processes=1, mode="full")
                return await sync(source, catalog, options, lambda _event: None)
        finally:
            await source.close()


def assert_refused(
    name: str, result: RunResult, behind: Connection, words: str = "", *, exit_code: int = 3
) -> None:
    """It failed, in words that a terminal can show, and left nothing behind."""
    assert (result.status, result.exit_code) == (RunStatus.FAILED, exit_code), (name, result)
    assert result.hint, name
    assert result.error.isprintable(), name
    assert len(result.error) < 1000, name
    assert words in result.error, (name, result.error)
    assert behind.execute("select count(*) from images").fetchone() == (0,), name
    row = behind.execute("select status from sync_runs order by id desc limit 1").fetchone()
    assert row == ("failed",), name


_ENTITIES = "".join(
    f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "lol" * 10}">' for i in range(10)
)
_LAUGHS = f"<!DOCTYPE ListBucketResult [{_ENTITIES}]>".encode()
_FROM_FILE = b'<!DOCTYPE ListBucketResult [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
_FROM_NETWORK = b'<!DOCTYPE ListBucketResult SYSTEM "http://127.0.0.1:9/evil.dtd">'
_PARAMETER = (
    b"<!DOCTYPE ListBucketResult [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;<!ENTITY e 'x'>]>"
)
_DEEP = "<a>" * 100_000 + "</a>" * 100_000

DOCUMENTS = {
    "billion laughs": (listing(prologue=_LAUGHS, key="&e9;"), ""),
    "billion laughs in an attribute": (
        listing(prologue=_LAUGHS, inside='<Owner x="&e9;"/>'),
        "",
    ),
    "a file's content as a key": (listing(prologue=_FROM_FILE, key="&e;"), "type declaration"),
    "a DTD of the network": (listing(prologue=_FROM_NETWORK), "type declaration"),
    "a parameter entity": (listing(prologue=_PARAMETER, key="&e;"), ""),
    "an entity of nobody's": (listing(key="&nobody;"), "not XML"),
    "nested 100,000 deep": (listing(inside=_DEEP), ""),
    "a time beyond all calendars": (listing(modified="99999-01-01T00:00:00.000Z"), "time"),
    "a time without end": (listing(modified="infinity"), "time"),
    "a time before there was any": (listing(modified="-4713-01-01T00:00:00.000Z"), "time"),
    "a time in words": (listing(modified="tomorrow"), "time"),
    "a day that is none": (listing(modified="2026-02-30T00:00:00.000Z"), "time"),
    "an hour that is none": (listing(modified="2026-02-01T25:00:00.000Z"), "time"),
    "the year 0": (listing(modified="0000-01-01T00:00:00.000Z"), "time"),
    "a time without zone": (listing(modified="2026-02-01T00:00:00"), "time"),
    "a negative size": (listing(size="-1"), "size"),
    "a size beyond bigint": (listing(size="9" * 30), "size"),
    "a size without end": (listing(size="infinity"), "size"),
    "a size in Arabic digits": (listing(size="\u0661\u0662"), "size"),
    "a size of a million digits": (listing(size="9" * 1_000_000), "size"),
    "an ETag of megabytes": (listing(etag="0" * _MUCH), "ETag"),
    "a key of 1,025 bytes": (listing(key="k" * 1025), "1,024 bytes"),
    "a key of 1,025 bytes in 300 characters": (
        listing(key="%F0%9F%93%B7" * 256 + "k"),
        "1,024 bytes",
    ),
    "a key of megabytes": (listing(key="k" * _MUCH), "1,024 bytes"),
    "a token of megabytes": (
        listing(
            more="<IsTruncated>true</IsTruncated>"
            f"<NextContinuationToken>{'t' * _MUCH}</NextContinuationToken>"
        ),
        "token",
    ),
    "an error of megabytes inside": (error("E" * _MUCH), "error"),
    "an error with a terminal's commands": (error("&#155;2J]0;owned"), "error"),
}


async def test_hostile_documents_are_refused(
    catalog: PostgresCatalog, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    worst = 0.0
    for name, (body, words) in DOCUMENTS.items():
        with peak_memory() as peak:
            result = await run_against(every_list(answer(body)), catalog)
        assert_refused(name, result, behind, words)
        worst = max(worst, peak.mib)
    record_property("documents", len(DOCUMENTS))
    record_property("MiB at most", round(worst))
    assert worst < MOST_MIB


async def test_what_is_only_unusual_is_taken(catalog: PostgresCatalog, behind: Connection) -> None:
    """The counterpart: limits are not so tight that they refuse what S3 may hold."""
    body = listing(key="%F0%9F%93%B7" * 255 + ".jpg", modified="9999-12-30T23:59:59.999Z")
    body = body.replace(b"<Size>1<", b"<Size>50000000000000<")
    result = await run_against(every_list(answer(body)), catalog)
    assert result.status is RunStatus.SUCCEEDED, result.error
    row = behind.execute("select filename, size_bytes, last_modified::text from images").fetchone()
    assert row is not None
    assert row[0] == "\U0001f4f7" * 255 + ".jpg"
    assert row[1] == 50_000_000_000_000


def _endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nContent-Type: application/xml\r\n\r\n" + _HEAD + b"<ListBucketResult>"
    yield from itertools.repeat(b"<a/>" * 16_384, 100_000)


def _gigabyte() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nContent-Length: 1073741824\r\n\r\n"
    yield from itertools.repeat(b"\0" * 65_536, 16_384)


def _endless_chunks() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"10000\r\n" + b" " * 65_536 + b"\r\n", 100_000)


def _huge_header() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nX-Amz-Id-2: "
    yield from itertools.repeat(b"x" * 65_536, 100_000)


def _endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\n"
    for i in range(100_000):
        yield b"".join(b"X-Header-%d-%d: %s\r\n" % (i, j, b"x" * 1000) for j in range(64))


def _bomb(times: int = 1) -> bytes:
    """A listing that never gets beyond its beginning, packed: 240 MiB become 240 kB."""
    packing = zlib.compressobj(9, wbits=31)
    body = b"".join(
        [
            packing.compress(_HEAD + b"<ListBucketResult>"),
            *(packing.compress(b" " * 1_048_576) for _ in range(sampled(48, 240))),
            packing.flush(),
        ]
    )
    for _ in range(times - 1):
        body = gzip.compress(body)
    return body


FLOODS: dict[str, tuple[Callable[[], Pieces], str]] = {
    "an endless body": (_endless, "16 MiB"),
    "a gigabyte": (_gigabyte, "16 MiB"),
    "endless chunks": (_endless_chunks, "16 MiB"),
    "a header without end": (_huge_header, "the connection broke"),
    "headers without end": (_endless_headers, "the connection broke"),
    "a gzip bomb": (lambda: answer(_bomb(), Content_Encoding="gzip"), "16 MiB"),
    "a gzip bomb in another": (
        lambda: answer(_bomb(2), Content_Encoding="gzip, gzip"),
        "packed in a way",
    ),
    "something packed by brotli": (
        lambda: answer(b"\x0b\x02\x80\x03", Content_Encoding="br"),
        "packed in a way",
    ),
    "gzip that is none": (
        lambda: answer(b"no gzip", Content_Encoding="gzip"),
        "cannot be unpacked",
    ),
}


def _flood(make: Callable[[], Pieces]) -> Answerer:
    return to_lists(lambda _line, _number: make())


async def test_floods_are_cut_off(
    catalog: PostgresCatalog, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    worst = 0.0
    for name, (make, words) in FLOODS.items():
        pieces = make()  # to make a bomb takes memory, too
        flood = every_list(pieces) if isinstance(pieces, list) else _flood(make)
        with peak_memory() as peak:
            result = await run_against(flood, catalog)
        assert_refused(name, result, behind, words)
        worst = max(worst, peak.mib)
    record_property("floods", len(FLOODS))
    record_property("MiB at most", round(worst))
    assert worst < MOST_MIB


def _next(token: str) -> str:
    token = f"<NextContinuationToken>{token}</NextContinuationToken>"
    return f"<IsTruncated>true</IsTruncated>{token}"


async def test_empty_pages_do_not_go_on_for_ever(
    monkeypatch: pytest.MonkeyPatch,
    catalog: PostgresCatalog,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    if not IS_WHOLE:
        monkeypatch.setattr(s3_module, "MOST_EMPTY_PAGES", 200)
    asked = itertools.count()

    def empty(_line: str, number: int) -> Pieces:
        next(asked)
        page = f"<ListBucketResult><Name>hostile</Name>{_next(str(number))}</ListBucketResult>"
        return answer(page.encode())

    result = await run_against(to_lists(empty), catalog, patience=170)
    assert_refused("empty pages", result, behind, "pages in a row without a key", exit_code=7)
    record_property("empty pages", next(asked))


async def test_a_bucket_without_end_takes_no_more_memory(
    catalog: PostgresCatalog, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    """Nobody can tell it from a large bucket: it lasts until it is stopped, and stays small."""
    pages = sampled(500, 20_000)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def rising(line: str, number: int) -> Pieces:
        if number == pages:
            loop.call_soon_threadsafe(done.set)
        asked = dict(parse_qsl(urlsplit(line.split()[1]).query))
        after = asked.get("continuation-token") or asked.get("start-after") or "0"
        digits = "".join(itertools.takewhile(str.isdecimal, after))
        key = f"{int(digits[:9].ljust(9, '0')) + 1:09}"
        return answer(listing(key=f"{key}.jpg", more=_next(key)))

    with peak_memory() as peak:
        run = asyncio.create_task(run_against(to_lists(rising), catalog, patience=600))
        waiting = asyncio.create_task(done.wait())
        await asyncio.wait({run, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        run.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await run
    assert peak.mib < MOST_MIB
    row = behind.execute("select status from sync_runs").fetchone()
    assert row == ("cancelled",)
    record_property("pages", pages)
    record_property("MiB at most", round(peak.mib))


HEADERS: dict[str, dict[str, str]] = {
    "a date beyond all calendars": {"Date": "Mon, 01 Jan 99999 00:00:00 GMT"},
    "a date before all time": {"Date": "Mon, 01 Jan 0001 00:00:00 +2359"},
    "a date with a zone without end": {"Date": f"Mon, 01 Jan 2026 00:00:00 +{'9' * 20}"},
    "a date of a million digits": {"Date": "9" * 8000},
    "a date without zone": {"Date": "Mon, 01 Jan 0001 00:00:00"},
}


async def test_hostile_headers_do_no_harm(catalog: PostgresCatalog, behind: Connection) -> None:
    for name, headers in HEADERS.items():
        hostile = answer(listing(), 200, "application/xml", **headers)
        result = await run_against(always(hostile), catalog)
        assert result.status is RunStatus.SUCCEEDED, (name, result.error)
    assert behind.execute("select filename from images").fetchall() == [("a.jpg",)]


REGIONS = [
    "evil.example/x?",
    "us-east-1.evil.example",
    "..",
    "a" * 33,
    "us-east-1 x",
    "EU_1",
    "u\x9b]0;owned",
    "us-east-1%2f@evil",
    "us-east-1&#10;Host: evil",
]


async def test_only_what_can_be_a_region_is_believed(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    """It would go into host names and signatures."""

    def telling(pieces: list[bytes]) -> Answerer:
        def tell(line: str, _number: int) -> Pieces:
            asked.append(line)
            return pieces[:1] if line.startswith("HEAD") else pieces

        return tell

    for number, region in enumerate(REGIONS):
        asked: list[str] = []
        by_header = answer(error("PermanentRedirect"), 301, x_amz_bucket_region=region)
        by_document = answer(error("AuthorizationHeaderMalformed", region=region), 400)
        told = by_document if number % 2 or not region.isprintable() else by_header
        result = await run_against(telling(told), catalog)
        assert_refused(region, result, behind)
        assert "is in region" not in result.error, (region, result.error)
        assert asked
        assert all("%2Fus-east-1%2F" in line for line in asked), (region, asked)
    for region in ("eu-west-7", "RegionOne"):
        asked = []
        told = answer(error("PermanentRedirect"), 301, x_amz_bucket_region=region)
        await run_against(telling(told), catalog)
        assert f"%2F{region}%2F" in asked[-1]


async def test_redirects_are_not_followed(catalog: PostgresCatalog, behind: Connection) -> None:
    """Signed requests stay with whom they were signed for."""
    lured: list[str] = []

    def lure(line: str, _number: int) -> Pieces:
        lured.append(line)
        return answer(listing())

    with raw_server(lure) as elsewhere:
        there = f"http://{elsewhere}/x"
        places = [(status, there) for status in (301, 302, 303, 307, 308)]
        places += [(302, "file:///etc/passwd"), (302, "http://[::1"), (307, "//")]
        for status, location in places:
            gone = answer(status=status, Location=location)
            result = await run_against(always(gone), catalog)
            assert_refused(f"{status} {location}", result, behind)
    assert lured == []


CODES = {
    "an error of megabytes": (403, error("E" * _MUCH), ""),
    "an error of megabytes in words": (403, error("E " * (_MUCH // 2)), ""),
    "a message of megabytes": (
        403,
        error("AccessDenied", message="A/b+" * (_MUCH // 4)),
        "may not list",
    ),
    "a fault of megabytes that may pass": (500, error("E" * _MUCH), "500"),
    "an error in a terminal's commands": (400, error("&#155;2J", message="&#155;2J"), ""),
    "no XML at all": (400, b"\0" * 1_000_000, "HTTP 400"),
    "billion laughs": (
        403,
        _HEAD
        + _LAUGHS.replace(b"ListBucketResult", b"Error")
        + b"<Error><Code>&e9;</Code></Error>",
        "",
    ),
    "errors nested 100,000 deep": (403, b"<Error>" + _DEEP.encode() + b"</Error>", ""),
    "an impossible status": (999, b"", "999"),
}


async def test_hostile_errors_become_ordinary_ones(
    catalog: PostgresCatalog, behind: Connection, record_property: Callable[[str, object], None]
) -> None:
    """A code of 9 MB kept a pattern busy for 42 seconds."""
    worst = 0.0
    for name, (status, body, words) in CODES.items():
        begun = time.process_time()
        result = await run_against(every_list(answer(body, status=status)), catalog)
        worst = max(worst, time.process_time() - begun)
        assert_refused(name, result, behind, words)
    record_property("errors", len(CODES))
    record_property("seconds of CPU at most", round(worst, 1))


async def test_a_hostile_object_is_no_object() -> None:
    """What HeadObject says of a single one, after a notification."""
    good = {"Last-Modified": "Mon, 01 Jan 2026 00:00:00 GMT", "ETag": '"e"', "Content-Length": "1"}
    assert seen_in(good) is not None
    for wrong in (
        {"Last-Modified": "Mon, 01 Jan 99999 00:00:00 GMT"},
        {"Last-Modified": f"Mon, 01 Jan 2026 00:00:00 +{'9' * 20}"},
        {"Content-Length": "-1"},
        {"Content-Length": "9" * 30},
        {"Content-Length": "9" * 8000},
        {"ETag": "e" * 8000},
    ):
        assert seen_in({**good, **wrong}) is None, wrong
