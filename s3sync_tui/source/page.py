"""One answer of the bucket, from XML to the page of a key range."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from s3sync_tui.model import KeyRange, ObjectPage, Rows
from s3sync_tui.source.listing import Listing, is_storable, printable, sort_key
from s3sync_tui.source.pattern import read_pattern
from s3sync_tui.source.selection import Selection


def parse_listing(body: bytes) -> Listing:
    """Decode an answer; raises :class:`~s3sync_tui.source.listing.InvalidAnswer`."""
    listing = read_pattern(body)
    if listing is None:
        # lxml is loaded by those who need it: AWS, MinIO and R2 do without.
        from s3sync_tui.source.document import read_document

        listing = read_document(body)
    listing.check_values()
    return listing


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
    chosen: Sequence[int] = selection.indices(keys)
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
