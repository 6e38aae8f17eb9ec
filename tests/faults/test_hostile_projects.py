"""A Supabase project, or what poses as one, that floods and traps: one clear error, within
bounds of memory, and the key goes nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from collections.abc import Callable, Iterator

import pytest

from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.errors import S3SyncError
from tests.support.peak_memory import peak_memory
from tests.support.raw_server import Answerer, Pieces, answer, raw_server
from tests.support.sampling import sampled

MOST_MIB = 400
"""64 MiB as they came, 64 MiB joined, as text, and as JSON."""

_KEY = "sb_secret_of_tests_0123456789"
_MUCH = sampled(1_000_000, 9_000_000)


def json(body: bytes, status: int = 200, **headers: str) -> list[bytes]:
    return answer(body, status, "application/json", **headers)


def always(pieces: list[bytes]) -> Answerer:
    return lambda _line, _number: pieces


def _flood(make: Callable[[], Pieces]) -> Answerer:
    return lambda _line, _number: make()


async def open_against(answerer: Answerer) -> S3SyncError:
    """How opening a catalog there fails."""
    with raw_server(answerer) as address:
        catalog = SupabaseCatalog(f"http://{address}", _KEY, table="images", patience_seconds=0)
        try:
            async with asyncio.timeout(60):
                with pytest.raises(S3SyncError) as raised:
                    await catalog.open()
        finally:
            await catalog.close()
    return raised.value


def assert_refused(name: str, error: S3SyncError) -> None:
    assert error.exit_code == 4, (name, error)
    assert error.hint, (name, error)
    assert len(error.message) < 1000, name
    assert error.message.isprintable(), (name, error)
    assert _KEY not in f"{error.message}{error.hint}", name


_DEEP = b"[" * 200_000 + b"]" * 200_000

DOCUMENTS = {
    "nested 200,000 deep": json(_DEEP),
    "an error nested 200,000 deep": json(b'{"message":' + _DEEP + b"}", 400),
    "a number of 100,000 digits": json(b"9" * 100_000),
    "an error of megabytes": json(b'{"code": "' + b"P" * _MUCH + b'"}', 400),
    "a message of megabytes": json(b'{"message": "' + b"A/b+ " * (_MUCH // 5) + b'"}', 400),
    "a terminal's commands": json(b'{"message": "\\u001b[2J\\u009b2J"}', 400),
    "no list of texts": json(b'{"message": ["x"], "code": {"a": 1}, "hint": 7}', 400),
    "bytes that are no text": json(b'{"message": "\xff\xfe"}', 400),
    "the key, repeated": json(b'{"message": "' + _KEY.encode() + b'"}', 400),
    "a wait without end": json(b"{}", 400, Retry_After="9" * 400),
}


async def test_hostile_documents_are_refused(
    record_property: Callable[[str, object], None],
) -> None:
    for name, pieces in DOCUMENTS.items():
        assert_refused(name, await open_against(always(pieces)))
    record_property("documents", len(DOCUMENTS))


def _endless() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nContent-Type: application/json\r\n\r\n["
    yield from itertools.repeat(b"1," * 32_768, 100_000)


def _huge_header() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\nX-Header: "
    yield from itertools.repeat(b"x" * 65_536, 100_000)


def _endless_headers() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 -\r\n"
    for i in range(100_000):
        yield b"".join(b"X-Header-%d-%d: %s\r\n" % (i, j, b"x" * 1000) for j in range(64))


def _bomb(times: int = 1) -> bytes:
    packing = zlib.compressobj(9, wbits=31)
    spaces = [packing.compress(b" " * 1_048_576) for _ in range(sampled(80, 240))]
    body = b"".join([*spaces, packing.flush()])
    for _ in range(times - 1):
        body = gzip.compress(body)
    return body


FLOODS: dict[str, tuple[Callable[[], Pieces], str]] = {
    "an endless body": (_endless, "64 MiB"),
    "a header without end": (_huge_header, ""),
    "headers without end": (_endless_headers, ""),
    "a gzip bomb": (lambda: json(_bomb(), Content_Encoding="gzip"), "64 MiB"),
    "a gzip bomb in another": (
        lambda: json(_bomb(2), Content_Encoding="gzip, gzip"),
        "packed in a way",
    ),
    "a gzip bomb in an error": (lambda: json(_bomb(), 500, Content_Encoding="gzip"), "64 MiB"),
    "gzip that is none": (lambda: json(b"no gzip", Content_Encoding="gzip"), "unpacked"),
}


async def test_floods_are_cut_off(record_property: Callable[[str, object], None]) -> None:
    worst = 0.0
    for name, (make, words) in FLOODS.items():
        pieces = make()
        flood = always(pieces) if isinstance(pieces, list) else _flood(make)
        with peak_memory() as peak:
            error = await open_against(flood)
        assert_refused(name, error)
        assert words in error.message, (name, error.message)
        worst = max(worst, peak.mib)
    record_property("floods", len(FLOODS))
    record_property("MiB at most", round(worst))
    assert worst < MOST_MIB


async def test_the_key_is_not_taken_elsewhere() -> None:
    """A redirect ends it: who it leads to never sees the key."""
    lured: list[str] = []

    def lure(line: str, _number: int) -> Pieces:
        lured.append(line)
        return json(b"4")

    with raw_server(lure) as elsewhere:
        places = [(status, f"http://{elsewhere}/rest") for status in (301, 302, 303, 307, 308)]
        places += [(302, "file:///etc/passwd"), (307, "http://[::1"), (308, "//"), (302, "\x9b2J")]
        for status, location in places:
            gone = json(b"", status, Location=location)
            error = await open_against(always(gone))
            assert_refused(f"{status} {location}", error)
            assert "leads elsewhere" in error.message
    assert lured == []
