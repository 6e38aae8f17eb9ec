"""One answer of the bucket, from XML to the page of a key range."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from s3sync_tui.model import LAST_KEY, KeyRange, ObjectPage, Rows
from s3sync_tui.source.listing import Listing, is_storable, printable, sort_key
from s3sync_tui.source.pattern import read_pattern
from s3sync_tui.source.selection import Selection

_LAST_BYTES = b"\xff" * len(LAST_KEY.encode())


def parse_listing(body: bytes) -> Listing:
    """Decode an answer; raises :class:`~s3sync_tui.source.listing.InvalidAnswer`."""
    listing = read_pattern(body)
    if listing is None:
        # lxml is loaded by those who need it: AWS, MinIO and R2 do without.
        from s3sync_tui.source.document import read_document

        listing = read_document(body)
    listing.check_values()
    return listing


def build_page(
    listing: Listing,
    span: KeyRange,
    selection: Selection,
    *,
    last: bool,
    held: Sequence[str] = (),
) -> ObjectPage:
    """The part of ``listing`` that lies in ``span``, selected and cut.

    The page's own span begins at ``span.after``. It reaches to the last listed
    key that Postgres can store, or to ``span.up_to`` where it is the ``last``. It names the
    keys within that can't be stored, and those that are ``held``: else they would come twice
    where another range begins right behind the page's last key.
    """
    keys = listing.keys
    up_to = span.up_to
    if last and keys:
        keys = keys[: bisect_right(keys, end_of(span), key=sort_key)]
    if not last:
        keys = keys[: len(keys) - len(beyond(listing))]
        up_to = keys[-1] if keys else span.after
    chosen: Sequence[int] = selection.indices(keys)
    rows = Rows(keys, listing.etags, listing.sizes, listing.modified)
    others: list[str] = []
    if len(chosen) < len(keys):
        picked = set(chosen)
        others = [key for i, key in enumerate(keys) if i not in picked]
    rejected = [printable(key) for key in held if selection.matches(key)]
    others = [printable(key) for key in held if not selection.matches(key)] + others
    if not listing.all_storable:
        rejected += [printable(keys[i]) for i in chosen if not is_storable(keys[i])]
        chosen = [i for i in chosen if is_storable(keys[i])]
        others = [key if is_storable(key) else printable(key) for key in others]
    if len(chosen) < len(listing.keys):
        rows = rows.take(chosen)
    return ObjectPage(
        KeyRange(span.after, up_to), rows, others, rejected, weight_bytes=listing.weight_bytes
    )


def end_of(span: KeyRange) -> bytes:
    """What no key of ``span`` sorts behind. Behind the last key of a prefix, or of all, lie
    some that are no UTF-8."""
    if span.up_to.endswith(LAST_KEY):
        return sort_key(span.up_to.removesuffix(LAST_KEY)) + _LAST_BYTES
    return sort_key(span.up_to)


def beyond(listing: Listing) -> list[str]:
    """The keys at the end of ``listing`` that can't be stored: they lie beyond a page that
    reaches to the last one that can, and are held for the next."""
    if listing.all_storable:
        return []
    keys = listing.keys
    end = next((i + 1 for i in reversed(range(len(keys))) if is_storable(keys[i])), 0)
    return keys[end:]
