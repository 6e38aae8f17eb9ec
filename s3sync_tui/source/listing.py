"""One ListObjectsV2 answer, decoded, and what makes it believable.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from operator import lt
from typing import Any
from urllib.parse import unquote_plus


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

    def check(self, *, after: str, prefix: str, tokens: Collection[str]) -> None:
        """Raise :class:`InvalidAnswer` unless this can be what was asked for: keys
        under ``prefix`` beyond ``after``, and none of the ``tokens`` once more.

        Compatible stores repeat pages and tokens (minio-go#1704, lakeFS#5751);
        whoever believes them loses objects or never ends.
        """
        if self.next_token in tokens:
            raise InvalidAnswer("the continuation token is repeated")
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
    store them all."""
    together = "\n".join(keys)
    if "%" not in together and "+" not in together:
        return keys, True
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
    """A key for people to read, whatever is in it."""
    text = sort_key(key).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
