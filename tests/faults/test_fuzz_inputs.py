"""Inputs that once broke a promise, kept: each reader keeps to its promises on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3sync_tui.errors import BucketUnreachable, SettingsError
from s3sync_tui.settings import load_settings
from s3sync_tui.source.listing import InvalidAnswer
from s3sync_tui.source.notifications import read_notification
from s3sync_tui.source.page import parse_listing
from s3sync_tui.source.pattern import read_pattern
from s3sync_tui.source.s3 import S3Source
from tests.faults.fuzz_targets import TARGETS
from tests.support.stub import ListingStub, Reply, Request, served
from tests.unit.test_notifications import OURS, by_s3, record
from tests.unit.test_page import DAY, document, entry

_PAGE = document(entry("a"), entry("b"))
_UNDECLARED = _PAGE.partition(b"\n")[2]


def page(old: bytes, new: bytes) -> bytes:
    """A page with something changed."""
    assert old in _PAGE
    return _PAGE.replace(old, new, 1)


PAGES = {
    "an empty element before the one that counts": page(
        b"<IsTruncated>false", b"<IsTruncated/><IsTruncated>false"
    ),
    "an empty token before a full one": page(
        b"<IsTruncated>false</IsTruncated>",
        b"<IsTruncated>true</IsTruncated><NextContinuationToken/>"
        b"<NextContinuationToken>t</NextContinuationToken>",
    ),
    "an empty encoding before one": page(b"<EncodingType>url", b"<EncodingType/><EncodingType>url"),
    "the end of a CDATA section in a key": page(b"<Key>a<", b"<Key>]]><"),
    "the same in a field": page(b"<Name>b<", b"<Name>]]><"),
    "an entity in what is skipped": page(
        b"</Size></Contents>", b"</Size><StorageClass>&x;</StorageClass></Contents>"
    ),
    "a control character in what is skipped": page(
        b"</Size></Contents>", b"</Size><StorageClass>\x01</StorageClass></Contents>"
    ),
    "a separator that is white space to Python alone": _PAGE + b"\x1c",
    "a namespace that is no address": page(b"http://s3", b":ttp://s3"),
    "an entity in a namespace": page(b"http://s3", b"http://&x;s3"),
    "a namespace with braces": page(b"http://s3", b"http://}s3"),
    "an element within a key": page(b"<Key>a<", b"<Key>a<x/>b<"),
    "a processing instruction within a key": document(entry("a<?x?>b")).partition(b"\n")[2],
    "a second key": page(b"</Key>", b"</Key><Key>z</Key>"),
    "an object within an object": page(b"<Size>7</Size>", b"<Size>7</Size>" + entry("z").encode()),
    "objects within another element": page(b"<Contents>", b"<x><Contents/></x><Contents>"),
    "a key of the byte FF": page(b"<Key>b<", b"<Key>%FF.jpg<"),
    "Latin-1": page(b"UTF-8", b"ISO-8859-1").replace(b"<Key>a<", b"<Key>\xc3\xa9<"),
    "UTF-7": page(b"UTF-8", b"UTF-7").replace(b"<Key>a<", b"<Key>+AGE-<"),
    "UTF-16": _UNDECLARED.decode().encode("utf-16"),
    "UTF-16 with a key in pieces": document(entry("a<![CDATA[b]]>"))
    .partition(b"\n")[2]
    .decode()
    .encode("utf-16"),
    "objects within the bucket's name": document().replace(
        b"<Name>b<", b"<Name>b" + entry("a").encode() + b"<"
    ),
    "objects within a common prefix": document().replace(
        b"</ListBucketResult>",
        b"<CommonPrefixes><Prefix>p"
        + entry("a").encode()
        + b"</Prefix></CommonPrefixes></ListBucketResult>",
    ),
    "a prefix without a name": page(
        b"</ListBucketResult>", b"<CommonPrefixes/></ListBucketResult>"
    ),
}

REFUSED = [
    name
    for name in PAGES
    if name
    not in {
        "a namespace that is no address",
        "a processing instruction within a key",
        "a key of the byte FF",
    }
]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_was_read_wrongly(name: str) -> None:
    TARGETS["page"].run(PAGES[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_listing_that_can_be_trusted_is_refused(name: str) -> None:
    with pytest.raises(InvalidAnswer):
        parse_listing(PAGES[name])


def test_a_key_around_a_processing_instruction_is_whole() -> None:
    assert parse_listing(PAGES["a processing instruction within a key"]).keys == ["ab"]


def test_every_seed_of_the_stores_is_read() -> None:
    """Those of AWS and of MinIO by the pattern."""
    quick = [read_pattern(body) is not None for body in TARGETS["page"].seeds]
    assert quick == [True, True, True, True, True, False, False, False, False]
    keys = [parse_listing(body).keys for body in TARGETS["page"].seeds[:7]]
    assert keys == [
        ["cam-07/a.jpg", "cam-07/b c%.jpg"],
        ["cam-07\0.jpg"],
        [],
        ["a.jpg"],
        ["a.jpg"],
        ["cam & 100%.jpg"],
        ["dir/"],
    ]


OTHERS = {
    "message": [
        b"[" * 100_000,
        b'{"Records":[' * 5000,
        b"1" * 5000,
        b'{"Records": [' + b"{}," * 9000 + b"{}]}",
    ],
    "s3-error": [
        b"\x03<Error>" + b"<a>" * 5000,
        b"\x03<Error><Code>" + b"A" * 100_000 + b"</Code><Message>" + b"m " * 100_000,
        b"\x03<!DOCTYPE Error [<!ENTITY a 'b'>]><Error><Code>&a;</Code></Error>",
        b"\x01<Error><Region>\n</Region></Error>",
    ],
    "rest-error": [
        b"\x03" + b"[" * 100_000,
        b"\x03" + b'{"a":' * 50_000,
        b'\x03{"code": ' + b"9" * 5000 + b"}",
        b'\x03{"message": "a\\u0000\\u001b[31m\\ud800b"}',
        b'\x03{"code": ["x"], "message": {"a": 1}}',
    ],
    "settings": [
        b"x = " + b"[" * 100_000,
        b"x = " + b"9" * 5000,
        b"batch_size = 1e400\n",
        b'"\\u0000" = 1',
        b"bucket = 2020-01-01\n",
    ],
}


@pytest.mark.parametrize(("name", "body"), [(n, body) for n in OTHERS for body in OTHERS[n]])
def test_what_is_nested_long_or_odd(name: str, body: bytes) -> None:
    TARGETS[name].run(body)


def test_a_size_that_is_true_is_none() -> None:
    notice = read_notification(by_s3(record(size=True)), OURS)
    assert (notice.changes, notice.looks) == ([], ["cam-07/a.jpg"])


def test_a_file_of_something_else_is_not_gone_through_for_each_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "s3sync.toml").write_text("".join(f"k{n} = 1\n" for n in range(2000)))
    with pytest.raises(SettingsError, match="1990 more are no settings") as raised:
        load_settings({}, environ={}, config=None, directory=tmp_path)
    assert raised.value.message.count("\n") == 10


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("time", ["infinity", "yesterday", "2026-02-30T12:00:00.000Z", "-1"])
async def test_a_look_at_an_object_without_a_time_ends_in_a_clear_error(time: str) -> None:
    def script(request: Request) -> Reply:
        if request.method == "HEAD" and request.path.endswith("a.jpg"):
            return Reply(200, headers={"ETag": '"0"', "Last-Modified": time})
        if request.method == "HEAD":
            return Reply(200)
        told = entry("a.jpg").replace(DAY, time)
        return Reply(200, document(told))

    with served(ListingStub([], script=script)) as endpoint:
        source = S3Source("b", endpoint=endpoint, retry_base_seconds=0.001)
        try:
            with pytest.raises(BucketUnreachable, match="incomplete") as raised:
                await source.look("a.jpg")
        finally:
            await source.close()
    assert raised.value.hint
