"""The body of an answer of the REST API: unpacked within bounds.

httpx unpacks as often as an answer says that it was packed, without an end: 60 kB can be 60 GB.
"""

from __future__ import annotations

import zlib
from contextlib import aclosing

import httpx

from s3sync_tui.catalog.rest_faults import RestFault

MOST_BYTES = 64 * 1024 * 1024
"""The largest that is asked for, 10,000 keys of 1,024 bytes with all that belongs to them, is a
third of it."""

_PACKED = {"gzip", "x-gzip", "deflate"}
_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip's or zlib's


async def take_body(answer: httpx.Response) -> None:
    """Read ``answer`` to its end; what reads it then finds it unpacked.

    Raises :class:`~s3sync_tui.catalog.rest_faults.RestFault` where it is too long or packed in a
    way that nobody asked for, :class:`httpx.RemoteProtocolError` where it is damaged.
    """
    encoding = answer.headers.pop("Content-Encoding", "identity").strip().lower()
    pieces = []
    size = 0
    stream = answer.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("an answer of a client that is not async")
    async with aclosing(stream):
        async for piece in stream:
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise _too_long(answer)
    body = b"".join(pieces)
    if body and encoding in _PACKED:
        body = _unpacked(answer, body)
    elif body and encoding not in {"", "identity"}:
        raise RestFault(answer.status_code, message="packed in a way that was not asked for")
    answer.stream = httpx.ByteStream(body)
    await answer.aread()


def _unpacked(answer: httpx.Response, body: bytes) -> bytes:
    unpacking = zlib.decompressobj(_ANY_HEADER)
    try:
        plain = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise httpx.RemoteProtocolError("an answer that cannot be unpacked") from error
    if len(plain) > MOST_BYTES:
        raise _too_long(answer)
    if not unpacking.eof:
        raise httpx.RemoteProtocolError("a packed answer that is cut off")
    return plain


def _too_long(answer: httpx.Response) -> RestFault:
    return RestFault(answer.status_code, message="more than 64 MiB in one answer")
