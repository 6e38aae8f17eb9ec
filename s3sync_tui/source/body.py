"""The body of an answer: taken in pieces, and never more of it than can be right.

aiohttp would unpack whatever a store sends packed: 1 MB of zeros, packed twice, is 100 GB.
Nobody asks for packed answers, but some proxies send them.
"""

from __future__ import annotations

import zlib

import aiohttp

from s3sync_tui.source.listing import InvalidAnswer

BODY_LIMIT_BYTES = 16 * 1024 * 1024
"""1,000 keys of 1,024 bytes, each byte as %XX, are 3 MB."""

_PLAIN = {"", "identity"}
_PACKED = {"gzip", "x-gzip", "deflate"}
_ANY_HEADER = zlib.MAX_WBITS | 32  # gzip's or zlib's


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """All of it, unpacked.

    Raises :class:`~s3sync_tui.source.listing.InvalidAnswer` where it is too long, or packed in
    a way that nobody asked for, and what aiohttp raises.
    """
    pieces = []
    size = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > BODY_LIMIT_BYTES:
            raise InvalidAnswer("more than 16 MiB for one page")
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _PLAIN or not body:  # of an object's HEAD, it is how the object is packed
        return body
    if encoding not in _PACKED:
        raise InvalidAnswer("an answer packed in a way that was not asked for")
    return _unpacked(body)


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(_ANY_HEADER)
    try:
        plain = unpacking.decompress(body, BODY_LIMIT_BYTES + 1)
    except zlib.error as error:
        raise InvalidAnswer("an answer that cannot be unpacked") from error
    if len(plain) > BODY_LIMIT_BYTES:
        raise InvalidAnswer("more than 16 MiB for one page")
    if not unpacking.eof:
        raise InvalidAnswer("a packed answer that is cut off")
    return plain
