"""The bucket, listed page by page: what to ask next, and what an answer covers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from s3sync_tui.errors import BucketError
from s3sync_tui.model import KeyRange, Level, ObjectPage, Rows
from s3sync_tui.source.cuts import folder_cuts
from s3sync_tui.source.endpoint import REQUEST_SECONDS, Endpoint, Parameters, Signed
from s3sync_tui.source.faults import Elsewhere
from s3sync_tui.source.listing import InvalidAnswer, Listing, is_storable, sort_key
from s3sync_tui.source.looking import Seen, seen_in
from s3sync_tui.source.page import beyond, build_page, end_of, parse_listing
from s3sync_tui.source.selection import Selection
from s3sync_tui.source.signing import AddressingStyle, Signer

_DEEPEST = 4
_LEVEL_PAGES = 10
_MOST_HELD = 100_000
"""Keys in a row that can't be stored. Of more, some may be counted twice."""
MOST_EMPTY_PAGES = 10_000
"""In a row: S3 sends empty pages where it passes over much that was deleted."""


@dataclass(frozen=True, slots=True)
class _Step:
    """The next page of a range: what to ask, and what to hold the answer against."""

    parameters: Parameters
    rest: KeyRange
    """The part of the range that no page covers yet."""
    listed: str
    """The last key listed: ``rest.after``, or one beyond it that can't be stored."""
    tokens: frozenset[str] = frozenset()
    """The continuation tokens used since that key."""
    held: tuple[str, ...] = ()
    """Keys between ``rest.after`` and ``listed``, which can't be stored."""
    signed: Signed | None = None


