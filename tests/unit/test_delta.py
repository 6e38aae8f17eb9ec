"""Delta runs: what they list, what they can't miss, and what is learnt for them."""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate, combinations, pairwise
from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from s3sync_tui.engine.delta import choose_lanes, decide
from s3sync_tui.engine.lanes import MOST_BETWEEN, MOST_LANES, Learner, part_of
from s3sync_tui.engine.order import REGULAR, Stretch, measure, slots_before
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


def directly(pieces: Sequence[Rows], slots: list[str]) -> Stretch | None:
    """Of all ``pieces``, by definition, image by image."""
    keys = [key for piece in pieces for key in piece.keys]
    seconds = [[datetime.fromisoformat(at).timestamp() for at in each.modified] for each in pieces]
    of = [sum(slot <= time for slot in slots) for piece in pieces for time in piece.modified]
    places = range(len(of))
    makers = [next((j for j in places[i:] if of[j] < of[i] - 1), None) for i in places]
    made = {j: frozenset(of[i] for i in places if makers[i] == j) for j in places}
    if any(len(each) >= REGULAR for each in made.values()):
        return None
    recents = [i for i, maker in enumerate(makers) if maker is None and of[i] == len(slots)]
    first = recents[0] if recents else len(of)
    return Stretch(
        len(of),
        keys[-1],
        min(map(min, seconds)),
        max(map(max, seconds)),
        all(min(b) >= max(a) - LOOKBACK.total_seconds() for a, b in combinations(seconds, 2)),
        Counter(slot for slot, maker in zip(of, makers, strict=True) if maker is None),
        Counter(slot for slot, maker in zip(of, makers, strict=True) if maker is not None),
        {slot: made[i] for i, slot in enumerate(of) if all(slot < each for each in of[:i])},
        None if not recents else keys[first - 1] if first else "",
        len(of) - first,
    )


def joined(stretch: Stretch | None, later: Stretch | None) -> Stretch | None:
    if stretch is None or later is None:
        return None
    return stretch.followed_by(later, LOOKBACK.total_seconds())


@st.composite
def nearly_ordered(draw: st.DrawFn, least: int = 1) -> list[datetime]:
    """Times that rise, some of them by leaps, and few that are none of the sort."""
    steps = st.one_of(st.integers(0, 300), st.integers(0, 20_000))
    times = [*accumulate(draw(st.lists(steps, min_size=least, max_size=60)))]
    for at in draw(st.lists(st.integers(0, len(times) - 1), max_size=4)):
        times[at] = draw(st.integers(0, times[-1]))
    return [BEGIN + timedelta(seconds=at) for at in times]


@given(
    st.one_of(nearly_ordered(), st.lists(moments, min_size=1, max_size=30)),
    st.lists(moments, min_size=2, max_size=12, unique=True),
    st.data(),
)
def test_a_stretch_is_the_same_in_one_piece_and_in_any_pieces(
    times: list[datetime], begins: list[datetime], data: st.DataObject
) -> None:
    images, slots = rows(times), [written(time) for time in sorted(begins)]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(times)), max_size=9)) | {0, len(times)})
    cut = [images.slice(a, b) for a, b in pairwise(cuts)]
    pieces = [measure(piece, slots) for piece in cut]
    expected = directly(cut, slots)
    event("no order" if expected is None else "with strays" if expected.strays else "in order")
    assert measure(images, slots) == directly([images], slots)
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
    pages = sorted((page for each in ranges for page in each), key=lambda page: page.span.after)
    while any(ranges):
        learner.take(data.draw(st.sampled_from([each for each in ranges if each])).pop(0))
    slots = slots_before(BEGIN + 20 * HOUR, LOOKBACK)
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
            chosen = [
                [i for i, key in enumerate(page.images.keys) if key in inside] for page in pages
            ]
            pieces = [
                page.images.take(which) for page, which in zip(pages, chosen, strict=True) if which
            ]
            stretch = directly(pieces, slots) if pieces else None
            if stretch is not None:
                expected[part] = stretch
        assert learnt.stretches == expected


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(nearly_ordered(15), st.lists(moments, min_size=15, max_size=30)),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 3),
    st.integers(2, 3),
    st.sampled_from(["a", "c0/", ""]),
    st.data(),
)
def test_what_several_have_learnt_is_what_one_would_have(
    cameras: list[list[datetime]], size: int, many: int, top: str, data: st.DataObject
) -> None:
    objects: dict[str, datetime | None] = {
        f"c{camera}/{n:03}": time
        for camera, times in enumerate(cameras)
        for n, time in enumerate(times)
    }
    objects |= {f"{top}{n}": None for n in range(data.draw(st.integers(0, 5)))}
    keys, until = sorted(objects), max(time for times in cameras for time in times)
    one, *several = (Learner("", until, LOOKBACK) for _ in range(many + 1))
    cuts = data.draw(st.sets(st.sampled_from(keys), max_size=3))
    ranges = [pages_of(span, keys, objects, size) for span in KeyRange().split(cuts)]
    busy = several[0]
    while any(ranges):
        page = data.draw(st.sampled_from([each for each in ranges if each])).pop(0)
        one.take(page)
        busy = data.draw(st.sampled_from([busy] * 9 + several))
        busy.take(page)
    merged, *others = several
    for other in others:
        merged.merge(pickle.loads(pickle.dumps(other)))  # as it comes from another process
    assert [merged.learnt(depth) for depth in range(4)] == [one.learnt(depth) for depth in range(4)]
    lanes = choose_lanes(one, fingerprint="f", full_at=until)
    event(f"depth {lanes.depth}" if lanes.prefixes else "no lanes")
    assert choose_lanes(merged, fingerprint="f", full_at=until) == lanes


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


