"""A bucket's objects as S3's XML, written once into a file: a page is a slice of it.

The file has no name: it goes with the process, however that ends.
"""

from __future__ import annotations

import mmap
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import overload

from layouts import Bytes, Layout, Objects, assembled


class Rendered(Sequence[bytes]):
    """The keys of ``layout`` without its ``without`` newest, and their XML in :attr:`file`.

    In memory is what the kernel keeps of the file, no more.
    """

    def __init__(self, layout: Layout, *, without: int = 0) -> None:
        self._count = layout.count - without
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # until close()
        for objects in layout.chunks(without=without):
            matrix = assembled(_xml(objects), len(objects.key))
            self.width = matrix.shape[1]
            self._key_width = objects.key.shape[1]
            self.file.write(matrix.data)
        self._map = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(self._count)[index]]
        if index >= self._count:
            raise IndexError(index)
        at = index * self.width + len(_BEFORE_KEY)
        return self._map[at : at + self._key_width]

    def not_before(self, key: bytes) -> int:
        """The index of the first key that is ``key`` or comes after it."""
        return bisect_left(self, key)

    def after(self, key: bytes) -> int:
        """The index of the first key that comes after ``key``."""
        return bisect_right(self, key)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        self.file.close()


_BEFORE_KEY = b"<Contents><Key>"
_CHECKSUM = (
    b"<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
)


def _xml(objects: Objects) -> list[bytes | Bytes]:
    # As S3 orders them: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    return [
        _BEFORE_KEY, objects.key, b"</Key><LastModified>", objects.modified,
        b"</LastModified><ETag>&quot;", objects.etag, b"&quot;</ETag>", _CHECKSUM, b"<Size>",
        objects.size, b"</Size><StorageClass>STANDARD</StorageClass></Contents>",
    ]  # fmt: skip
