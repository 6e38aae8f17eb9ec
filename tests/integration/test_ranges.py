"""Many ranges at once: every key exactly once, and one failing range fails alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from listing_stub import CameraKeys, HashedKeys, ListingStub

from s3sync_tui.errors import BucketDenied, BucketError, BucketUnreachable
from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.plan import LIKELY_AT_FIRST, LIKELY_PER_PAGE
from s3sync_tui.source.ranges import Listing
from s3sync_tui.source.s3 import S3Source
from s3sync_tui.source.selection import Selection
from s3sync_tui.source.waste import AT_FIRST, BEYOND, PER_PAGE
from tests.support.list_source import ListSource


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.delenv("AWS_PROFILE", raising=False)
        yield


class Listed:
    """Collects what is delivered and what fails."""

    def __init__(self) -> None:
        self.pages: list[ObjectPage] = []
        self.failures: list[tuple[KeyRange, BucketError]] = []

    async def deliver(self, page: ObjectPage) -> None:
        self.pages.append(page)

    def failed(self, span: KeyRange, error: BucketError) -> None:
        self.failures.append((span, error))

    @property
    def keys(self) -> list[str]:
        return [key for page in self.pages for key in page.images.keys]

    def covered(self) -> list[KeyRange]:
        """Everything delivered or failed, in key order, neighbours joined."""
        spans = sorted(
            [page.span for page in self.pages] + [span for span, _ in self.failures],
            key=lambda span: (span.after, span.up_to),
        )
        joined: list[KeyRange] = []
        for span in spans:
            if joined and joined[-1].up_to == span.after:
                joined[-1] = KeyRange(joined[-1].after, span.up_to)
            else:
                joined.append(span)
        return joined


class Bench:
    """One stub and one source for many examples: a source takes a while to make."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.stub = ListingStub([])
        port = self.runner.run(self.stub.start())
        self.source = S3Source(
            "stub-bucket",
            endpoint=f"http://127.0.0.1:{port}",
            selection=Selection(["*.jpg"]),
            concurrency=4,
            page_size=3,
            retry_base_seconds=0.001,
        )

    def close(self) -> None:
        self.runner.run(self.source.close())
        self.runner.run(self.stub.close())
        self.runner.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


