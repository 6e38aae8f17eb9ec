"""The Source protocol: all that the engine knows about where keys come from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from s3sync_tui.model import KeyRange, Level, ObjectPage


class Source(Protocol):
    """A bucket, or the part of it under one prefix."""

    bucket: str
    prefix: str

    @property
    def list_requests(self) -> int:
        """LIST requests made so far, retries included: each is billed."""

    async def open(self) -> None:
        """Check that the bucket exists and may be listed.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """

    async def close(self) -> None:
        """Release connections."""

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """Keys at which ``span`` may be cut into about ``parts`` ranges worth
        listing at once; empty where one range is best. Used when the catalog
        cannot say."""

    async def level(self, prefix: str) -> Level | None:
        """What lies directly under ``prefix``; None where that is a long list. Left out
        is what Postgres cannot store.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """

    def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        """The objects of ``span``, in key order. The pages' spans follow on one
        another without a gap and together are exactly ``span``.

        Raises :class:`~s3sync_tui.errors.BucketError` once retries are used up;
        what was yielded before stays valid.
        """


@runtime_checkable
class Located(Protocol):
    """A source that knows where its bucket is and what time it is there."""

    @property
    def region(self) -> str | None:
        """The bucket's AWS region; None at other stores, and before :meth:`Source.open`."""

    @property
    def clock_offset_seconds(self) -> float | None:
        """How far the bucket's clock is ahead of this machine's, to the second; None
        before it has answered."""
