"""Made-up data for the screens: always the same, at a time that stands still."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import pi, sin

from s3sync_tui.events import PhaseProgress
from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.insight.cost import Cost
from s3sync_tui.insight.growth import Arrivals, Growth, Period, Projection, Rate
from s3sync_tui.insight.health import Health
from s3sync_tui.model import LAST_KEY, RunRecord, RunStats, RunStatus
from s3sync_tui.phases import Phase, PhaseRecord
from s3sync_tui.tui.state import Standing, State

NOW = datetime(2026, 11, 24, 14, 5, 30, tzinfo=UTC)
BUCKET = "camera-images"
CATALOG = "supabase myproj.images"
DENIED = "The bucket camera-images denies listing (AccessDenied)."
DENIED_HINT = (
    "Allow s3:ListBucket on arn:aws:s3:::camera-images for the identity "
    "arn:aws:iam::123456789012:user/sync, or choose another profile with --profile."
)


def now() -> datetime:
    """The time that stands still."""
    return NOW


def stats(number: int = 0, *, total: int = 48_210_332, added: int = 742) -> RunStats:
    """Of a run that went well."""
    return RunStats(
        total=total,
        added=added,
        changed=number % 4,
        gone=12 if number % 5 == 0 else 0,
        rejected=0,
        list_requests=1201 + number,
        cost_usd=0.006 + 0.0004 * (number % 3),
        duration_seconds=3.2 + 0.4 * (number % 7),
    )


def run(
    number: int,
    *,
    status: RunStatus = RunStatus.SUCCEEDED,
    started_at: datetime | None = None,
    figures: RunStats | None = None,
    error: str = "",
    hint: str = "",
    holder: str = "ingest-1:4711",
) -> RunRecord:
    """One run; the higher its number, the newer."""
    started = started_at or NOW - timedelta(minutes=5 * (1204 - number), seconds=126)
    figures = figures or stats(number, total=48_210_332 - (1204 - number) * 750)
    is_running = status is RunStatus.RUNNING
    ended = started + timedelta(seconds=figures.duration_seconds)
    return RunRecord(
        run_id=number,
        bucket=BUCKET,
        prefix="",
        mode="full",
        status=status,
        holder=holder,
        started_at=started,
        heartbeat_at=NOW - timedelta(seconds=2) if is_running else ended,
        finished_at=None if is_running else ended,
        stats=figures,
        error=error,
        hint=hint,
        details={},
    )


def runs(number: int = 40) -> list[RunRecord]:
    """The newest first, with a few that went wrong."""
    made = []
    for run_id in range(1204, 1204 - number, -1):
        match run_id:
            case 1199:
                made.append(run(run_id, status=RunStatus.FAILED, error=DENIED, hint=DENIED_HINT))
            case 1193:
                made.append(
                    run(run_id, status=RunStatus.CANCELLED, figures=stats(total=9_120_000, added=0))
                )
            case 1190:
                made.append(
                    run(run_id, status=RunStatus.INTERRUPTED, figures=stats(total=31_000, added=31))
                )
            case 1186:
                made.append(
                    run(
                        run_id,
                        figures=RunStats(48_196_000, 1_204_518, 3, 12, 1, 48_201, 0.241, 184.2),
                    )
                )
            case _:
                made.append(run(run_id))
    return made


def health() -> Health:
    """Of everything something."""
    ok, warn, fail, unknown = (
        CheckStatus.OK,
        CheckStatus.WARN,
        CheckStatus.FAIL,
        CheckStatus.UNKNOWN,
    )
    sql = ("revoke all on public.images from anon;",)
    return Health(NOW, [
        Check("anon_access", "Shut to anon", fail, "anon can read images",
              "Whoever has the public key reads every row.", "Take the right away.", sql),
        Check("vacuum", "Rows are vacuumed", warn, "12 % of pages not all-visible",
              "Digests are read from the index alone only where VACUUM has marked pages "
              "all-visible: three times as fast.", "Vacuum it, which stops nobody.",
              ('vacuum (analyze) public."images";',)),
        Check("quota", "Room in the database", warn, "21.4 GB of 25.0 GB used, full in 34 days",
              "A Supabase project over its quota becomes read-only.",
              "Make room: raise the quota, or move old rows elsewhere."),
        Check("region", "Bucket and catalog are near", unknown, "the catalog's region is not known",
              "Every round trip between far regions costs a tenth of a second."),
        Check("schema", "Schema is complete", ok, "version 3", "Everything else rests on it."),
        Check("unique", "filename is unique", ok, "images_filename_key, valid",
              "It keeps duplicates out, whatever happens."),
        Check("collation", "filename sorts as S3 does", ok, 'collation "C"',
              "Key ranges must mean the same on both sides."),
        Check("indexes", "Indexes are there and used", ok, "2 indexes, all valid", "Speed."),
        Check("bucket", "Bucket can be listed", ok, "ListBucket in 41 ms", "Nothing goes without."),
        Check("clocks", "Clocks agree", ok, "bucket +0.2 s, catalog -0.1 s",
              "Leases and times rest on them."),
        Check("schedule", "Runs come in time", ok, "every 5 min, last 2 min ago",
              "What does not run does not sync."),
        Check("newest", "The newest keys are in the table", ok, "100 of 100", "The proof."),
        Check("statistics", "Statistics of the table", ok, "there", "The planner needs them."),
        Check("ids", "Numbers left for new rows", ok, "64 bits: enough for ever", "Inserts end."),
    ])  # fmt: skip


def all_well() -> Health:
    """Nothing to do."""
    return Health(NOW, [c for c in health().checks if c.status is CheckStatus.OK])


def growth(*, quota: int | None = 25_000_000_000, images: int = 48_210_332) -> Growth:
    """About 9,000 an hour, more by day than by night, less on Sundays."""
    chance = random.Random(7)
    hour = NOW.replace(minute=0, second=0)
    hours = [hour - timedelta(hours=back) for back in range(167, -1, -1)]
    by_hour = [
        round(9000 * (1 + 0.25 * sin((at.hour - 8) / 24 * 2 * pi) + chance.uniform(-0.06, 0.06)))
        for at in hours
    ]
    by_hour[-1] = 812
    midnight = hour.replace(hour=0)
    days = [midnight - timedelta(days=back) for back in range(91, -1, -1)]
    by_day = [
        round((168_000 if at.weekday() == 6 else 219_000) * (1 + chance.uniform(-0.07, 0.07)))
        for at in days
    ]
    by_day[-1] = 143_220
    monday = midnight - timedelta(days=midnight.weekday())
    weeks = [monday - timedelta(weeks=back) for back in range(51, -1, -1)]
    by_week = [round(1_190_000 + 5_500 * n + chance.uniform(-6e4, 6e4)) for n in range(52)]
    by_week[-1] = 371_000
    months = [datetime(2025 + (n // 12), n % 12 + 1, 1, tzinfo=UTC) for n in range(3, 23)]
    by_month = [round(4_900_000 + 82_000 * n + chance.uniform(-2e5, 2e5)) for n in range(20)]
    by_month[-1] = 5_020_000

    def arrivals(period: Period, starts: list[datetime], counts: list[int]) -> Arrivals:
        return Arrivals(period, starts, counts, [n * 2_000_000 for n in counts])

    return Growth(
        at=NOW,
        images=images,
        size_bytes=images * 2_000_000,
        today=143_220,
        database_bytes=21_400_000_000,
        bytes_per_row=444.0,
        quota_bytes=quota,
        full_in_days=34.2 if quota else None,
        newest_at=NOW - timedelta(seconds=92),
        rates=[Rate(1, 9012.0), Rate(24, 8870.0), Rate(168, 8912.4), Rate(720, 8640.1)],
        projections=[
            _projection(images, 7, 1_510_000, 118_000, 22_070_000_000),
            _projection(images, 30, 6_470_000, 340_000, 24_270_000_000),
            _projection(images, 90, 19_410_000, 1_030_000, 30_020_000_000),
        ],
        arrivals={
            Period.HOUR: arrivals(Period.HOUR, hours, by_hour),
            Period.DAY: arrivals(Period.DAY, days, by_day),
            Period.WEEK: arrivals(Period.WEEK, weeks, by_week),
            Period.MONTH: arrivals(Period.MONTH, months, by_month),
        },
        whole_database_bytes=21_400_000_000,
    )  # fmt: skip


def _projection(images: int, days: int, added: int, half: int, database: int) -> Projection:
    ahead = images + added
    return Projection(days, ahead, ahead - half, ahead + half, database)


def no_growth() -> Growth:
    """Of an empty catalog."""
    nothing = {period: Arrivals(period, [], [], []) for period in Period}
    rates = [Rate(window, None) for window in (1, 24, 168, 720)]
    return Growth(NOW, 0, 0, 0, 98_304, 0.0, 500_000_000, None, None, rates, [], nothing, 8_400_000)


def cost() -> Cost:
    """A run every five minutes."""
    return Cost(0.006, 1.71, 1.94, 300.0)


def no_cost() -> Cost:
    """Nothing has run."""
    return Cost(None, 0.0, None, None)


def progress(elapsed: float = 30.1) -> list[PhaseProgress]:
    """Of a run that is well under way."""

    def at(
        phase: Phase, done: int, expected: int | None, share: float, rate: float
    ) -> PhaseProgress:
        return PhaseProgress(phase, done, expected, share, rate, 1201, 0.006005, elapsed)

    return [
        at(Phase.LIST, 34_711_439, 48_210_332, 0.72, 412_000 * 27),
        at(Phase.DEDUPE, 30_854_612, 48_210_332, 0.64, 9_912_000),
        at(Phase.INSERT, 742, None, 0.41, 1_800),
    ]


def progress_at(step: int) -> list[PhaseProgress]:
    """On the way there: rates rise, dip once, and settle."""
    rise = min(1.0, 0.2 + step / 12) * (0.55 if 30 <= step < 36 else 1.0)
    wave = rise * (1 + 0.08 * sin(step / 3))
    shares = {Phase.LIST: 0.72, Phase.DEDUPE: 0.64, Phase.INSERT: 0.41}
    tops = {Phase.LIST: 11_124_000, Phase.DEDUPE: 9_912_000, Phase.INSERT: 1_800}
    return [
        PhaseProgress(
            phase, 0, None, shares[phase] * step / 60, tops[phase] * wave, step, 0.0, step * 0.5
        )
        for phase in Phase
    ]


def first_progress() -> list[PhaseProgress]:
    """Of a first sync: nobody knows the total."""

    def at(
        phase: Phase, done: int, expected: int | None, share: float, rate: float
    ) -> PhaseProgress:
        return PhaseProgress(phase, done, expected, share, rate, 9_120, 0.0456, 22.4)

    return [
        at(Phase.LIST, 9_120_000, 9_118_000, 0.19, 412_311),
        at(Phase.DEDUPE, 9_093_000, 9_118_000, 0.185, 409_870),
        at(Phase.INSERT, 8_700_000, None, 0.176, 391_002),
    ]


def state(standing: Standing) -> State:
    """What is told with each standing."""
    last = run(1204)
    ago = NOW - timedelta(minutes=2, seconds=6)
    soon = NOW + timedelta(seconds=12)
    match standing:
        case Standing.CONNECTING | Standing.NEVER_RUN | Standing.SYNCING | Standing.CANCELLING:
            return State(standing)
        case Standing.IN_SYNC:
            return State(standing, ago, last)
        case Standing.BEHIND:
            return State(standing, NOW - timedelta(hours=3), last)
        case Standing.CANCELLED:
            stopped = run(
                1205, status=RunStatus.CANCELLED, figures=stats(total=9_120_000, added=31)
            )
            return State(standing, ago, stopped)
        case Standing.FAILED:
            failed = run(1205, status=RunStatus.FAILED, figures=RunStats(duration_seconds=0.4))
            return State(standing, ago, failed, DENIED, DENIED_HINT)
        case Standing.CATALOG_UNREACHABLE:
            error = "The catalog at db.myproj.supabase.co:5432 does not answer: connection refused."
            hint = "Is the project paused? Wake it in the dashboard, or use the pooler's address."
            return State(standing, ago, None, error, hint, soon)
        case Standing.BUCKET_UNREACHABLE:
            error = "The endpoint s3.eu-central-1.amazonaws.com can't be reached: name not known."
            return State(standing, ago, None, error, "Check the network and the endpoint.", soon)
        case Standing.SCHEMA_MISSING:
            error = "The table images has no column etag, and 11 functions are missing."
            return State(standing, None, None, error)
        case Standing.OTHER_HOST:
            started = NOW - timedelta(seconds=41)
            theirs = run(
                1205,
                status=RunStatus.RUNNING,
                started_at=started,
                figures=RunStats(total=21_400_000, added=311),
                holder="ingest-2:811",
            )
            return State(standing, started, theirs)


def log_record(level: int, words: str, seconds: int) -> logging.LogRecord:
    """A line of the log."""
    record = logging.LogRecord("s3sync_tui", level, __file__, 1, words, None, None)
    record.created = (NOW - timedelta(seconds=seconds)).timestamp()
    return record


def log_records() -> list[logging.LogRecord]:
    """Some lines, one of them hostile."""
    return [
        log_record(logging.INFO, "Run 1204: camera-images ▸ supabase myproj.images", 126),
        log_record(logging.WARNING, "SlowDown: 32 requests at once become 16", 125),
        log_record(logging.ERROR, "Range after 'cam-07/\x1b[2J\u202egpj.exe' was given up", 124),
        log_record(logging.INFO, "Run 1204 succeeded: 742 added, 48,209,590 skipped, 3.2 s", 122),
    ]


def run_with(details: dict[str, object]) -> RunRecord:
    """A run of which another program stored the details."""
    return replace(run(1204), details=details)


def phases(
    seconds: float = 184.2,
    *,
    at: float | None = None,
    images: int = 48_196_000,
    written: int = 1_204_903,
) -> list[PhaseRecord]:
    """Of a run of so many seconds, as it stands at ``at`` seconds, or at its end."""
    now = seconds if at is None else at
    every = 0.1
    while now >= 60 * every:
        every *= 2
    chance = random.Random(11)
    made = []
    for phase, first, last, whole in (
        (Phase.LIST, 0.0, 0.80, images),
        (Phase.DEDUPE, 0.02, 0.86, images),
        (Phase.INSERT, 0.31, 0.97, written),
    ):
        began, ended = seconds * first, seconds * last
        if now < began:
            made.append(PhaseRecord(phase, None, None, now, 0, None, 0.0, 0.0, 0.0, 0.0, every, ()))
            continue
        share = min(1.0, (now - began) / (ended - began))
        mean = whole / (ended - began)
        rates = []
        for place in range(int(min(now, ended) / every) + 1):
            middle = (place + 0.5) * every
            wave = 1 + 0.2 * sin(9 * middle / seconds) + chance.uniform(-0.15, 0.15)
            dip = 0.3 if 0.45 < middle / seconds < 0.52 else 1.0
            rates.append(mean * wave * dip if began <= middle <= ended else 0.0)
        made.append(
            PhaseRecord(
                phase=phase,
                began=began,
                ended=ended if now >= ended else None,
                elapsed=now,
                done=int(whole * share),
                expected=whole if phase is not Phase.INSERT or share == 1 else None,
                share=share,
                per_second=rates[-1],
                mean=mean,
                peak=max(rates),
                every=every,
                rates=tuple(rates),
            )
        )
    return made


def with_phases(record: RunRecord, recorded: list[PhaseRecord]) -> RunRecord:
    """``record`` as the catalog gives it with its phases."""
    stored = [phase.document() for phase in recorded]
    return replace(record, details={**record.details, "phases": stored})


def detailed_runs() -> dict[str, RunRecord]:
    """One of each kind that the details know how to show."""
    figures = RunStats(48_196_000, 1_204_900, 3, 12, 1, 48_201, 0.241, 184.2)
    began = NOW - timedelta(hours=3)
    gone = [f"cam-{n:02}/2026/11/2{n % 5}/img_{n * 7919:08}.jpg" for n in range(12)]
    succeeded = with_phases(run(1186, figures=figures, started_at=began), phases())
    succeeded.details.update(gone_sample=gone, rejected_sample=["cam-07/a\\u0000b.jpg"])
    failed = with_phases(
        run(
            1205,
            status=RunStatus.FAILED,
            started_at=NOW - timedelta(minutes=9),
            figures=RunStats(31_260_118, 4_211, 0, 0, 0, 31_310, 0.157, 96.4),
            error="3 key ranges could not be listed. The endpoint closed the connection.",
            hint="All others are done; the next run completes these. Check the network.",
        ),
        phases(96.4, images=31_260_118, written=4_211),
    )
    failed.details["failed_ranges"] = [
        ["", "cam-02/2026/"],
        ["cam-07/2026/11/24/img_00048211.jpg", "cam-07/2026/11/24/img_00052108.jpg"],
        ["cam-31/" + LAST_KEY, LAST_KEY],
    ]
    cancelled = run(
        1204,
        status=RunStatus.CANCELLED,
        figures=RunStats(9_120_000, 12_204, 0, 0, 0, 9_140, 0.046, 41.0),
        error="The run was cancelled.",
        hint="Nothing is lost: the next run goes on from here.",
    )
    hostile = replace(
        run(
            1203,
            status=RunStatus.INTERRUPTED,
            holder="ingest\x1b[2J-9 \u202e\U0001f5a5:1",
            error="the process stopped\x1b]0;owned\x07 without finishing the run",
            hint="Nothing is lost:\nthe next run completes the work.",
        ),
        bucket="カメラ画像-バケット",
        prefix="東京/\x9b31m/" + "深い/" * 40,
    )
    hostile.details.update(
        gone_sample=["a\nb\x1b[31m.jpg", "\u202egpj.exe", "画像/🎥/x.jpg", "[bold]not markup[/]"],
        failed_ranges=[["\x00\x1b[2J", "🎥" * 60], ["one"], "none", 7],
        rejected_sample="not a list",
        phases=[{"phase": "list", "began": -1, "elapsed": "now"}, {"phase": "nap"}, None],
    )
    running = run(
        1206,
        status=RunStatus.RUNNING,
        started_at=NOW - timedelta(seconds=41),
        figures=RunStats(21_400_000, 311, 0, 0, 0, 21_450, 0.107, 39.0),
        holder="ingest-2:811",
    )
    return {
        "succeeded": succeeded,
        "failed": failed,
        "cancelled": with_phases(
            cancelled, stopped(phases(96.4, at=41.0, images=17_200_000, written=70_600))
        ),
        "running": with_phases(running, phases(70.0, at=39.0, images=30_800_000, written=830)),
        "without_phases": run(1193),
        "hostile": hostile,
        "short": with_phases(
            run(1202, figures=RunStats(10_500, 500, 0, 0, 0, 12, 0.00006, 0.41)),
            phases(0.41, images=10_500, written=500),
        ),
    }


def stopped(recorded: list[PhaseRecord]) -> list[PhaseRecord]:
    """As they are when their run is cancelled."""
    return [
        replace(each, ended=each.elapsed if each.ended is None else each.ended)
        if each.began is not None
        else each
        for each in recorded
    ]


def followed() -> State:
    """Another host syncs, and its run's row tells how far it is."""
    theirs = detailed_runs()["running"]
    return State(Standing.OTHER_HOST, theirs.started_at, theirs)
