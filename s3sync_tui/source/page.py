"""One ListObjectsV2 answer, from XML into columns, and what makes it believable.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from urllib.parse import unquote_plus

from lxml import etree

from s3sync_tui.model import KeyRange, ObjectPage, Rows
from s3sync_tui.source.selection import Selection

_COLUMNS = ("Key", "ETag", "Size", "LastModified")


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
        order: list[str] | list[bytes] = [after, *self.keys]
        if not self.all_storable:
            order = [sort_key(key) for key in (after, *self.keys)]
        if not all(a < b for a, b in pairwise(order)):  # type: ignore[operator]
            raise InvalidAnswer("keys out of order or repeated")


def parse_listing(body: bytes) -> Listing:
    """Decode an answer; raises :class:`InvalidAnswer`."""
    root, name, namespace = _document(body)
    if name == "Error":
        raise ErrorInside(root.findtext(f"{namespace}Code") or "without a code")
    if name != "ListBucketResult":
        raise InvalidAnswer(f"a document of type {name[:40]!r} in place of a listing")

    keys, etags, sizes, modified = _columns(root, namespace, plain=_is_plain(body))
    prefixes = [e.text or "" for e in root.iterfind(f"{namespace}CommonPrefixes/{namespace}Prefix")]
    all_storable = True
    # A store that ignores encoding-type=url sends keys as they are: these must
    # not be decoded, a "%" in them is a "%".
    if root.findtext(f"{namespace}EncodingType") == "url" and (b"%" in body or b"+" in body):
        keys = [_decoded(key) for key in keys]
        prefixes = [_decoded(prefix) for prefix in prefixes]
        all_storable = all(map(is_storable, keys))
    try:
        return Listing(
            keys,
            [etag.strip('"') for etag in etags],
            [int(size) for size in sizes],
            modified,
            prefixes,
            _next_token(root, namespace),
            all_storable,
            len(body),
        )
    except ValueError as error:
        raise InvalidAnswer("a size that is no number") from error


def build_page(listing: Listing, span: KeyRange, selection: Selection, *, last: bool) -> ObjectPage:
    """The part of ``listing`` that lies in ``span``, selected and cut.

    The page's own span begins at ``span.after``. It reaches to the last listed
    key that Postgres can store, or to ``span.up_to`` where it is the ``last``:
    keys that can't be stored are on no side of any comparison, so it does not
    matter between which pages they fall.
    """
    keys = listing.keys
    if last and keys:
        keys = keys[: bisect_right(keys, sort_key(span.up_to), key=sort_key)]
    chosen = selection.indices(keys)
    rows = Rows(keys, listing.etags, listing.sizes, listing.modified)
    others: list[str] = []
    rejected: list[str] = []
    if len(chosen) < len(keys):
        picked = set(chosen)
        others = [key for i, key in enumerate(keys) if i not in picked]
    if not listing.all_storable:
        rejected = [printable(keys[i]) for i in chosen if not is_storable(keys[i])]
        chosen = [i for i in chosen if is_storable(keys[i])]
        others = [key if is_storable(key) else printable(key) for key in others]
    if len(chosen) < len(listing.keys):
        rows = rows.take(chosen)
    up_to = span.up_to
    if not last:
        up_to = next((key for key in reversed(keys) if is_storable(key)), span.after)
    return ObjectPage(
        KeyRange(span.after, up_to), rows, others, rejected, weight_bytes=listing.weight_bytes
    )


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


def _document(body: bytes) -> tuple[etree._Element, str, str]:
    """The root, its name, and its namespace in braces (AWS's, or none)."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidAnswer("cut off, or not XML") from error
    if root.getroottree().docinfo.doctype:
        raise InvalidAnswer("a document type declaration, which S3 never sends")
    namespace, brace, name = str(root.tag).rpartition("}")
    return root, name, namespace + brace


def _is_plain(body: bytes) -> bool:
    # Comments, CDATA and processing instructions may cut an element's text in
    # two, of which text()[1] would take the first only. S3 sends none of them.
    return b"<!" not in body and body.count(b"<?") <= 1


@lru_cache(maxsize=8)
def _column_paths(namespace: str) -> list[etree.XPath]:
    """How many objects there are, then a path for each column."""
    names = {"s": namespace[1:-1]} if namespace else None
    s = "s:" if namespace else ""
    # [1] twice: never more than one from each Contents. So if there are as many
    # as there are Contents, each has given exactly one, and columns are aligned.
    paths = [f"{s}Contents/{s}{column}[1]/text()[1]" for column in _COLUMNS]
    return [
        etree.XPath(path, namespaces=names, smart_strings=False)
        for path in (f"count({s}Contents)", *paths)
    ]


def _columns(root: etree._Element, namespace: str, *, plain: bool) -> list[list[str]]:
    """Columns by XPath are made in C: 0.5 ms for 1,000 objects, where a loop
    over the elements takes from 1.5 ms (their order is free) to 7 ms."""
    if plain:
        objects, *paths = _column_paths(namespace)
        columns: list[list[str]] = [path(root) for path in paths]
        if all(len(column) == objects(root) for column in columns):
            return columns
    contents = root.findall(f"{namespace}Contents")
    columns = [[entry.findtext(f"{namespace}{c}") or "" for entry in contents] for c in _COLUMNS]
    for name, column in zip(_COLUMNS, columns, strict=True):
        if name != "ETag" and "" in column:  # directory markers of some stores have no ETag
            raise InvalidAnswer(f"an object without {name}")
    return columns


def _next_token(root: etree._Element, namespace: str) -> str | None:
    truncated = (root.findtext(f"{namespace}IsTruncated") or "").strip()
    if truncated == "false":
        return None
    if truncated != "true":
        raise InvalidAnswer("no word on whether the listing goes on")
    token = root.findtext(f"{namespace}NextContinuationToken")
    if not token:
        raise InvalidAnswer("the listing goes on, but there is no continuation token")
    return token


def _decoded(key: str) -> str:
    if "%" in key or "+" in key:
        return unquote_plus(key, errors="surrogateescape")
    return key
