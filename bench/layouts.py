"""Made-up objects by the million, as columns of bytes: the bench's bucket and its seeded tables.

Every field has one width within a layout, so that objects are rows of a matrix: rendered by
the hundred thousand, found by their index. What an object is, follows from its index alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
"""One row for each object, one column for each byte."""
Numbers: TypeAlias = npt.NDArray[np.uint64]

CHUNK = 100_000
PER_HOUR = 9_000

_PAIRS = np.array([f"{n:02d}".encode() for n in range(100)], "S2").view(np.uint16)
_HEX = np.array([f"{n:02x}".encode() for n in range(256)], "S2").view(np.uint16)


@dataclass(frozen=True)
class Objects:
    """Some objects' fields."""

    key: Bytes
    modified: Bytes
    """As S3 writes it: 2026-11-24T13:05:01.000Z."""
    etag: Bytes
    size: Bytes


class Layout(ABC):
    """``count`` objects in key order, the newest of them from ``end`` and before."""

    def __init__(self, count: int, end: datetime) -> None:
        self.count = count
        self.end = int(end.timestamp())

    def objects(self, indices: Numbers) -> Objects:
        """The objects at ``indices``."""
        seconds, keys = self._keys(indices)
        random = _mixed(indices)
        return Objects(
            key=keys,
            modified=_moment(seconds, "{:%Y-%m-%d}T", b"::", b".000Z"),
            etag=np.hstack([_hex(random), _hex(_mixed(random))]),
            size=_digits(100_000 + random % 900_000, 6),
        )

    def is_new(self, indices: Numbers, new: int) -> npt.NDArray[np.bool_]:
        """Which are among the ``new`` newest: here, spread evenly over all keys."""
        return np.asarray((indices + 1) * new // self.count != indices * new // self.count)

    def chunks(self, *, without: int = 0, only: int = 0) -> Iterator[Objects]:
        """All objects, ``without`` so many of the newest, or ``only`` these."""
        for start in range(0, self.count, CHUNK):
            indices = np.arange(start, min(start + CHUNK, self.count), dtype=np.uint64)
            if without or only:
                is_new = self.is_new(indices, without or only)
                indices = indices[is_new if only else ~is_new]
            if len(indices):
                yield self.objects(indices)

    @abstractmethod
    def _keys(self, indices: Numbers) -> tuple[Numbers, Bytes]:
        """When they came, in seconds since 1970, and their keys."""

    def _times(self, before_last: Numbers, every_ms: int) -> tuple[Numbers, Numbers]:
        """Seconds and milliseconds of those that came so many places before the last, one
        in each ``every_ms`` and not quite regularly."""
        ago = before_last * every_ms + _mixed(before_last) % np.uint64(every_ms)
        seconds, milliseconds = np.divmod(np.uint64(self.end * 1000) - ago, 1000)
        return seconds, milliseconds


class Camera(Layout):
    """``cam-07/2026/11/24/13/130501_123_4f6a01.jpg``: cameras side by side, 9,000 images an
    hour in all; the newest are the last of each camera."""

    def __init__(self, count: int, end: datetime, cameras: int = 50) -> None:
        super().__init__(count, end)
        self._cameras = min(cameras, count)
        self._starts = _cuts(count, self._cameras)
        self._width = max(2, len(str(self._cameras - 1)))

    def is_new(self, indices: Numbers, new: int) -> npt.NDArray[np.bool_]:
        camera = np.searchsorted(self._starts, indices, "right") - 1
        share = np.diff(_cuts(new, self._cameras))
        return indices + share[camera] >= self._starts[camera + 1]

    def _keys(self, indices: Numbers) -> tuple[Numbers, Bytes]:
        camera = np.searchsorted(self._starts, indices, "right") - 1
        before_last = self._starts[camera + 1] - 1 - indices
        seconds, milliseconds = self._times(before_last, 3_600_000 * self._cameras // PER_HOUR)
        number = _digits(camera.astype(np.uint64), self._width)
        moment = _moment(seconds, "/{:%Y/%m/%d/}", b"", b"")
        hour = moment[:, -6:-4]
        return seconds, _joined(
            len(indices), b"cam-", number, moment[:, :-6], hour, b"/", moment[:, -6:], b"_",
            _digits(milliseconds, 3), b"_", _hex(_mixed(indices + 7))[:, :6], b".jpg",
        )  # fmt: skip


class Stamps(Layout):
    """``20261124T130501_123_4f6a01.jpg``: flat, by time; the newest are the last."""

    def is_new(self, indices: Numbers, new: int) -> npt.NDArray[np.bool_]:
        return indices >= self.count - new

    def _keys(self, indices: Numbers) -> tuple[Numbers, Bytes]:
        seconds, milliseconds = self._times(self.count - 1 - indices, 3_600_000 // PER_HOUR)
        return seconds, _joined(
            len(indices), _moment(seconds, "{:%Y%m%d}T", b"", b""), b"_",
            _digits(milliseconds, 3), b"_", _hex(_mixed(indices + 7))[:, :6], b".jpg",
        )  # fmt: skip


class Uuids(Layout):
    """``f3b1c2d4-5e6f-4a7b-8c9d-0123456789ab.jpg``: flat and random; the newest anywhere."""

    def __init__(self, count: int, end: datetime) -> None:
        super().__init__(count, end)
        drawn = np.random.default_rng(5).integers(0, 2**64, count, np.uint64)
        # The version's digit, which is the same in all, before they are sorted.
        self._high = np.sort(drawn & np.uint64(0xFFFFFFFFFFFF0FFF) | np.uint64(0x4000))

    def _keys(self, indices: Numbers) -> tuple[Numbers, Bytes]:
        high = _hex(self._high[indices])
        low = _hex(_mixed(indices + 7) >> np.uint64(2) | np.uint64(1 << 63))
        return self.end - _mixed(indices) % np.uint64(3600 * 24 * 30), _joined(
            len(indices), high[:, :8], b"-", high[:, 8:12], b"-", high[:, 12:], b"-",
            low[:, :4], b"-", low[:, 4:], b".jpg",
        )  # fmt: skip


class Skewed(Layout):
    """``kestrel-017/8f3a90c1d2e4.jpg``: 200 folders, the largest with twice as many as
    the next (Zipf), in no order of size; the newest anywhere."""

    folders = 200

    def __init__(self, count: int, end: datetime) -> None:
        super().__init__(count, end)
        self._starts = _cuts(count, self.folders, _zipf(self.folders))
        names = sorted(f"{_NAMES[n % len(_NAMES)]}-{n:03d}/" for n in range(self.folders))
        self._names = np.array([name.encode() for name in names]).view(np.uint8)
        self._names = self._names.reshape(self.folders, -1)

    def _keys(self, indices: Numbers) -> tuple[Numbers, Bytes]:
        folder = np.searchsorted(self._starts, indices, "right") - 1
        within, size = indices - self._starts[folder], np.diff(self._starts)[folder]
        # Rising within the folder, at random distances.
        step = np.uint64(2**48) // np.maximum(size, 1)
        place = within * step + _mixed(indices) % step
        return self.end - _mixed(indices) % np.uint64(3600 * 24 * 30), _joined(
            len(indices), self._names[folder], _hex(place)[:, 4:], b".jpg"
        )


LAYOUTS: dict[str, type[Layout]] = {
    "camera": Camera,
    "stamps": Stamps,
    "uuids": Uuids,
    "skewed": Skewed,
}

_NAMES = ["kestrel", "harrier", "bittern", "dunlins", "jackdaw", "redwing", "wigeons", "sparrow"]


def now() -> datetime:
    """To the second: a fit end, for s5cmd hides objects that come from the future."""
    return datetime.now(UTC).replace(microsecond=0)


def assembled(parts: Sequence[bytes | Bytes], rows: int) -> Bytes:
    """``parts`` side by side: constants and columns."""
    return _joined(rows, *parts)


def _joined(rows: int, *parts: bytes | Bytes) -> Bytes:
    widths = [len(part) if isinstance(part, bytes) else part.shape[1] for part in parts]
    matrix = np.empty((rows, sum(widths)), np.uint8)
    at = 0
    for part, width in zip(parts, widths, strict=True):
        matrix[:, at : at + width] = (
            np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
        )
        at += width
    return matrix


def _cuts(count: int, parts: int, shares: npt.NDArray[np.float64] | None = None) -> Numbers:
    """Where each of ``parts`` begins, and the end."""
    even = np.arange(parts + 1) / parts if shares is None else np.append(0, np.cumsum(shares))
    return np.round(even * count).astype(np.uint64)


def _zipf(parts: int) -> npt.NDArray[np.float64]:
    sizes = 1 / np.arange(1, parts + 1)
    np.random.default_rng(7).shuffle(sizes)
    return np.asarray(sizes / sizes.sum())


def _mixed(numbers: Numbers) -> Numbers:
    """Splitmix64: the same number gives the same random one."""
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _hex(numbers: Numbers) -> Bytes:
    """Sixteen digits each."""
    return _HEX[numbers.astype(">u8").view(np.uint8)].view(np.uint8).reshape(-1, 16)


def _digits(numbers: Numbers, width: int) -> Bytes:
    tens = np.array([10**n for n in reversed(range(width))], np.uint64)
    return (numbers[:, None] // tens % 10 + 48).astype(np.uint8)


def _moment(seconds: Numbers, day: str, between: bytes, behind: bytes) -> Bytes:
    """The day by ``day``, then hour, minute and second with ``between`` between them."""
    days, in_day = np.divmod(seconds, 86_400)
    first = int(days.min())
    texts = [
        day.format(datetime.fromtimestamp(n * 86_400, UTC)).encode()
        for n in range(first, int(days.max()) + 1)
    ]
    table = np.array(texts).view(np.uint8).reshape(len(texts), -1)
    parts: list[bytes | Bytes] = [table[days - first]]
    for number, mark in zip(
        (in_day // 3600, in_day // 60 % 60, in_day % 60),
        (between[:1], between[1:], behind),
        strict=True,
    ):
        parts += [_PAIRS[number].view(np.uint8).reshape(-1, 2), mark]
    return _joined(len(seconds), *parts)
