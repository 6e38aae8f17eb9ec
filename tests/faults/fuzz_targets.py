"""What fuzzing holds the readers of others' bytes to. Each target takes any bytes, and raises
nothing but where a promise is broken.

Imported by :mod:`tests.faults.fuzzing` so that atheris sees which way the product goes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

import httpx

from s3sync_tui.catalog.rest_faults import explain, is_timeout, is_transient, read_fault
from s3sync_tui.catalog.supabase_keys import Project
from s3sync_tui.errors import BucketError, S3SyncError, SettingsError
from s3sync_tui.model import KeyRange
from s3sync_tui.settings import load_settings
from s3sync_tui.source.document import read_document
from s3sync_tui.source.faults import Answer, Expired, Place, Transient, fault_of
from s3sync_tui.source.listing import InvalidAnswer, Listing, is_storable
from s3sync_tui.source.notifications import NotUnderstood, Ours, read_notification
from s3sync_tui.source.page import beyond, build_page, parse_listing
from s3sync_tui.source.pattern import read_pattern
from s3sync_tui.source.selection import Selection
from tests.faults import fuzz_seeds

_IMAGES = Selection(["*.jpg"])
_OURS = Ours("camera-images", "cam-", _IMAGES)
_PLACE = Place("camera-images", None, "us-east-1")
_KEY = "sb_secret_0123456789abcdef_00000000"
_PROJECT = Project("https://abcdefghijklmnopqrst.supabase.co")
_STATUSES = [200, 301, 307, 400, 401, 403, 404, 405, 409, 413, 429, 500, 501, 503, 520, 540, 544]


@dataclass(frozen=True, slots=True)
class Target:
    """A reader, and what to begin with."""

    run: Callable[[bytes], None]
    seeds: list[bytes]
    words: list[str]


def read_page(body: bytes) -> None:
    """Pattern and parser agree, no key is lost, and what is believed can be stored."""
    quick = _or_none(read_pattern, body)
    careful = _or_none(read_document, body)
    if quick is not None:
        assert careful == quick, "the pattern takes what the parser reads otherwise"
    listing = _or_none(parse_listing, body)
    if listing is None:
        return
    told = _told_by_expat(body)
    if told is not None:
        assert listing.keys == told, "other keys than expat's"
    columns = (listing.keys, listing.etags, listing.sizes, listing.modified)
    assert len({len(column) for column in columns}) == 1
    assert all(0 <= size < 2**63 for size in listing.sizes)
    assert all(map(datetime.fromisoformat, listing.modified))
    assert listing.all_storable == all(map(is_storable, listing.keys))
    try:
        listing.check(after="", prefix="", tokens=())
    except InvalidAnswer:
        return
    for last in (True, False):
        _check_page(listing, last=last)


def _check_page(listing: Listing, *, last: bool) -> None:
    page = build_page(listing, KeyRange(), _IMAGES, last=last)
    left = [] if last else beyond(listing)
    named = len(page.images) + len(page.others) + len(page.rejected) + len(left)
    assert named == len(listing.keys), "keys are lost"
    assert all(map(is_storable, page.images.keys))
    assert all(map(_IMAGES.matches, page.images.keys))
    rows = zip(listing.keys, listing.etags, listing.sizes, listing.modified, strict=True)
    by_key = {row[0]: row for row in rows}
    images = page.images
    for row in zip(images.keys, images.etags, images.sizes, images.modified, strict=True):
        assert row == by_key[row[0]]
    page.span.up_to.encode()


def _or_none(read: Callable[[bytes], Listing | None], body: bytes) -> Listing | None:
    try:
        return read(body)
    except InvalidAnswer as error:
        fault = str(error)
    _check_line(fault)
    return None


def _told_by_expat(body: bytes) -> list[str] | None:
    """The keys, by another parser; None where it takes it for no XML."""
    path: list[str] = []
    keys: list[str] = []
    encoding: list[str] = []

    def start(name: str, _: object) -> None:
        path.append(name.rpartition("\n")[2])
        if path[1:] == ["Contents"]:
            keys.append("")

    def text(piece: str) -> None:
        if path[1:] == ["Contents", "Key"]:
            keys[-1] += piece
        if path[1:] == ["EncodingType"]:
            encoding.append(piece)

    parser = expat.ParserCreate(namespace_separator="\n")
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = lambda _: path.pop()
    try:
        parser.Parse(body, True)
    except expat.ExpatError:
        return None
    if "".join(encoding) != "url":
        return keys
    return [
        unquote_to_bytes(key.replace("+", " ")).decode("utf-8", "surrogateescape") for key in keys
    ]


def read_message(body: bytes) -> None:
    """Changes that can be applied, or one line about why there are none."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        notice = read_notification(text, _OURS)
    except NotUnderstood as fault:
        _check_line(str(fault))
        return
    for line in (*notice.faults, *notice.rejected):
        _check_line(line)
    for key in (*notice.looks, *(change.key for change in notice.changes)):
        assert is_storable(key)
        assert key.startswith("cam-")
        assert _IMAGES.matches(key)
        assert len(key.encode()) <= 1024
    for change in notice.changes:
        assert int(change.sequencer, 16) >= 0
        assert change.sequencer == change.sequencer.upper()
        assert change.at.utcoffset() is not None
        assert type(change.size_bytes) is int
        assert 0 <= change.size_bytes <= 2**50
        assert change.etag.isprintable()


