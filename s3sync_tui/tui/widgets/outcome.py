"""What to say while no run of ours is under way, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content

from s3sync_tui.model import RunMode, RunRecord, RunStats
from s3sync_tui.safe_text import safe, safe_lines
from s3sync_tui.tui.figures import ago, countdown, duration, fit, moment, money
from s3sync_tui.tui.state import Standing, State
from s3sync_tui.tui.tones import FAINT, MUTED

_HEADS = {
    Standing.CONNECTING: ("○", "Connecting to the catalog…", MUTED),
    Standing.NEVER_RUN: ("○", "Nothing is synced yet", "$text-accent"),
    Standing.IN_SYNC: ("✓", "In sync", "$text-success"),
    Standing.BEHIND: ("◐", "Behind: no run has succeeded in time", "$text-warning"),
    Standing.CANCELLED: ("■", "Cancelled; what was committed stays", "$text-warning"),
    Standing.FAILED: ("✗", "The last run failed", "$text-error"),
    Standing.CATALOG_UNREACHABLE: ("✗", "The catalog can't be reached", "$text-error"),
    Standing.BUCKET_UNREACHABLE: ("✗", "The bucket can't be reached", "$text-error"),
    Standing.SCHEMA_MISSING: ("!", "The catalog has no s3sync schema yet", "$text-warning"),
    Standing.OTHER_HOST: ("◆", "Another host is syncing", "$text-secondary"),
}
_PRESS = {
    Standing.NEVER_RUN: "to sync",
    Standing.BEHIND: "to sync now",
    Standing.CANCELLED: "to go on",
    Standing.FAILED: "to try again",
    Standing.BUCKET_UNREACHABLE: "to try now",
    Standing.CATALOG_UNREACHABLE: "to try now",
}


def describe(state: State, now: datetime, *, is_roomy: bool) -> Content:
    """The state in full: errors and hints are never cut. ``is_roomy`` spends blank lines."""
    blank = [Content.empty()] if is_roomy else []
    parts = [_head(state, now)]
    if state.error:
        parts += [*blank, Content(safe_lines(state.error))]
    if state.hint:
        parts.append(Content.assemble(("→ ", "bold $text-accent"), safe_lines(state.hint)))
    if state.standing is Standing.NEVER_RUN:
        parts += [*blank, _never_run()]
    press = _press(state)
    if press:
        parts += [*blank, press]
    if state.standing is Standing.OTHER_HOST and state.run is not None:
        parts += [*blank, *_other(state.run, now)]
    elif state.run is not None:
        in_full = is_roomy and state.standing in {Standing.IN_SYNC, Standing.BEHIND}
        parts += [*blank, *_figures(state.run, in_full=in_full)]
    return Content("\n").join(parts)


def whose(run: RunRecord, now: datetime, cells: int, *, is_roomy: bool) -> Content:
    """Who syncs, since when, and whether they live: on one line, or ``is_roomy`` on two."""
    sign, words, colour = _HEADS[Standing.OTHER_HOST]
    holder = safe(run.holder)
    since = f"since {moment(run.started_at, now).strip()}"
    heartbeat = f"heartbeat {ago(run.heartbeat_at, now)}"
    tails = (
        f" holds the lease · {since} · {heartbeat}",
        f" · {since} · {heartbeat}",
        f" · {heartbeat}",
        "",
    )
    if not is_roomy:
        return _shortened((f"{sign} {holder}", f"bold {colour}"), tails, cells)
    head = _shortened((f"{sign} {words}", f"bold {colour}"), (f" · run {run.run_id:,}", ""), cells)
    return Content("\n").join([head, _shortened((holder, "bold"), tails, cells)])


def _shortened(head: tuple[str, str], tails: Sequence[str], cells: int) -> Content:
    """One line: the longest tail for which there is room, else a shorter head."""
    words, style = head
    tail = next((each for each in tails if cell_len(words + each) <= cells), "")
    return Content.assemble((fit(words, cells), style), (tail, MUTED))


def _head(state: State, now: datetime) -> Content:
    sign, words, colour = _HEADS[state.standing]
    tail = ""
    if state.retry_at is not None:
        tail = f" · retry in {countdown(state.retry_at, now)}"
    elif state.at is not None and state.standing is not Standing.OTHER_HOST:
        tail = f" · {ago(state.at, now)}"
    return Content.assemble((f"{sign} {words}", f"bold {colour}"), (tail, MUTED))


def _press(state: State) -> Content | None:
    if state.standing is Standing.SCHEMA_MISSING:
        return _keys("f", "to see the SQL and apply it")
    what = _PRESS.get(state.standing)
    return None if what is None else _keys("s", what)


def _keys(key: str, what: str) -> Content:
    return Content.assemble("Press ", (key, "bold $text-accent"), f" {what}.")


def _never_run() -> Content:
    return Content.styled(
        "A sync lists the bucket, finds the images that the catalog lacks and inserts them. "
        "The bucket is only read.",
        MUTED,
    )


def _figures(run: RunRecord, *, in_full: bool) -> list[Content]:
    stats = run.stats
    if not in_full:
        return [*(_sentence(stats) if stats.total else []), _effort(run), *_why(run)]
    cells = max(9, len(f"{stats.total:,}"))
    rows = [
        ((stats.total, found(run)), (stats.changed, "changed")),
        ((stats.added, "added"), (stats.gone, "gone")),
        ((stats.skipped, "skipped"), (stats.rejected, "rejected")),
    ]
    shown = []
    for (number, name), (other, other_name) in rows:
        style = "bold $text-success" if name == "added" and number else "bold"
        alarm = "bold $text-warning" if other and other_name == "rejected" else "bold"
        shown.append(
            Content.assemble(
                (f"{number:>{cells},}", style),
                (f"  {name:<15}", MUTED),
                (f"{other:>7,}", alarm if other else FAINT),
                (f"  {other_name}", MUTED),
            )
        )
    return [*shown, Content.empty(), _effort(run), *_why(run)]


def found(run: RunRecord) -> str:
    """What the images are that a run has found: a delta run lists a part of the bucket."""
    return "listed" if run.mode == RunMode.DELTA else "in the bucket"


def _sentence(stats: RunStats) -> list[Content]:
    return [
        Content.assemble(
            (f"{stats.total:,}", "bold"),
            (" images = ", MUTED),
            (f"{stats.added:,}", "bold $text-success" if stats.added else "bold"),
            (" added + ", MUTED),
            (f"{stats.skipped:,}", "bold"),
            (" skipped", MUTED),
        ),
        Content.styled(
            f"{stats.changed:,} changed · {stats.gone:,} gone · {stats.rejected:,} rejected",
            MUTED,
        ),
    ]


def _effort(run: RunRecord) -> Content:
    stats = run.stats
    return Content.styled(
        f"run {run.run_id:,} · {safe(run.mode)} · took {duration(stats.duration_seconds)} · "
        f"{stats.list_requests:,} LIST · {money(stats.cost_usd)}",
        MUTED,
    )


def _why(run: RunRecord) -> list[Content]:
    reason = run.mode_reason
    return [Content.styled(f"why {safe(run.mode)}: {safe(reason)}", MUTED)] if reason else []


def _other(run: RunRecord, now: datetime) -> list[Content]:
    since = moment(run.started_at, now).strip()
    return [
        Content.assemble((safe(run.holder), "bold"), (" holds the lease", MUTED)),
        Content.styled(
            f"run {run.run_id:,} · since {since} · heartbeat {ago(run.heartbeat_at, now)}",
            MUTED,
        ),
        Content.assemble(
            (f"{run.stats.total:,}", "bold"),
            (" listed · ", MUTED),
            (f"{run.stats.added:,}", "bold"),
            (" added so far", MUTED),
        ),
    ]
