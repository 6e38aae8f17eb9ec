"""The bucket's notifications, brought into the catalog by AWS Lambda.

Handler: ``s3sync_tui.headless.aws_lambda.handler``. It takes what an SQS event source brings,
and what S3, SNS and EventBridge invoke it with. Settings are in the environment.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.connect import make_looker, open_catalog
from s3sync_tui.engine.changes import collapse, settle
from s3sync_tui.engine.pipes import as_text
from s3sync_tui.errors import S3SyncError, SettingsError
from s3sync_tui.headless.json_lines import JsonLines
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.source.looking import Looker
from s3sync_tui.source.notifications import (
    Notice,
    NotUnderstood,
    Ours,
    read_document,
    read_notification,
    shown,
)

log = logging.getLogger(__name__)

_SECONDS_TO_ANSWER = 3.0
"""Before Lambda's own limit ends it: what is not done by then is a failure."""


class NotDone(Exception):
    """Not everything is in the catalog: Lambda is to invoke us again."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Bring what ``event`` says into the catalog.

    For an SQS event source the answer names the messages that are to come back
    (``batchItemFailures``). Raises for any other event of which something is left to do.
    """
    seconds = _seconds_left(context)
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and records and all(map(_is_message, records)):
        everything = [_id(record) for record in records]
        left = FUNCTION.run(lambda parts: _take_messages(parts, records), seconds, everything)
        return {"batchItemFailures": [{"itemIdentifier": each} for each in left]}
    if FUNCTION.run(lambda parts: _take_event(parts, event), seconds, ["the event"]):
        raise NotDone("Not all of it is in the catalog; the log says why.")
    return {}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is open."""

    catalog: Catalog
    looker: Looker
    ours: Ours


class Function:
    """What lives on between invocations: one event loop, and the connections, which belong
    to it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._parts: _Parts | None = None

    def run(
        self,
        work: Callable[[_Parts], Coroutine[Any, Any, list[str]]],
        seconds: float,
        everything: list[str],
    ) -> list[str]:
        """Do ``work``; returns what it leaves to do, ``everything`` where nobody can tell.

        Raises :class:`~s3sync_tui.errors.SettingsError`.
        """

        async def do() -> list[str]:
            return await work(await self._opened())

        try:
            return self._loop.run_until_complete(asyncio.wait_for(do(), seconds))
        except TimeoutError:
            # A traceback would say where it waited, which is chance.
            log.error("Not done within the function's time: all of it is to come again.")  # noqa: TRY400
        except SettingsError:
            raise
        except S3SyncError as error:
            log.error("%s %s", error, error.hint)  # noqa: TRY400  # its words say it all
        self.close()
        return everything

    def close(self) -> None:
        """The next invocation opens all anew."""
        self._parts = None
        self._loop.run_until_complete(self._stack.aclose())

    async def _opened(self) -> _Parts:
        if self._parts is None:
            _set_up_logs()
            settings = _settings()
            looker, ours = await self._stack.enter_async_context(make_looker(settings))
            catalog = await self._stack.enter_async_context(open_catalog(settings))
            self._parts = _Parts(catalog, looker, ours)
        return self._parts


FUNCTION = Function()


async def _take_messages(parts: _Parts, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Messages of SQS; returns the ids of those that are to come back."""
    left: list[str] = []
    notices: dict[str, Notice] = {}
    for record in records:
        try:
            notices[_id(record)] = read_notification(str(record.get("body")), parts.ours)
        except NotUnderstood as reason:
            log.warning("Message %s is not understood: %s", shown(_id(record)), reason)
            left.append(_id(record))
    open_keys = await _settle(parts, list(notices.values()))
    for name, notice in notices.items():
        keys = {*notice.looks, *(change.key for change in notice.changes)}
        if notice.faults or keys & open_keys:
            left.append(name)
    return left


async def _take_event(parts: _Parts, event: object) -> list[str]:
    """What S3, SNS or EventBridge has invoked us with; returns what is not done."""
    try:
        notice = read_document(event, parts.ours)
    except NotUnderstood as reason:
        log.warning("The event is not understood: %s", reason)
        return ["the event"]
    return [*await _settle(parts, [notice]), *notice.faults]


async def _settle(parts: _Parts, notices: Sequence[Notice]) -> set[str]:
    """Apply them; returns the keys of which nobody could tell what is newest."""
    for notice in notices:
        for what, which in (
            ("keys cannot be stored by Postgres", notice.rejected),
            ("records are not understood", notice.faults),
        ):
            if which:
                log.warning("%d %s, for example %s", len(which), what, which[0])
    collapsed = collapse(
        (change for notice in notices for change in notice.changes),
        (key for notice in notices for key in notice.looks),
    )
    left = await settle(parts.catalog, parts.looker, collapsed)
    log.info(
        "%d changes and %d looks; %d keys are left for later",
        len(collapsed.changes),
        len(collapsed.looks),
        len(left),
    )
    return left


def _settings() -> Settings:
    loaded = load_settings({}, environ=os.environ, config=None, directory=Path.cwd())
    if loaded.settings.catalog_kind == "embedded":
        raise SettingsError(
            "No catalog is set, and in Lambda there is no embedded one.",
            hint="Set DATABASE_URL, or SUPABASE_URL and SUPABASE_SECRET_KEY, in the function's "
            "environment.",
        )
    return loaded.settings


def _is_message(record: object) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _id(record: Mapping[str, Any]) -> str:
    return str(record.get("messageId", ""))


def _seconds_left(context: Any) -> float:
    left = getattr(context, "get_remaining_time_in_millis", None)
    return max(1.0, left() / 1000 - _SECONDS_TO_ANSWER) if left is not None else 60.0


def _set_up_logs() -> None:
    """JSON, unless Lambda itself writes it."""
    root = logging.getLogger()
    level = os.environ.get("S3SYNC_LOG_LEVEL", "").upper()
    root.setLevel(logging.getLevelNamesMapping().get(level, logging.INFO))
    lambda_writes_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
    for lambdas in root.handlers:
        if lambda_writes_json:
            lambdas.addFilter(_take_secrets_out)
        else:
            lambdas.setFormatter(JsonLines())


def _take_secrets_out(record: logging.LogRecord) -> bool:
    told = as_text(record)
    record.msg = "\n".join(filter(None, [told.msg, told.exc_text]))
    record.args = record.exc_info = None
    return True
