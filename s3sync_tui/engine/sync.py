"""One run: plan, list, reconcile and write, all at once and within bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.delta import decide
from s3sync_tui.engine.lease import naming_the_heir
from s3sync_tui.engine.member import Opener
from s3sync_tui.engine.pipeline import Pipeline, SyncOptions
from s3sync_tui.errors import LeaseLost, RowsLost, S3SyncError
from s3sync_tui.events import RunFinished, RunStarted, Sink
from s3sync_tui.model import Lanes, RunRequest, RunResult, RunStatus, RunTicket
from s3sync_tui.source.base import Source

log = logging.getLogger(__name__)

FINISH_SECONDS = 1.5
"""A cancelled run's time to write its final state: a stop takes two seconds at most."""


async def sync(
    source: Source,
    catalog: Catalog,
    options: SyncOptions,
    sink: Sink,
    *,
    opener: Opener | None = None,
) -> RunResult:
    """Bring the catalog in step with the bucket.

    ``catalog`` is open, ``source`` need not be; ``opener`` opens both anew in the further
    processes that ``options`` allow. Whatever goes wrong once the run
    has begun is in the result, and in the run's row. Raises
    :class:`~s3sync_tui.errors.LeaseHeld` where another run is under way, and
    :class:`~s3sync_tui.errors.CatalogError` where the run's row cannot be written.
    When cancelled, or stopped by a fault that nobody foresaw, the run's row says so
    before that exception is raised; the text that a task is cancelled with is its reason.
    """
    summary = await catalog.summary()
    lanes = await catalog.lanes(source.bucket, source.prefix) if options.mode != "full" else None
    decision = decide(
        options.mode,
        lanes,
        fingerprint=options.fingerprint,
        now=summary.at,
        full_every=timedelta(seconds=options.full_every_seconds),
    )
    if options.dry_run:
        ticket = RunTicket(None, summary.at, [])
    else:
        ticket = await catalog.begin_run(
            RunRequest(
                source.bucket, source.prefix, decision.mode, options.holder, options.lease_seconds
            )
        )
    run = Pipeline(source, catalog, options, sink, ticket, summary.images, decision, lanes, opener)
    sink(
        RunStarted(
            ticket.run_id,
            decision.mode,
            source.bucket,
            catalog.description,
            ticket.interrupted,
            decision.reason,
        )
    )
    learnt: Lanes | None = None
    cancelled: asyncio.CancelledError | None = None
    unforeseen: Exception | None = None
    try:
        await run.work()
        result = run.result()
        learnt = run.lanes()
    except asyncio.CancelledError as stop:
        cancelled = stop
        result = _cancelled(run.result(), stop)
    except LeaseLost as error:
        result = _failed(run.result(), error, RunStatus.INTERRUPTED)
    except S3SyncError as error:
        result = _failed(run.result(), error, RunStatus.FAILED)
    except Exception as fault:  # noqa: BLE001
        unforeseen = fault
        ours = S3SyncError(
            f"A fault of s3sync-tui: {type(fault).__name__}.",
            hint="Nothing is lost: the next run goes on from here. Please report it.",
        )
        result = _failed(run.result(), ours, RunStatus.FAILED)

    async def finish() -> RunResult:
        finished = await _finish(catalog, result, learnt, run.committed)
        return await naming_the_heir(catalog, source.bucket, finished)

    finishing = asyncio.create_task(finish())
    try:
        await asyncio.wait({finishing}, timeout=FINISH_SECONDS if cancelled else None)
    except asyncio.CancelledError as stop:
        cancelled = stop
        await asyncio.wait({finishing}, timeout=FINISH_SECONDS)
    if finishing.done():
        result = finishing.result()
    else:
        finishing.cancel()
        log.warning("no time to write the final state: the next run marks this one interrupted")
    sink(RunFinished(result))
    if stopped_by := cancelled or unforeseen:
        raise stopped_by
    return result


async def _finish(
    catalog: Catalog, result: RunResult, lanes: Lanes | None, committed: Sequence[int]
) -> RunResult:
    """The result with its figures as the database counted them."""
    run_id = result.run_id
    if run_id is None:
        return result
    try:
        try:
            stats = await catalog.finish_run(run_id, result, lanes, committed)
        except RowsLost as error:
            result = _failed(result, error, RunStatus.FAILED)
            stats = await catalog.finish_run(run_id, result)
        return replace(result, stats=stats)
    except LeaseLost as error:
        return _failed(result, error, RunStatus.INTERRUPTED)
    except S3SyncError as error:
        log.warning("the final state is not written (%s): the next run completes it", error)
        return result if result.error else _failed(result, error, RunStatus.FAILED)


def _failed(result: RunResult, error: S3SyncError, status: RunStatus) -> RunResult:
    return replace(
        result,
        status=status,
        error=error.message,
        hint=error.hint,
        exit_code=error.exit_code,
        passes=error.passes,
    )


def _cancelled(result: RunResult, stop: asyncio.CancelledError) -> RunResult:
    return replace(
        result,
        status=RunStatus.CANCELLED,
        error=str(stop) or "The run was cancelled.",
        hint="Nothing is lost: the next run goes on from here.",
        exit_code=130,
    )
