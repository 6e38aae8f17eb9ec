"""A bucket, its clock and a catalog in memory: what delta runs are judged by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from hypothesis import strategies as st

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.reconcile import digest
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import BucketUnreachable
from s3sync_tui.model import (
    CatalogSummary,
    Difference,
    KeyRange,
    Lanes,
    Level,
    ObjectPage,
    RangeDigest,
    Rows,
    RunMode,
    RunRequest,
    RunResult,
    RunStats,
    RunStatus,
    RunTicket,
)
from s3sync_tui.phases import PhaseRecord

LOOKBACK = timedelta(hours=1)
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
CAMERAS = ["cam-0", "cam-1", "cam-2"]
Stored = dict[str, tuple[str, int]]
Script = list[tuple[str, *tuple[int, ...]]]
"""Steps of a :class:`Play`."""

scripts: st.SearchStrategy[Script] = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 400)),
        st.tuples(st.just("shoot"), st.integers(0, 4), st.integers(0, 59)),
        st.tuples(st.just("late"), st.integers(0, 4), st.integers(61, 5000)),
        st.tuples(st.just("multipart"), st.integers(0, 4), st.integers(0, 59)),
        st.tuples(st.just("random"), st.integers(0, 9999)),
        st.tuples(st.just("top"), st.integers(0, 99)),
        st.tuples(st.just("other"), st.integers(0, 4)),
        st.tuples(st.just("delete"), st.integers(0, 9999)),
        st.tuples(st.just("overwrite"), st.integers(0, 9999)),
        st.tuples(st.just("fail"), st.integers(0, 9999)),
        st.tuples(st.just("run")),
        st.tuples(st.just("run")),
    ),
    max_size=40,
)


@dataclass(frozen=True)
class Object:
    """What is at a key."""

    etag: str
    modified: str


class ModelBucket:
    """Objects by key, listed ``page_size`` at a time; keys on ``.jpg`` are images."""

    bucket = "model"
    region = None

    def __init__(self, prefix: str = "", *, page_size: int = 4) -> None:
        self.prefix = prefix
        self.page_size = page_size
        self.objects: dict[str, Object] = {}
        self.now = BEGIN
        """By the bucket's clock."""
        self.list_requests = 0
        self.unreachable = ""
        """A key that cannot be listed."""
        self._version = 0

    def put(self, key: str, at: datetime | None = None) -> str:
        """Upload, or overwrite; returns the key."""
        self._version += 1
        self.objects[key] = Object(f"{self._version:x}", written(at or self.now))
        return key

    @property
    def clock_offset_seconds(self) -> float:
        """How far the bucket's clock is ahead of this machine's."""
        return (self.now - datetime.now(UTC)).total_seconds()

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """Some keys."""
        return sorted(self.objects)[:: max(1, len(self.objects) // parts)]

    async def level(self, prefix: str) -> Level | None:
        """As S3 lists with a delimiter."""
        self.list_requests += 1
        found = Level([], [])
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            head, cut, _ = key[len(prefix) :].partition("/")
            if not cut:
                found.keys.append(key)
            elif prefix + head + cut not in found.prefixes:
                found.prefixes.append(prefix + head + cut)
        return found

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        """In order, without gaps."""
        keys = sorted(k for k in self.objects if k in span and k.startswith(self.prefix))
        after = span.after
        while True:
            self.list_requests += 1
            chunk, keys = keys[: self.page_size], keys[self.page_size :]
            if self.unreachable in chunk:
                raise BucketUnreachable("No answer.", hint="Wait.")
            images = [key for key in chunk if key.endswith(".jpg")]
            objects = [self.objects[key] for key in images]
            rows = Rows(
                images,
                [each.etag for each in objects],
                [len(key) for key in images],
                [each.modified for each in objects],
            )
            up_to = chunk[-1] if keys else span.up_to
            others = [key for key in chunk if not key.endswith(".jpg")]
            yield ObjectPage(KeyRange(after, up_to), rows, others, [], weight_bytes=100)
            if not keys:
                return
            after = up_to

    def images(self) -> Stored:
        """What a table in step with it holds."""
        return {
            key: (each.etag, len(key))
            for key, each in self.objects.items()
            if key.endswith(".jpg") and key.startswith(self.prefix)
        }


@dataclass
class ModelCatalog:
    """As much of a catalog as a run needs."""

    bucket: ModelBucket
    skew: timedelta = timedelta(0)
    """How far the database's clock is ahead of the bucket's."""
    description: str = "in memory"
    rows: Stored = field(default_factory=dict)
    kept: Lanes | None = None
    runs: list[RunResult] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """By the database's clock."""
        return self.bucket.now + self.skew

    async def summary(self) -> CatalogSummary:
        """Rows, and the time."""
        return CatalogSummary(len(self.rows), 0, self.now)

    async def begin_run(self, request: RunRequest) -> RunTicket:
        """Nobody else is there."""
        return RunTicket(len(self.runs) + 1, self.now, [])

    async def renew_lease(
        self, run_id: int, lease_seconds: int, stats: RunStats, phases: Sequence[PhaseRecord] = ()
    ) -> None:
        """Nobody else is there."""

    async def finish_run(
        self,
        run_id: int,
        result: RunResult,
        lanes: Lanes | None = None,
        committed: Sequence[int] = (),
    ) -> RunStats:
        """Keep result and lanes."""
        self.runs.append(result)
        self.kept = lanes or self.kept
        return result.stats

    async def lanes(self, bucket: str, prefix: str) -> Lanes | None:
        """Those kept."""
        return self.kept

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        """No statistics."""
        return []

    async def range_digests(self, spans: Sequence[KeyRange]) -> list[RangeDigest]:
        """Of the rows in each span."""
        found = []
        for span in spans:
            keys = self._inside(span)
            held = [self.rows[key] for key in keys]
            rows = Rows(keys, [etag for etag, _ in held], [size for _, size in held], [])
            found.append(RangeDigest(len(keys), digest(rows)))
        return found

    async def compare(self, page: ObjectPage, *, started_at: datetime) -> Difference:
        """Key by key."""
        images, there = page.images, {*page.images.keys, *page.others}
        listed = [*zip(images.keys, images.etags, images.sizes, strict=True)]
        gone = [key for key in self._inside(page.span) if key not in there]
        return Difference(
            [i for i, (key, *_) in enumerate(listed) if key not in self.rows],
            [
                i
                for i, (key, etag, size) in enumerate(listed)
                if self.rows.get(key, (etag, size)) != (etag, size)
            ],
            len(gone),
            gone,
        )

    async def mark_gone(self, page: ObjectPage, *, run_id: int, started_at: datetime) -> int:
        """Here they go indeed."""
        there = {*page.images.keys, *page.others}
        gone = [key for key in self._inside(page.span) if key not in there]
        for key in gone:
            del self.rows[key]
        return len(gone)

    async def insert_batch(
        self, run_id: int, batch: int, rows: Rows, *, fresh: bool = False
    ) -> int:
        """Add them."""
        return await self.update_batch(run_id, batch, rows)

    async def update_batch(self, run_id: int, batch: int, rows: Rows) -> int:
        """Replace them."""
        for key, etag, size in zip(rows.keys, rows.etags, rows.sizes, strict=True):
            self.rows[key] = (etag, size)
        return len(rows)

    async def vacuum(self) -> None:
        """Nothing to do."""

    def _inside(self, span: KeyRange) -> list[str]:
        keys = sorted(self.rows)
        return keys[bisect_right(keys, span.after) : bisect_right(keys, span.up_to)]


def written(at: datetime) -> str:
    """As S3 writes a time."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def shot(camera: str, taken: datetime) -> str:
    """The key of a picture: within a camera, keys are in the order of ``taken``."""
    return f"{camera}/{taken:%Y/%m/%d/%H%M%S%f}.jpg"


def fill(bucket: ModelBucket, cameras: Sequence[str], pictures: int, every: timedelta) -> None:
    """Pictures of each camera, the last of them uploaded just now."""
    for n in range(pictures):
        taken = bucket.now - every * (pictures - 1 - n)
        for camera in cameras:
            bucket.put(shot(bucket.prefix + camera, taken), taken)


async def auto_run(
    bucket: ModelBucket, catalog: Catalog | ModelCatalog, **options: object
) -> RunResult:
    """As ``--once`` runs."""
    chosen = {
        "mode": "auto",
        "batch_size": 5,
        "list_concurrency": 3,
        "lookback_seconds": int(LOOKBACK.total_seconds()),
        "mark_gone": True,
        **options,
    }
    return await sync(
        bucket,
        cast(Catalog, catalog),
        SyncOptions(**chosen),  # type: ignore[arg-type]
        lambda _: None,
    )


class Play:
    """A bucket in use, synced now and then: what is ``due`` has come in time."""

    def __init__(
        self,
        bucket: ModelBucket,
        catalog: Catalog | ModelCatalog,
        rows: Callable[[], Stored],
    ) -> None:
        """``rows`` are those of the catalog."""
        self.bucket = bucket
        self.catalog = catalog
        self.rows = rows
        self.due: set[str] = set()
        self.modes: list[str] = []
        """Those of the runs so far."""
        fill(bucket, CAMERAS, 40, timedelta(minutes=50))

    async def perform(self, script: Script) -> None:
        """A first run, the steps, and a full run."""
        await self.run()
        for what, *figures in script:
            result = getattr(self, what)(*figures)
            if result is not None:
                await result
        await self.run(mode="full")

    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.bucket.now += timedelta(minutes=minutes)

    def shoot(self, camera: int, minutes: int) -> None:
        """A picture, uploaded so long after it was taken; cameras may be new."""
        self.due.add(self.bucket.put(self.taken(camera, minutes)))

    def multipart(self, camera: int, minutes: int) -> None:
        """An upload that took so long: its time is that of its beginning."""
        began = self.bucket.now - timedelta(minutes=minutes)
        self.due.add(self.bucket.put(self.taken(camera, minutes), began))

    def late(self, camera: int, minutes: int) -> None:
        """A picture that comes too late for a delta."""
        self.bucket.put(self.taken(camera, minutes))

    def random(self, number: int) -> None:
        """A key without order."""
        self.bucket.put(f"{self.bucket.prefix}rand/{number * 7919 % 10007:05}.jpg")

    def top(self, number: int) -> None:
        """A key that is in no lane."""
        self.due.add(self.bucket.put(f"{self.bucket.prefix}{number:02}.jpg"))

    def other(self, camera: int) -> None:
        """A key that is no image."""
        self.bucket.put(f"{self.bucket.prefix}cam-{camera}/notes.txt")

    def delete(self, number: int) -> None:
        """An object goes."""
        key = self.some_key(number)
        del self.bucket.objects[key]
        self.due.discard(key)

    def overwrite(self, number: int) -> None:
        """An object is replaced."""
        self.bucket.put(self.some_key(number))

    async def fail(self, number: int) -> None:
        """A run that may not reach the end of all ranges."""
        self.bucket.unreachable = self.some_key(number)
        await auto_run(self.bucket, self.catalog)
        self.bucket.unreachable = ""

    async def run(self, mode: str = "auto") -> None:
        """A run, and what must hold after it."""
        result = await auto_run(self.bucket, self.catalog, mode=mode)
        self.modes.append(result.mode.value)
        rows = self.rows()
        assert result.status is RunStatus.SUCCEEDED
        assert self.due <= rows.keys()
        if result.mode is RunMode.FULL:
            assert rows == self.bucket.images()

    def taken(self, camera: int, minutes: int) -> str:
        """The key of a picture taken so long ago."""
        then = self.bucket.now - timedelta(minutes=minutes)
        return shot(f"{self.bucket.prefix}cam-{camera}", then)

    def some_key(self, number: int) -> str:
        """One that is there."""
        there = sorted(self.bucket.objects)
        return there[number % len(there)]
