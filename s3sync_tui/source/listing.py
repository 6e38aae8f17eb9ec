"""One ListObjectsV2 answer, decoded, and what makes it believable.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from operator import itemgetter, lt
from typing import Any
from urllib.parse import unquote_plus

from s3sync_tui.safe_text import safe
from s3sync_tui.source.echoes import begins_beyond, misunderstanding

_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f][0-9A-Fa-f])")

MOMENT_FORM = (
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9}+)?+"
)
"""A time, without its zone."""

MODIFIED_FORM = f"{MOMENT_FORM}Z"
"""A time as S3 writes it. Postgres would take ``infinity``, ``now`` and whatever has no zone."""

LONGEST_ETAG = 128
"""S3's have 32 digits, and a number of parts."""

_DAY = itemgetter(slice(10))
_LONGEST_KEY_BYTES = 1024
_LONGEST_TOKEN = 8192  # some stores' is the key, each byte as %XX, or Base64 of that


class InvalidAnswer(Exception):
    """An answer that is no complete listing: asking again may bring a better one."""


class ErrorInside(InvalidAnswer):
    """A 200 that carries an error. S3 sends its status before it has the result."""

    def __init__(self, code: str) -> None:
        super().__init__(f"a 200 with the error {code} inside")
        self.code = code


@dataclass(frozen=True, slots=True)
class Listing:
    """An answer, decoded. Bytes of a key that are no UTF-8 stand as lone
    surrogates (Python's ``surrogateescape``)."""

    keys: list[str]
    etags: list[str]
    sizes: list[int]
    modified: list[str]
    common_prefixes: list[str]
    next_token: str | None
    """None where the listing ends here."""
    all_storable: bool
    """No key holds U+0000 or bytes that are no UTF-8: Postgres can store them all."""
    weight_bytes: int
    said: Mapping[str, str] = field(default_factory=dict)
    """What the answer says of itself: elements of :data:`~s3sync_tui.source.echoes.SAID` that
    are not empty, as they stand there."""

    def check_request(self, asked: Mapping[str, str | int], bucket: str) -> None:
        """Raise :class:`InvalidAnswer` where this is the answer to another request than
        ``asked`` of ``bucket``, or less than it says it is."""
        if (other := misunderstanding(self.said, asked, bucket)) is not None:
            raise InvalidAnswer(other)
        text = self.said.get("KeyCount", "")
        count = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        here = len(self.keys) + len(self.common_prefixes)
        # More than one page holds are those of the whole bucket (scireum/s3ninja#251).
        if here < count <= int(asked.get("MaxKeys", 1000)):
            raise InvalidAnswer(f"{here} keys where it says {count}")

    def check_values(self) -> None:
        """Raise :class:`InvalidAnswer` for what no store can mean: it would not fit into the
        catalog, or would mean something else there."""
        names = [*self.keys, *self.common_prefixes]
        # A character has four bytes at most: most pages need no closer look.
        if names and max(map(len, names)) > _LONGEST_KEY_BYTES // 4:
            long = (name for name in names if len(name) > _LONGEST_KEY_BYTES // 4)
            if any(len(sort_key(name)) > _LONGEST_KEY_BYTES for name in long):
                raise InvalidAnswer("a key of more than 1,024 bytes")
        if self.next_token is not None and len(self.next_token) > _LONGEST_TOKEN:
            raise InvalidAnswer("a continuation token of more than 8,192 characters")
        try:
            for day in set(map(_DAY, self.modified)):  # few, where keys are in time order
                date.fromisoformat(day)
        except ValueError as error:
            raise InvalidAnswer("a time of modification that is none") from error

    def check(self, *, after: str, prefix: str, tokens: Collection[str]) -> None:
        """Raise :class:`InvalidAnswer` unless this can be what was asked for: keys
        under ``prefix`` beyond ``after``, and none of the ``tokens`` once more.

        Compatible stores repeat pages and tokens (minio-go#1704, lakeFS#5751);
        whoever believes them loses objects or never ends.
        """
        if self.next_token in tokens:
            raise InvalidAnswer("the continuation token is repeated")
        if after and begins_beyond(self.said, after, self.keys):
            raise InvalidAnswer("a page from further on")
        if not self.keys:
            return
        if not (self.keys[0].startswith(prefix) and self.keys[-1].startswith(prefix)):
            raise InvalidAnswer("keys outside the prefix")
        # Code points sort as their UTF-8 does, but for surrogates that stand for bytes.
        order: list[Any] = [after, *self.keys]
        if not self.all_storable:
            order = [sort_key(key) for key in (after, *self.keys)]
        if not all(map(lt, order, islice(order, 1, None))):
            raise InvalidAnswer("keys out of order or repeated")


def decoded(keys: list[str]) -> tuple[list[str], bool]:
    """Keys that came with ``encoding-type=url``, decoded once, and whether Postgres can
    store them all.

    Raises :class:`InvalidAnswer` where they cannot have been encoded."""
    together = "\n".join(keys)
    if "%" not in together and "+" not in together:
        return keys, True
    if " " in together or _NOT_ENCODED.search(together):
        raise InvalidAnswer("keys that are not encoded, though it says so")
    plain = [
        unquote_plus(key, errors="surrogateescape") if "%" in key or "+" in key else key
        for key in keys
    ]
    return plain, all(map(is_storable, plain))


def is_storable(key: str) -> bool:
    """Whether Postgres can hold this key: no U+0000, nothing but UTF-8."""
    if "\0" in key:
        return False
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def sort_key(key: str) -> bytes:
    """What S3 sorts by: the key's bytes."""
    return key.encode("utf-8", "surrogateescape")


def printable(key: str) -> str:
    """A key for people to read, whatever is in it; no two keys look alike."""
    text = sort_key(key.replace("\\", r"\\")).decode("utf-8", "backslashreplace")
    return safe(text)
