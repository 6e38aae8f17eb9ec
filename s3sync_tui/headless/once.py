"""``--once``: one run, for terminals, cron and other programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.events import BucketListed, Event, RunFinished, RunStarted
from s3sync_tui.headless.report import as_json, notes, say, start_notes, summary_line
from s3sync_tui.model import RunResult
from s3sync_tui.source.base import Source

if TYPE_CHECKING:
    from s3sync_tui.engine.member import Opener
    from s3sync_tui.headless.progress import LiveProgress


log = logging.getLogger(__name__)


async def run_once(
    source: Source,
    catalog: Catalog,
    options: SyncOptions,
    *,
    opener: Opener,
    as_json_object: bool,
    quiet: bool,
    ended: Callable[[RunResult], None] = lambda _: None,
) -> RunResult:
    """Sync; the result goes to stdout, and how it goes to stderr. ``opener`` opens both
    ends in further processes; ``ended`` gets the result, also of a run that was cancelled.

    Raises what :func:`~s3sync_tui.engine.sync.sync` raises.
    """
    text = not as_json_object and not quiet
    if text:
        say("Starting S3 sync...")
    live = _live_progress() if sys.stderr.isatty() and not quiet else nullcontext()
    with live as progress:

        def sink(event: Event) -> None:
            if progress is not None:
                progress.show(event)
            match event:
                case RunStarted() if not quiet:
                    for note in start_notes(event, with_mode=text):
                        say(note, sys.stderr)
                case BucketListed() if text:
                    say(f"Found {event.images} images in S3")
                case RunFinished():
                    if progress is not None:
                        progress.stop()
                    if log.isEnabledFor(logging.INFO):
                        _log(event.result)
                    ended(event.result)
                    _finish(event.result, as_json_object=as_json_object, quiet=quiet)

        return await sync(source, catalog, options, sink, opener=opener)


def _log(result: RunResult) -> None:
    from s3sync_tui.headless.lines import log_run  # which cron mostly does without

    log_run(log, result, is_said=True)


def _live_progress() -> LiveProgress:
    from s3sync_tui.headless.progress import LiveProgress  # and rich, which cron needs not load

    return LiveProgress()


def _finish(result: RunResult, *, as_json_object: bool, quiet: bool) -> None:
    if as_json_object:
        say(json.dumps(as_json(result)))
    elif not quiet:
        say(summary_line(result))
    if not quiet:
        for note in notes(result):
            say(note, sys.stderr)
