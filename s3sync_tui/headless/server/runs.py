"""``/api/sync`` and ``/api/runs``: runs to begin, and runs that were."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from s3sync_tui.errors import S3SyncError
from s3sync_tui.headless.server.answers import (
    Refusal,
    answer,
    result_answer,
    stopping,
)
from s3sync_tui.headless.server.attempts import Attempts
from s3sync_tui.headless.server.parameters import (
    HIGHEST_RUN,
    read_query,
    read_stretch,
    read_wish,
)
from s3sync_tui.headless.server.readings import Readings
from s3sync_tui.insight.check import printable
from s3sync_tui.insight.documents import history_document, run_object
from s3sync_tui.model import RunRecord


class RunRoutes:
    """What clients can do about runs."""

    def __init__(self, attempts: Attempts, readings: Readings) -> None:
        self._attempts = attempts
        self._readings = readings

    async def sync(self, request: Request) -> Response:
        """Sync; GET does it too, for schedulers that can do nothing else. A client that hangs
        up does not stop the run."""
        wish = await read_wish(request)
        try:
            attempt = await self._attempts.begin(wish.mode, dry_run=wish.dry_run)
            if attempt.run_id is not None and not wish.wait:
                url = f"/api/runs/{attempt.run_id}"
                begun = {"run_id": attempt.run_id, "run_url": url}
                return answer(begun, HTTPStatus.ACCEPTED, {"Location": url})
            return result_answer(await asyncio.shield(attempt.task))
        except S3SyncError:
            if self._attempts.is_stopping:
                raise stopping() from None
            raise

    async def many(self, request: Request) -> Response:
        """The newest runs first, and where the older ones are."""
        stretch = read_stretch(request)
        runs = await self._readings.runs(stretch.limit, before=stretch.before)
        document = history_document(runs, await self._readings.cost())
        more = len(runs) == stretch.limit
        following = f"/api/runs?limit={stretch.limit}&before={runs[-1].run_id}" if more else None
        return answer({**document, "next": following})

    async def one(self, request: Request) -> Response:
        """One run, with its phases and all that went wrong."""
        read_query(request)
        text = request.path_params["run_id"]
        number = int(text) if re.fullmatch("[0-9]{1,19}", text, re.ASCII) else 0
        runs: list[RunRecord] = []
        if 1 <= number < HIGHEST_RUN:
            runs = await self._readings.runs(1, before=number + 1)
        if not runs or runs[0].run_id != number:
            said = f"There is no run {printable(text, 40)}."
            raise Refusal(HTTPStatus.NOT_FOUND, "not_found", said)
        return answer(_in_full(runs[0]))


def _in_full(run: RunRecord) -> dict[str, Any]:
    return {
        **run_object(run),
        "mode_reason": run.mode_reason,
        "phases": [phase.document() for phase in run.phases],
        "failed_ranges": [{"after": s.after, "up_to": s.up_to} for s in run.failed_ranges],
    }