def _check_line(line: str) -> None:
    line.encode()
    assert line
    assert line.isprintable()
    assert len(line) < 300


def read_s3_error(body: bytes) -> None:
    """A fault of a kind that is known, whatever the endpoint says."""
    status, rest = _STATUSES[body[0] % len(_STATUSES)] if body else 500, body[1:]
    fault = fault_of(Answer(status, {}, rest), _PLACE)
    assert isinstance(fault, Transient | Expired | BucketError)
    if isinstance(fault, BucketError):
        _check_error(fault)


def read_rest_error(body: bytes) -> None:
    """The same of the REST API."""
    status, rest = _STATUSES[body[0] % len(_STATUSES)] if body else 500, body[1:]
    answer = httpx.Response(status, headers={"Content-Type": "application/json"}, content=rest)
    fault = read_fault(answer)
    if fault is not None:
        assert is_transient(fault) in {True, False}
        assert is_timeout(fault) in {True, False}
        _check_error(explain(fault, _PROJECT, key=_KEY, apply="(how to apply)"))


def _check_error(error: S3SyncError) -> None:
    assert isinstance(error, S3SyncError)
    for text in (error.message, error.hint):
        assert len(text) < 2000
    assert error.message
    assert error.exit_code in {3, 4, 5, 6}


def read_settings(content: bytes) -> None:
    """Settings, or what is wrong with them."""
    path = _directory() / "s3sync.toml"
    path.write_bytes(content)
    try:
        load_settings({}, environ={}, config=None, directory=path.parent)
    except SettingsError as error:
        fault = error.message
    else:
        return
    assert "s3sync.toml" in fault


_directories: list[tempfile.TemporaryDirectory[str]] = []


def _directory() -> Path:
    if not _directories:
        _directories.append(tempfile.TemporaryDirectory(prefix="s3sync-fuzz-"))
    return Path(_directories[0].name)


def _with_status(bodies: list[bytes]) -> list[bytes]:
    return [bytes([n % len(_STATUSES)]) + body for n, body in enumerate(bodies * 4)]


TARGETS = {
    "page": Target(read_page, fuzz_seeds.PAGES, fuzz_seeds.PAGE_WORDS),
    "message": Target(
        read_message, [text.encode() for text in fuzz_seeds.MESSAGES], fuzz_seeds.MESSAGE_WORDS
    ),
    "s3-error": Target(
        read_s3_error, _with_status(fuzz_seeds.ERRORS), ["<Error>", "<Code>", "</Code>", "&x;"]
    ),
    "rest-error": Target(
        read_rest_error, _with_status(fuzz_seeds.REST_ERRORS), fuzz_seeds.MESSAGE_WORDS
    ),
    "settings": Target(read_settings, fuzz_seeds.SETTINGS_FILES, fuzz_seeds.SETTINGS_WORDS),
}