class S3Source:
    """A bucket, or the part of it under one prefix, through ListObjectsV2.

    Without ``region`` the bucket's own is found out by :meth:`open`; with it, a
    bucket elsewhere is an error. ``endpoint`` is for stores other than AWS.
    ``selection`` tells images from other objects. ``retry_base_seconds`` is the
    bound of the first wait before a retry; each further bound is twice as long.
    ``request_seconds`` is how long one answer may take to its end.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        ca_bundle: Path | None = None,
        addressing_style: AddressingStyle = "auto",
        selection: Selection | None = None,
        concurrency: int = 32,
        page_size: int = 1000,
        retry_base_seconds: float = 0.5,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._selection = selection or Selection()
        self._page_size = page_size
        self._region_is_set = region is not None
        self._is_checked = False
        self._endpoint = Endpoint(
            Signer(
                bucket,
                endpoint=endpoint,
                region=region,
                profile=profile,
                addressing_style=addressing_style,
            ),
            concurrency=concurrency,
            ca_bundle=ca_bundle,
            retry_base_seconds=retry_base_seconds,
            request_seconds=request_seconds,
        )

    @property
    def list_requests(self) -> int:
        """LIST requests made so far, retries included: each is billed."""
        return self._endpoint.list_requests

    @property
    def region(self) -> str | None:
        """The bucket's AWS region; None at other stores, and before :meth:`open`."""
        return self._endpoint.region if self._is_checked else None

    @property
    def clock_offset_seconds(self) -> float | None:
        """How far the bucket's clock is ahead of this machine's, to the second."""
        return self._endpoint.clock_offset_seconds

    async def open(self) -> None:
        """Check that the bucket exists and may be listed, and find its region.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
        if self.bucket.endswith("--x-s3"):
            raise BucketError(
                f"Bucket {self.bucket!r} is a directory bucket, and directory buckets are not "
                "supported: their listings are not sorted.",
                hint="Use a general purpose bucket.",
            )
        try:
            await self._endpoint.check(self.prefix)
        except Elsewhere as found:
            if self._region_is_set:
                raise
            await self._endpoint.move(found.region)
            await self._endpoint.check(self.prefix)
        self._is_checked = True

    async def close(self) -> None:
        """Release connections and threads."""
        await self._endpoint.close()

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """The common prefixes in ``span``, thinned to ``parts - 1``; none in a flat bucket.

        One request, and one more for each level that has but one prefix.
        """
        prefix = self.prefix
        for _ in range(_DEEPEST):
            request = self._first_request(span, prefix) | {"Delimiter": "/"}
            listing = await self._ask(request)
            prefixes = [found for found in listing.common_prefixes if is_storable(found)]
            if listing.next_token is not None or listing.keys or len(prefixes) != 1:
                break
            prefix = prefixes[0]
        return folder_cuts(prefixes, span, parts)

    async def level(self, prefix: str) -> Level | None:
        """What lies directly under ``prefix``; None where it fills ten pages.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """
        level = Level([], [])
        request = self._first_request(KeyRange(), prefix) | {"Delimiter": "/"}
        for _ in range(_LEVEL_PAGES):
            listing = await self._ask(request)
            level.prefixes.extend(filter(is_storable, listing.common_prefixes))
            level.keys.extend(filter(is_storable, listing.keys))
            if listing.next_token is None:
                return level
            request = {**request, "ContinuationToken": listing.next_token}
        return None

    async def look(self, key: str) -> Seen | None:
        """The object ``key`` as it is now; None where there is none.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """
        if not self._is_checked:  # the bucket's region is found there
            await self.open()
        headers = await self._endpoint.look(key)
        if headers is not None and (seen := seen_in(headers)) is not None:
            return seen
        # A HEAD that fails gives no reason: the object is gone, or s3:GetObject is not granted,
        # or a customer's key would be needed, or the bucket is gone. A LIST tells.
        request: Parameters = {"EncodingType": "url", "MaxKeys": 1, "Prefix": key}
        listing = await self._ask(request)
        if not listing.keys or listing.keys[0] != key:
            return None
        modified = datetime.fromisoformat(listing.modified[0])
        return Seen(listing.etags[0], listing.sizes[0], modified)

    async def pages(self, span: KeyRange) -> AsyncGenerator[ObjectPage, None]:
        """The objects of ``span`` in key order; the pages' spans together are
        exactly ``span``.

        Raises :class:`~s3sync_tui.errors.BucketUnreachable` once retries are used
        up, any other :class:`~s3sync_tui.errors.BucketError` at once.
        """
        past = span.after > self.prefix and not span.after.startswith(self.prefix)
        if past or span.up_to < self.prefix:  # none of our keys can be in there
            yield ObjectPage(span, Rows([], [], [], []), [], [], weight_bytes=0)
            return
        step: _Step | None = _Step(self._first_request(span, self.prefix), span, span.after)
        while step is not None:
            page, step = await self._endpoint.list(
                step.parameters, partial(self._read, step), step.signed
            )
            if page is not None:
                yield page

    def _first_request(self, span: KeyRange, prefix: str) -> Parameters:
        request: Parameters = {"EncodingType": "url", "MaxKeys": self._page_size}
        if prefix:
            request["Prefix"] = prefix
        if span.after > prefix:
            request["StartAfter"] = span.after
        return request

    async def _ask(self, request: Parameters) -> Listing:
        """One page that is no part of a range."""
        after, prefix, token = (
            str(request.get(name, "")) for name in ("StartAfter", "Prefix", "ContinuationToken")
        )

        def read(body: bytes) -> Listing:
            listing = self._listing(request, body)
            listing.check(after=after, prefix=prefix, tokens={token})
            return listing

        return await self._endpoint.list(request, read)

    def _listing(self, request: Parameters, body: bytes) -> Listing:
        listing = parse_listing(body)
        listing.check_request(request, self.bucket)
        return listing

    def _read(self, step: _Step, body: bytes) -> tuple[ObjectPage | None, _Step | None]:
        """The answer's page and the next step, signed already."""
        listing = self._listing(step.parameters, body)
        listing.check(after=step.listed, prefix=self.prefix, tokens=step.tokens)
        keys, token = listing.keys, listing.next_token
        if token is None or (keys and sort_key(keys[-1]) >= end_of(step.rest)):
            return build_page(listing, step.rest, self._selection, last=True, held=step.held), None
        parameters = {k: v for k, v in step.parameters.items() if k != "StartAfter"}
        parameters["ContinuationToken"] = token
        signed = self._endpoint.sign(parameters)
        if not keys:
            if len(step.tokens) >= MOST_EMPTY_PAGES:
                raise InvalidAnswer(f"{MOST_EMPTY_PAGES:,} pages in a row without a key")
            tokens = step.tokens | {token}
            return None, _Step(parameters, step.rest, step.listed, tokens, step.held, signed)
        told, held = step.held, tuple(beyond(listing))
        if len(held) == len(keys):  # nothing but such keys
            told, held = (), step.held + held
            if len(held) > _MOST_HELD:
                told, held = held, ()
        page = build_page(listing, step.rest, self._selection, last=False, held=told)
        rest = KeyRange(page.span.up_to, step.rest.up_to)
        return page, _Step(parameters, rest, keys[-1], frozenset({token}), held, signed)
