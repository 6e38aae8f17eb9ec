"""The catalog over Supabase's REST API: the schema's functions, called by RPC."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from s3sync_tui.catalog.halves import HalvingCatalog, TookTooLong
from s3sync_tui.catalog.moments import moment
from s3sync_tui.catalog.rest import PATIENCE_SECONDS, RestCalls
from s3sync_tui.catalog.rest_shapes import is_answer
from s3sync_tui.catalog.schema import (
    DEFAULT_TABLE,
    SCHEMA_VERSION,
    check_schema,
    function_name,
)
from s3sync_tui.catalog.supabase_keys import (
    KeyKind,
    Project,
    check_key,
    clear_text_notice,
    retirement_notice,
)
from s3sync_tui.catalog.waiting import Holder, locked
from s3sync_tui.errors import CatalogError, SchemaError

if TYPE_CHECKING:
    from s3sync_tui.catalog.facts import CountFacts, GrowthFacts, HealthFacts, RunHistory

log = logging.getLogger(__name__)

_HOLDER = "s3sync_holder"
_BULK = {
    "s3sync_insert",
    "s3sync_update",
    "s3sync_range_digests",
    "s3sync_compare",
    "s3sync_mark_gone",
    "s3sync_apply_changes",
}


class SupabaseCatalog(HalvingCatalog):
    """A table of images in a Supabase project.

    All it needs is the project's URL and a key with elevated rights. What the REST API
    cannot do (apply the schema, VACUUM) is left to the SQL editor. Every call is a POST
    that returns one row, of arrays where there is much to say: no URL grows with the
    data, and PostgREST's ``max-rows`` cuts nothing off.
    """

    def __init__(
        self, url: str, key: str, *, table: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        """``patience_seconds`` is how long a project that answers no more is waited for."""
        project = Project(url.rstrip("/"))
        super().__init__(table=table, description=f"supabase {project.name}")
        self._project = project
        self._key = key
        self._rest = RestCalls(
            project, key, apply=self._how_to_apply(), patience_seconds=patience_seconds
        )

    async def connect(self) -> None:
        """Judge the key, and get ready.

        Raises :class:`~s3sync_tui.errors.SettingsError` for a key that cannot do, before
        any request. One that turns out to lack rights makes :meth:`open` raise
        :class:`~s3sync_tui.errors.CatalogDenied`: under row level security it would see an
        empty table.
        """
        kind = check_key(self._key, self._project, now=time.time())
        if kind is KeyKind.LEGACY:
            log.warning("%s", retirement_notice())
        if self._project.sends_in_clear:
            log.warning("%s", clear_text_notice(self._project))
        try:
            await self._rest.open(kind)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._rest.close()

    async def vacuum(self) -> None:
        """Say who does it: no function may VACUUM, so the REST API cannot."""
        log.info(
            "Supabase will vacuum %s by itself in a few minutes. To have it at once, which makes "
            "the next syncs faster, run over a direct connection: VACUUM (ANALYZE) %s;",
            self._table,
            self._table,
        )

    async def mend(self, statements: Sequence[str]) -> None:
        editor = self._project.dashboard("sql/new") or "in the project's dashboard"
        raise CatalogError(
            "The REST API runs no SQL.",
            hint=f"Run this in the SQL editor ({editor}): {' '.join(statements)}",
        )

    async def history(self, limit: int = 50, before: int | None = None) -> RunHistory:
        with self._understood():
            return await super().history(limit, before)

    async def growth_facts(self) -> GrowthFacts:
        with self._understood():
            return await super().growth_facts()

    async def health_facts(self) -> HealthFacts:
        with self._understood():
            return await super().health_facts()

    async def verify_counts(self) -> CountFacts:
        with self._understood():
            return await super().verify_counts()

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """For documents of many parts, whose shape is known by who reads them."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CatalogError(
                f"Supabase's answer makes no sense ({self._project.name}).",
                hint=f"Is something between this machine and the project? Else: "
                f"{self._how_to_apply()}",
            ) from error

    async def _call(self, function: str, arguments: Mapping[str, object]) -> Any:
        body = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in arguments.items()
        }
        is_sound = partial(is_answer, function, arguments)
        is_bulk = function in _BULK
        can_be_halved = is_bulk and any(
            isinstance(value, list) and len(value) > 1 for value in body.values()
        )
        if function == "s3sync_insert" and can_be_halved:
            lines = {name: _lines(value) for name, value in body.items()}
            if None not in lines.values():
                function, body = "s3sync_insert_lines", lines
        began = time.monotonic()
        try:
            return await self._rest.call(
                function_name(function, self._table),
                body,
                is_answer=is_sound,
                is_bulk=is_bulk,
                can_be_halved=can_be_halved,
            )
        except TookTooLong as error:
            if can_be_halved or function == _HOLDER:
                raise
            if (holder := await self._find_holder(time.monotonic() - began)) is not None:
                raise locked(holder, self.description) from error
            raise

    async def _find_holder(self, seconds: float) -> Holder | None:
        """Who has held a lock of our tables for so long, as far as the database tells."""
        try:
            row = await self._call(_HOLDER, {"p_seconds": seconds})
        except CatalogError:
            return None
        since = row["since"] and moment(row["since"])
        return row["pid"] and Holder(row["pid"], row["application"], row["role"], since)

    async def _verify(self) -> None:
        version = await self._call("s3sync_version", {})
        problems = await self._call("s3sync_problems", {})
        try:
            check_schema(version, problems, table=self._table, where=self.description)
        except SchemaError as error:
            if version > SCHEMA_VERSION:
                raise
            raise SchemaError(error.message, hint=self._how_to_apply()) from error

    def _how_to_apply(self) -> str:
        command = "s3sync-tui schema"
        if self._table != DEFAULT_TABLE:
            command += f" --table {self._table}"
        editor = self._project.dashboard("sql/new") or "in the project's dashboard"
        return f"Paste what `{command}` prints into the SQL editor ({editor}) and run it."


def _lines(value: object) -> object:
    """A list as one text, a line for each entry; None where that cannot be told apart
    again."""
    if not isinstance(value, list):
        return value
    text = "\n".join(map(str, value))
    return text if text.count("\n") == len(value) - 1 else None
