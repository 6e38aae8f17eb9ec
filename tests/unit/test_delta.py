"""Delta runs: what they list, what they can't miss, and what is learnt for them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from s3sync_tui.engine.delta import choose_lanes, decide
from s3sync_tui.engine.lanes import (
    MOST_BETWEEN,
    MOST_LANES,
    Learner,
    Stretch,
    measure,
    part_of,
    seconds_between,
)
from s3sync_tui.errors import BucketUnreachable
from s3sync_tui.model import KeyRange, Lanes, Level, ObjectPage, Rows, RunMode, RunStatus
from tests.support.model_bucket import (
    BEGIN,
    CAMERAS,
    LOOKBACK,
    ModelBucket,
    ModelCatalog,
    Play,
    Script,
    auto_run,
    fill,
    scripts,
    shot,
    written,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Learning ---------------------------------------------------------------------


def rows(times: list[datetime], keys: list[str] | None = None) -> Rows:
    names = keys or [f"k{n:05}" for n in range(len(times))]
    return Rows(names, names, [1] * len(times), [written(time) for time in times])


moments = st.integers(0, 100_000).map(lambda seconds: BEGIN + timedelta(seconds=seconds))


def directly(images: Rows, recent_from: str) -> Stretch | None:
    """By definition, pair by pair."""
    times = images.modified
    pairs = [(times[j], times[i]) for j in range(len(times)) for i in range(j)]
    if any(seconds_between(*pair) > LOOKBACK.total_seconds() for pair in pairs):
        return None
    recents = [i for i, time in enumerate(times) if time >= recent_from]
    first = recents[0] if recents else len(times)
    return Stretch(
        len(times),
        images.keys[-1],
        min(times),
        max(times),
        None if not recents else images.keys[first - 1] if first else "",
        len(times) - first,
    )


def measured(images: Rows, recent_from: str) -> Stretch | None:
    return measure(images, recent_from, LOOKBACK.total_seconds())


def joined(stretch: Stretch | None, later: Stretch | None) -> Stretch | None:
    if stretch is None or later is None:
        return None
    return stretch.followed_by(later, LOOKBACK.total_seconds())


@st.composite
def nearly_ordered(draw: st.DrawFn) -> list[datetime]:
    """Times that rise, some of them by leaps, and come too early by about the lookback."""
    steps = st.one_of(st.integers(0, 300), st.integers(0, 20_000))
    rising = accumulate(draw(st.lists(steps, min_size=1, max_size=60)))
    early = st.one_of(st.integers(0, 600), st.integers(0, 3700))
    return [BEGIN + timedelta(seconds=at - draw(early)) for at in rising]


@given(st.one_of(nearly_ordered(), st.lists(moments, min_size=1, max_size=30)), moments, st.data())
def test_a_stretch_is_the_same_in_one_piece_and_in_any_pieces(
    times: list[datetime], recent_from: datetime, data: st.DataObject
) -> None:
    images, since = rows(times), written(recent_from)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(times)), max_size=9)) | {0, len(times)})
    pieces = [measured(images.slice(a, b), since) for a, b in pairwise(cuts)]
    expected = directly(images, since)
    event("ordered" if expected else "not ordered")
    assert measured(images, since) == expected
    while len(pieces) > 1:  # in any order of merging
        at = data.draw(st.integers(0, len(pieces) - 2))
        pieces[at : at + 2] = [joined(pieces[at], pieces[at + 1])]
    assert pieces == [expected]


names = (
    st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=5)
    .map("/".join)
    .filter(bool)
)


@settings(max_examples=200)
@given(
    st.dictionaries(names, st.one_of(st.none(), moments), max_size=40),
    st.sampled_from(["", "a", "a/"]),
    st.data(),
)
def test_pages_in_any_order_between_ranges_teach_what_all_keys_at_once_do(
    objects: dict[str, datetime | None], prefix: str, data: st.DataObject
) -> None:
    keys = sorted(key for key in objects if key.startswith(prefix))
    learner = Learner(prefix, BEGIN + 20 * HOUR, LOOKBACK)
    cuts = data.draw(st.sets(st.sampled_from(keys), max_size=4)) if keys else set()
    ranges = [
        pages_of(span, keys, objects, data.draw(st.integers(1, 4)))
        for span in KeyRange().split(cuts)
    ]
    while any(ranges):
        learner.take(data.draw(st.sampled_from([each for each in ranges if each])).pop(0))
    since = written(BEGIN + 19 * HOUR)[:19]
    for depth in range(4):
        learnt = learner.learnt(depth)
        assert learnt is not None
        parts: dict[str | None, list[str]] = {}
        for key in keys:
            parts.setdefault(part_of(key, prefix, depth), []).append(key)
        assert learnt.between == len(parts.pop(None, []))
        assert learnt.objects == {part: len(inside) for part, inside in parts.items()}
        expected = {}
        for part, inside in parts.items():
            times = {key: time for key in inside if (time := objects[key]) is not None}
            if times:
                stretch = directly(rows([*times.values()], [*times]), since)
                if stretch is not None:
                    expected[part] = stretch
        assert learnt.stretches == expected


def pages_of(
    span: KeyRange, keys: list[str], objects: dict[str, datetime | None], size: int
) -> list[ObjectPage]:
    inside = [key for key in keys if key in span]
    chunks = [inside[i : i + size] for i in range(0, len(inside), size)] or [[]]
    after, made = span.after, []
    for chunk in chunks:
        up_to = span.up_to if chunk is chunks[-1] else chunk[-1]
        times = {key: time for key in chunk if (time := objects[key]) is not None}
        others = [key for key in chunk if key not in times]
        images = rows([*times.values()], [*times])
        made.append(ObjectPage(KeyRange(after, up_to), images, others, [], 1))
        after = up_to
    return made


@pytest.mark.parametrize("name", ["{:05}/a.jpg", "{:05}.jpg"])
def test_what_falls_into_too_many_parts_is_given_up(name: str) -> None:
    learner = Learner("", BEGIN, LOOKBACK)
    keys = [name.format(n) for n in range(max(MOST_LANES, MOST_BETWEEN) + 1)]
    images = rows([BEGIN] * len(keys), keys)
    learner.take(ObjectPage(KeyRange(), images, [], [], 1))
    assert learner.learnt(0) is not None
    assert learner.learnt(1) is None


def test_a_time_that_is_none_is_no_order() -> None:
    images = Rows(["a", "b"], ["", ""], [1, 1], ["yesterday", "today"])
    assert measured(images, "z") is None
    first, second = (measured(images.slice(n, n + 1), "z") for n in (0, 1))
    assert joined(first, second) is None


# Choosing ---------------------------------------------------------------------


def learnt_from(bucket: ModelBucket) -> Lanes:
    learner = Learner(bucket.prefix, bucket.now, LOOKBACK)

    async def listed() -> None:
        async for page in bucket.pages(KeyRange.of_prefix(bucket.prefix)):
            learner.take(page)

    asyncio.run(listed())
    return choose_lanes(learner, fingerprint="f", full_at=bucket.now)


def test_lanes_are_the_shallowest_parts_in_order() -> None:
    bucket = ModelBucket("site/")
    fill(bucket, CAMERAS, 60, HOUR)
    lanes = learnt_from(bucket)
    assert (lanes.depth, lanes.why_full) == (1, "")
    assert lanes.prefixes == [f"site/{camera}/" for camera in CAMERAS]
    before_last = bucket.now - 2 * HOUR  # an hour ago is just within the lookback
    assert lanes.watermarks == [shot(f"site/{camera}", before_last) for camera in CAMERAS]


def test_flat_keys_in_order_are_one_lane() -> None:
    bucket = ModelBucket()
    for n in range(100):
        bucket.put(f"{n:04}.jpg", bucket.now - (100 - n) * HOUR)
    lanes = learnt_from(bucket)
    assert (lanes.depth, lanes.prefixes, lanes.watermarks) == (0, [""], ["0098.jpg"])


def test_where_keys_are_random_there_are_no_lanes() -> None:
    bucket = ModelBucket()
    for n in range(100):
        bucket.put(f"{n * 7919 % 1000:04}.jpg", bucket.now - n * HOUR)
    lanes = learnt_from(bucket)
    assert (lanes.prefixes, lanes.why_full) == ([], "no part of the bucket keeps the order of time")
    assert lanes.watermarks == []


def test_a_small_part_without_order_is_listed_whole() -> None:
    bucket = ModelBucket()
    fill(bucket, CAMERAS, 60, HOUR)
    for n in range(20):
        bucket.put(f"odd/{n * 7919 % 1000:04}.jpg", bucket.now - n * HOUR)
    lanes = learnt_from(bucket)
    assert lanes.prefixes[-1] == "odd/"
    assert [bool(after) for after in lanes.watermarks] == [True, True, True, False]


def test_what_came_all_at_once_has_shown_no_order() -> None:
    bucket = ModelBucket()
    for n in range(100):
        bucket.put(f"{n:04}.jpg", bucket.now - 9 * DAY)
    assert learnt_from(bucket).prefixes == []


@pytest.mark.parametrize(
    ("pictures", "every", "why"),
    [
        (40, timedelta(minutes=4), "too much of the bucket is newer than the lookback"),
        (4, HOUR, ""),
    ],
)
def test_lanes_may_not_be_worth_a_delta(pictures: int, every: timedelta, why: str) -> None:
    bucket = ModelBucket()
    fill(bucket, CAMERAS, pictures, every)
    lanes = learnt_from(bucket)
    assert lanes.why_full == (why or "no part of the bucket keeps the order of time")


# Deciding ---------------------------------------------------------------------

KNOWN = Lanes("f", BEGIN, 1, ["a/", "b/"], ["a/1", "b/1"], "")


@pytest.mark.parametrize(
    ("choice", "lanes", "hours", "mode", "reason"),
    [
        ("full", KNOWN, 1, "full", "as asked"),
        ("auto", None, 1, "full", "no full run has succeeded yet"),
        ("delta", None, 1, "full", "no full run has succeeded yet"),
        ("auto", KNOWN, 3, "delta", "2 lanes, last full run 3 h ago"),
        ("auto", KNOWN, 25, "full", "the last one was 1 d ago"),
        ("auto", KNOWN, -1, "full", "the last one was a moment ago"),
        ("delta", KNOWN, 50, "delta", "as asked; 2 lanes, last full run 2 d ago"),
        ("auto", Lanes("f", BEGIN, 0, [""], ["x"], "it costs little more"), 1, "full", "it costs"),
        ("delta", Lanes("f", BEGIN, 0, [""], ["x"], "it costs"), 1, "delta", "as asked; 1 lane,"),
        ("delta", Lanes("f", BEGIN, 0, [], [], "no order"), 1, "full", "no order"),
        ("delta", Lanes("g", BEGIN, 0, [""], ["x"], ""), 1, "full", "endpoint, patterns or look"),
    ],
)
def test_auto_is_delta_where_that_will_do(
    choice: str, lanes: Lanes | None, hours: int, mode: str, reason: str
) -> None:
    decision = decide(
        choice,  # type: ignore[arg-type]
        lanes,
        fingerprint="f",
        now=BEGIN + hours * HOUR,
        full_every=DAY,
    )
    assert decision.mode == mode
    assert decision.reason.startswith(reason)


# Running ----------------------------------------------------------------------


async def filled(**options: object) -> tuple[ModelBucket, ModelCatalog]:
    """A bucket, and a catalog after its first run."""
    bucket = ModelBucket()
    catalog = ModelCatalog(bucket)
    fill(bucket, CAMERAS, 60, HOUR)
    assert (await auto_run(bucket, catalog, **options)).mode is RunMode.FULL
    return bucket, catalog


async def test_a_delta_lists_next_to_nothing_and_finds_all_that_is_new() -> None:
    bucket, catalog = await filled()
    bucket.now += HOUR
    new = [bucket.put(shot(camera, bucket.now)) for camera in CAMERAS]
    new += [bucket.put("cam-9/2026/a.jpg"), bucket.put("top.jpg"), bucket.put("cam-1.jpg")]
    bucket.list_requests = 0
    result = await auto_run(bucket, catalog)
    assert (result.mode, result.mode_reason) == (RunMode.DELTA, "3 lanes, last full run 1 h ago")
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, len(new))
    assert catalog.rows == bucket.images()
    # The level, four lanes and two gaps; more than a page only where it does not fit.
    assert bucket.list_requests <= 1 + 4 + 2
    assert result.stats.total == len(new) + 2 * len(CAMERAS)  # those of the last hour, too


async def test_watermarks_advance_with_delta_runs_alone() -> None:
    bucket, catalog = await filled()
    for _ in range(10):
        bucket.now += HOUR
        for camera in CAMERAS:
            bucket.put(shot(camera, bucket.now))
        result = await auto_run(bucket, catalog)
        assert (result.mode, result.stats.added, result.stats.total) == ("delta", 3, 9)
    assert catalog.rows == bucket.images()


async def test_a_range_that_failed_moves_no_watermark() -> None:
    bucket, catalog = await filled()
    before = catalog.kept
    bucket.now += 3 * HOUR
    bucket.unreachable = bucket.put(shot("cam-1", bucket.now))
    bucket.put(shot("cam-2", bucket.now))
    result = await auto_run(bucket, catalog)
    assert (result.mode, result.status) == (RunMode.DELTA, RunStatus.FAILED)
    assert catalog.kept == before
    bucket.unreachable = ""
    assert (await auto_run(bucket, catalog)).stats.added == 1
    assert catalog.rows == bucket.images()


async def test_a_bucket_that_does_not_answer_ends_a_delta_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket, catalog = await filled()

    async def level(prefix: str) -> Level | None:
        raise BucketUnreachable("No answer.", hint="Wait.")

    monkeypatch.setattr(bucket, "level", level)
    result = await auto_run(bucket, catalog)
    assert (result.mode, result.status) == (RunMode.DELTA, RunStatus.FAILED)
    assert (result.error, result.hint, result.exit_code) == ("No answer.", "Wait.", 3)


async def test_gone_is_only_what_a_delta_has_looked_for() -> None:
    bucket, catalog = await filled()
    old, young = (sorted(bucket.objects)[n] for n in (0, -1))
    del bucket.objects[old], bucket.objects[young]
    bucket.now += timedelta(minutes=5)
    assert (await auto_run(bucket, catalog)).stats.gone == 1
    assert old in catalog.rows
    assert young not in catalog.rows
    assert (await auto_run(bucket, catalog, mode="full")).stats.gone == 1
    assert catalog.rows == bucket.images()


async def test_what_changes_what_images_there_are_asks_for_a_full_run() -> None:
    bucket, catalog = await filled(fingerprint="one")
    bucket.now += HOUR
    assert (await auto_run(bucket, catalog, fingerprint="two")).mode is RunMode.FULL
    assert (await auto_run(bucket, catalog, fingerprint="two")).mode is RunMode.DELTA


async def test_a_flood_of_new_parts_is_listed_as_one() -> None:
    bucket, catalog = await filled()
    bucket.now += HOUR
    for n in range(MOST_LANES):
        bucket.put(f"new-{n:05}/a.jpg")
    result = await auto_run(bucket, catalog)
    assert (result.mode, result.stats.added) == (RunMode.DELTA, MOST_LANES)
    assert catalog.rows == bucket.images()
    assert (await auto_run(bucket, catalog)).mode is RunMode.FULL


async def test_a_dry_run_keeps_nothing() -> None:
    bucket, catalog = await filled()
    bucket.now += HOUR
    before = catalog.kept
    bucket.put(shot("cam-0", bucket.now))
    result = await auto_run(bucket, catalog, dry_run=True)
    assert (result.mode, result.stats.added) == (RunMode.DELTA, 1)
    assert catalog.kept == before


# The model --------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(scripts, st.integers(-7200, 7200), st.sampled_from(["", "p/q"]))
def test_no_key_that_comes_within_the_lookback_is_lost_and_a_full_run_mends_the_rest(
    script: Script, skew: int, prefix: str
) -> None:
    """Whatever happens in between: late keys, deletions, clocks that differ."""
    bucket = ModelBucket(prefix)
    catalog = ModelCatalog(bucket, timedelta(seconds=skew))
    play = Play(bucket, catalog, lambda: catalog.rows)
    asyncio.run(play.perform(script))
    for mode in play.modes:
        event(mode)
