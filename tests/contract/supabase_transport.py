"""The transport through a real PostgREST, as on Supabase."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from tests.support.database import Connection
from tests.support.supabase_stack import SupabaseStack


class SupabaseTransport:
    """Through the REST API of a project over the test's database."""

    def __init__(self, project: SupabaseStack, connection: Connection, *, loses_answers: bool):
        self.connection = connection
        self.made: list[Catalog] = []
        self._project = project
        self._loses_answers = loses_answers

    async def make(self, table: str = "images") -> Catalog:
        if table != "images":
            self._project.reload_schema()
        project = self._project
        catalog = (
            AnswersLost(project, table=table)
            if self._loses_answers
            else SupabaseCatalog(project.url, project.secret_key, table=table)
        )
        await catalog.open()
        self.made.append(catalog)
        return catalog


class AnswersLost(SupabaseCatalog):
    """Loses the first answer to each call, after the server has committed."""

    def __init__(self, project: SupabaseStack, *, table: str) -> None:
        super().__init__(project.url, project.secret_key, table=table)
        self._gateway = project.gateway

    async def _call(self, function: str, arguments: Mapping[str, object]) -> Any:
        self._gateway.drop_next("after", path=function)
        return await super()._call(function, arguments)


@asynccontextmanager
async def supabase_transport(
    request: pytest.FixtureRequest, *, loses_answers: bool = False
) -> AsyncIterator[SupabaseTransport]:
    """What :data:`tests.contract.conftest.TRANSPORTS` lists."""
    transport = SupabaseTransport(
        request.getfixturevalue("supabase"),
        request.getfixturevalue("behind"),
        loses_answers=loses_answers,
    )
    yield transport
    for catalog in transport.made:
        await catalog.close()