@pytest.mark.parametrize(
    ("name", "most"), [("{:05}/a.jpg", MOST_LANES), ("{:05}.jpg", MOST_BETWEEN)]
)
def test_what_falls_into_too_many_parts_is_given_up(name: str, most: int) -> None:
    keys = [name.format(n) for n in range(most + 1)]
    low, high = KeyRange().split([keys[most // 2]])

    def learnt(*spans: KeyRange) -> Learner:
        learner = Learner("", BEGIN, LOOKBACK)
        for span in spans:
            learner.take(*pages_of(span, keys, dict.fromkeys(keys, BEGIN), len(keys)))
        return learner

    one, half, none = learnt(low, high), learnt(low), learnt()
    assert half.learnt(1) is not None
    half.merge(learnt(high))
    none.merge(one)
    for learner in (one, half, none):
        assert learner.learnt(0) is not None
        assert learner.learnt(1) is None


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


def test_a_few_strays_make_no_lane_unfit_and_move_no_watermark() -> None:
    bucket = ModelBucket(page_size=50)
    fill(bucket, CAMERAS, 1000, timedelta(minutes=10))
    watermarks = learnt_from(bucket).watermarks
    for n in range(100, 1000, 250):  # four of a thousand, one of them just now
        taken = bucket.now - timedelta(minutes=10) * n
        bucket.put(shot("cam-1", taken), bucket.now - (n - 100) * HOUR / 20)
    for n in range(5):  # and a minute of pictures that came two days late
        taken = bucket.now - 4 * DAY + n * timedelta(seconds=10)
        bucket.put(shot("cam-2", taken), taken + 2 * DAY)
    lanes = learnt_from(bucket)
    assert (lanes.depth, lanes.watermarks, lanes.why_full) == (1, watermarks, "")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("every", [DAY / 2, 7 * DAY])
def test_a_camera_that_sees_little_is_no_stray_of_its_neighbour(
    slash: str, every: timedelta
) -> None:
    """However few its pictures are, they come time and again."""
    bucket = ModelBucket(page_size=50)
    for n in range(2000):
        bucket.put(f"z{slash}{9999 - n}.jpg", bucket.now - n * HOUR)
    for n in range(6):
        bucket.put(f"a{slash}{9999 - n}.jpg", bucket.now - n * every)
    lanes = learnt_from(bucket)
    assert (lanes.depth, lanes.prefixes) == ((1, ["a/", "z/"]) if slash else (0, []))
    assert not lanes.watermarks or lanes.watermarks[0] == ""  # a/ is less than a page


@pytest.mark.parametrize("mixed", [False, True])
def test_what_has_come_long_ago_has_kept_the_order_of_its_own_time(mixed: bool) -> None:
    """From here it looks as if it had come all at once."""
    bucket = ModelBucket(page_size=50)
    for n in range(900):
        nth, day = n % 300, 400 * DAY + n // 300 * DAY
        order = nth * 7919 % 300 if mixed else nth + nth % 7
        came = bucket.now - day + order * timedelta(minutes=2)
        bucket.put(f"fair-{n // 300}/{nth:03}.jpg", came)
    lanes = learnt_from(bucket)
    fairs = [f"fair-{n}/" for n in range(3)]
    assert lanes.prefixes == ([] if mixed else fairs)
    assert lanes.watermarks == ([] if mixed else [f"{fair}299.jpg" for fair in fairs])


def test_order_is_judged_by_what_came_last_however_long_ago_that_is() -> None:
    bucket = ModelBucket(page_size=50)
    for n in range(400):
        bucket.put(f"{n:03}a.jpg", bucket.now - (450 - n) * HOUR)
    bucket.put("400a.jpg")  # alone of its day
    assert learnt_from(bucket).prefixes == [""]
    for n in range(350, 400, 2):  # but before, every third landed anywhere
        bucket.put(f"{n * 7919 % 300:03}b.jpg", bucket.now - (450 - n) * HOUR)
    assert learnt_from(bucket).prefixes == []


def test_times_that_are_none_tell_of_no_order() -> None:
    learner = Learner("", BEGIN, LOOKBACK)
    keys = [f"{n:03}.jpg" for n in range(100)]
    for at in range(0, 100, 10):
        images = Rows(keys[at : at + 10], [""] * 10, [1] * 10, ["", "yesterday"] * 5)
        after = keys[at - 1] if at else ""
        learner.take(ObjectPage(KeyRange(after, keys[at + 9]), images, [], [], 1))
    assert choose_lanes(learner, fingerprint="f", full_at=BEGIN).prefixes == []


def test_a_bucket_that_was_copied_gets_lanes_by_what_came_since() -> None:
    bucket = ModelBucket(page_size=50)
    for n in range(1000):  # by many hands at once, in half a day
        bucket.put(f"{n:05}.jpg", bucket.now - 5 * DAY + n * 7919 % 1000 / 1000 * DAY / 2)
    assert learnt_from(bucket).prefixes == []
    for n in range(96):
        bucket.put(f"{1000 + n:05}.jpg", bucket.now - (95 - n) * HOUR)
    lanes = learnt_from(bucket)
    assert (lanes.prefixes, lanes.watermarks) == ([""], ["01093.jpg"])


@pytest.mark.parametrize("folders", [0, 2])
@pytest.mark.parametrize("history", [HOUR, DAY, 30 * DAY, 2000 * DAY])
@pytest.mark.parametrize("trickle", [0, 5, 50])
def test_a_bucket_of_random_keys_never_gets_lanes(
    folders: int, history: timedelta, trickle: int
) -> None:
    """Not even where most of it came at once, and few have come since."""
    random = Random(f"{folders} {history} {trickle}")
    bucket = ModelBucket(page_size=100)
    for n in range(3000):
        key = f"{random.getrandbits(128):032x}.jpg"
        came = random.random() * 3 * DAY if n < trickle else 3 * DAY + random.random() * history
        bucket.put(f"{key[:folders]}/{key}".lstrip("/"), bucket.now - came)
    lanes = learnt_from(bucket)
    assert (lanes.prefixes, lanes.why_full) == ([], "no part of the bucket keeps the order of time")


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


async def test_a_bucket_with_some_overwrites_and_late_keys_still_gets_deltas() -> None:
    random = Random(7)
    bucket = ModelBucket(page_size=50)
    catalog = ModelCatalog(bucket)
    fill(bucket, CAMERAS, 1000, timedelta(minutes=10))
    start = bucket.now

    def disturb(age: timedelta) -> None:
        """An overwrite and a late key, each of a picture older than a day."""
        came = bucket.now - age
        for late in (timedelta(0), timedelta(seconds=1)):
            nth = random.randint(150, 700)
            taken = start - nth * timedelta(minutes=10)
            if taken < came:
                bucket.put(shot(random.choice(CAMERAS), taken + late), came)

    for age in range(1, 6):
        disturb(DAY * age)
    assert (await auto_run(bucket, catalog)).mode is RunMode.FULL
    for hour in range(5):
        bucket.now += HOUR
        new = {bucket.put(shot(camera, bucket.now)) for camera in CAMERAS}
        if hour == 2:
            disturb(timedelta(0))
        bucket.list_requests = 0
        result = await auto_run(bucket, catalog)
        assert (result.mode, result.status) == (RunMode.DELTA, RunStatus.SUCCEEDED)
        assert new <= catalog.rows.keys()
        assert bucket.list_requests <= 10
    missed = len(bucket.images().items() - catalog.rows.items())
    assert missed == 2  # what came where all is old
    full = await auto_run(bucket, catalog, mode="full")
    assert full.stats.added + full.stats.changed == missed
    assert catalog.rows == bucket.images()
    assert (await auto_run(bucket, catalog)).mode is RunMode.DELTA


async def test_a_delta_that_meets_keys_out_of_order_moves_no_watermark() -> None:
    bucket, catalog = await filled()
    assert catalog.kept is not None
    watermarks = catalog.kept.watermarks
    taken = bucket.now + HOUR
    for _ in range(5):
        bucket.now += HOUR
        for camera in CAMERAS:
            bucket.put(shot(camera, bucket.now))
    bucket.put(shot("cam-1", taken + HOUR / 2))  # four hours after it was taken
    result = await auto_run(bucket, catalog)
    assert (result.mode, catalog.rows) == (RunMode.DELTA, bucket.images())
    moved = [new > old for new, old in zip(catalog.kept.watermarks, watermarks, strict=True)]
    assert moved == [True, False, True]


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