# Few characters, so that prefixes, neighbours and equal cuts are common.
KEY = st.text("ab/ +%\n\x01é\ue000😀", min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(
    names=st.sets(KEY, max_size=25),
    suffixes=st.randoms(use_true_random=False),
    cuts=st.lists(KEY, max_size=6),
    prefix=st.one_of(st.just(""), KEY.map(lambda key: key[:1])),
    slow=st.booleans(),
)
def test_every_key_is_listed_exactly_once_however_the_ranges_are_cut(
    bench: Bench,
    names: set[str],
    suffixes: object,
    cuts: list[str],
    prefix: str,
    slow: bool,
) -> None:
    keys = sorted(name + (".jpg" if i % 3 else ".txt") for i, name in enumerate(sorted(names)))
    bench.stub.keys = keys
    bench.stub.slowdown_rate = 0.1 if slow else 0
    bench.source.prefix = prefix
    whole, listed = KeyRange.of_prefix(prefix), Listed()
    bench.runner.run(
        Listing(
            bench.source,
            whole.split(cuts),
            concurrency=4,
            deliver=listed.deliver,
            failed=listed.failed,
        ).run()
    )
    ours = [key for key in keys if key.startswith(prefix)]
    assert sorted(listed.keys) == [key for key in ours if key.endswith(".jpg")]
    others = sorted(key for page in listed.pages for key in page.others)
    assert others == [key for key in ours if key.endswith(".txt")]
    assert listed.covered() == [whole]
    assert all(key in page.span for page in listed.pages for key in page.images.keys + page.others)


async def test_cuts_from_the_bucket_list_it_whole() -> None:
    for keys, parts in ((CameraKeys(20_000), 6), (HashedKeys(20_000), 1)):
        stub, listed = ListingStub(keys), Listed()
        endpoint = f"http://127.0.0.1:{await stub.start()}"
        source = S3Source("stub-bucket", endpoint=endpoint, concurrency=4)
        spans = KeyRange().split(await source.split_points(KeyRange(), 6))
        assert len(spans) == parts
        await Listing(
            source, spans, concurrency=4, deliver=listed.deliver, failed=listed.failed
        ).run()
        assert sorted(listed.keys) == list(keys)
        assert listed.covered() == [KeyRange()]
        await source.close()
        await stub.close()


# Keys as cameras, clocks and hashes write them, with gaps and folders, and as nobody would.
NAME = st.one_of(
    st.text("ab/é\ue000😀", min_size=1, max_size=6),
    st.integers(0, 10**6).map(lambda n: f"cam-{n % 3}/{n // 3:06}"),
    st.integers(0, 10**9).map(lambda n: f"2026{n:09}"),
    st.uuids(version=4).map(str),
)


@settings(max_examples=40, deadline=None)
@given(
    names=st.sets(NAME, max_size=300),
    run=st.integers(0, 300),
    cuts=st.lists(NAME, max_size=6),
    concurrency=st.integers(1, 40),
)
def test_who_has_nothing_to_do_takes_over_and_every_key_still_comes_once(
    bench: Bench, names: set[str], run: int, cuts: list[str], concurrency: int
) -> None:
    keys = sorted({f"{name}.jpg" for name in names} | {f"run/{i:05}.jpg" for i in range(run)})
    bench.stub.keys, bench.stub.slowdown_rate, bench.source.prefix = keys, 0, ""
    before, listed, spans = bench.source.list_requests, Listed(), KeyRange().split(cuts)
    bench.runner.run(
        Listing(
            bench.source,
            spans,
            concurrency=concurrency,
            deliver=listed.deliver,
            failed=listed.failed,
        ).run()
    )
    assert sorted(listed.keys) == keys
    assert listed.covered() == [KeyRange()]
    pages = len(keys) // 3
    asked = bench.source.list_requests - before
    # One for the end of each range; and cuts, which are bounded by what they waste.
    likely = LIKELY_AT_FIRST + LIKELY_PER_PAGE * asked
    assert asked - pages <= len(spans) + 1 + 2 * BEYOND * (AT_FIRST + 1 + PER_PAGE * likely)


@pytest.mark.parametrize("keys", [CameraKeys(60_000), HashedKeys(60_000)])
async def test_a_bucket_that_nothing_is_known_of_is_soon_listed_by_many(
    keys: Sequence[str],
) -> None:
    stub, listed = ListingStub(keys, latency_seconds=0.02), Listed()
    endpoint = f"http://127.0.0.1:{await stub.start()}"
    source = S3Source("stub-bucket", endpoint=endpoint, concurrency=16, page_size=100)
    spans = KeyRange().split(await source.split_points(KeyRange(), 16))
    await Listing(source, spans, concurrency=16, deliver=listed.deliver, failed=listed.failed).run()
    assert sorted(listed.keys) == list(keys)
    # In the order in which they came: had one listed all, these would follow on one another.
    neighbours = sum(a.span.up_to == b.span.after for a, b in pairwise(listed.pages))
    assert neighbours < len(listed.pages) / 2
    assert source.list_requests <= 1.2 * len(keys) / 100
    await source.close()
    await stub.close()


async def test_a_bucket_of_moto_is_listed_in_parallel() -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket("parallel", "us-east-1")
    keys = [f"{folder}/{i:03}.jpg" for folder in "abcd" for i in range(50)]
    for key in keys:
        backend.put_object("parallel", key, b"")
    endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    source, listed = S3Source("parallel", endpoint=endpoint, page_size=20), Listed()
    await source.open()
    cuts = await source.split_points(KeyRange(), 4)
    await Listing(
        source,
        KeyRange().split(cuts),
        concurrency=4,
        deliver=listed.deliver,
        failed=listed.failed,
    ).run()
    await source.close()
    server.stop()
    assert cuts
    assert sorted(listed.keys) == keys


async def test_a_failed_range_names_what_was_not_delivered_and_the_others_go_on() -> None:
    gone = BucketUnreachable("no answer")
    source = ListSource([*"abcdef"], {"c": gone})
    listed = Listed()
    await Listing(
        source,
        [KeyRange("", "d"), KeyRange("d")],
        concurrency=1,
        deliver=listed.deliver,
        failed=listed.failed,
    ).run()
    assert listed.failures == [(KeyRange("b", "d"), gone)]
    assert listed.keys == ["a", "b", "e", "f"]
    assert listed.covered() == [KeyRange()]


@pytest.mark.parametrize("fault", [BucketDenied("no"), BucketError("odd"), ValueError("bug")])
async def test_what_concerns_the_whole_bucket_ends_the_listing(fault: Exception) -> None:
    source = ListSource([*"abcdef"], {"b": fault, "e": fault})
    listed = Listed()
    with pytest.raises(type(fault)) as caught:
        await Listing(
            source,
            [KeyRange("", "c"), KeyRange("c")],
            concurrency=2,
            deliver=listed.deliver,
            failed=listed.failed,
        ).run()
    assert caught.value is fault
    assert listed.failures == []


async def test_a_fault_of_the_receiver_is_raised_as_it_is() -> None:
    async def deliver(_page: ObjectPage) -> None:
        raise BucketUnreachable("not of this bucket")

    failures = Listed()
    with pytest.raises(BucketUnreachable, match="not of this bucket"):
        await Listing(
            ListSource(["a"]),
            [KeyRange()],
            concurrency=2,
            deliver=deliver,
            failed=failures.failed,
        ).run()
    assert failures.failures == []


async def test_a_slow_receiver_holds_the_listing_back_and_cancelling_ends_it() -> None:
    started = asyncio.Event()
    most = now = 0

    async def deliver(_page: ObjectPage) -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        started.set()
        await asyncio.sleep(3600)

    listing = asyncio.create_task(
        Listing(
            ListSource([*"abcdef"]),
            KeyRange().split("abcdef"),
            concurrency=3,
            deliver=deliver,
            failed=Listed().failed,
        ).run()
    )
    await started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert most == 3
    listing.cancel()
    done, _ = await asyncio.wait([listing], timeout=10)
    assert listing in done
    assert listing.cancelled()


async def test_nothing_to_list_is_done_at_once() -> None:
    listed = Listed()
    await Listing(
        ListSource(["a"]), [], concurrency=8, deliver=listed.deliver, failed=listed.failed
    ).run()
    assert listed.pages == []
