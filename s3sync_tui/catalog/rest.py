"""Calls of the schema's functions through Supabase's REST API, repeated where that helps."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_random_exponential,
)

from s3sync_tui import __version__
from s3sync_tui.catalog.rest_body import take_body
from s3sync_tui.catalog.rest_faults import (
    RestFault,
    explain,
    is_strange,
    is_timeout,
    is_transient,
    is_unknown_host,
    no_answer,
    read_fault,
)
from s3sync_tui.catalog.supabase_keys import KeyKind, Project
from s3sync_tui.errors import CatalogError
from s3sync_tui.tls import trust_named, usual_trust

if TYPE_CHECKING:
    from postgrest import APIResponse
    from supabase import AsyncClient

log = logging.getLogger(__name__)

USER_AGENT = f"s3sync-tui/{__version__}"
"""Secret keys are refused to what looks like a browser."""

PATIENCE_SECONDS = 120.0
"""How long a project that answers no more is waited for: a database restarts in less."""

OPENING_PATIENCE_SECONDS = 5.0
"""The same before anything has worked: then it is more likely a setting that is wrong."""

BULK_CALLS = 8
"""Batches, digests and drill-downs in flight at once: PostgREST's pool on the smallest
Supabase project has room for them, and a network's round trips are hidden well enough."""

_SPARE_CONNECTIONS = 2  # the lease must not wait behind batches
_LEAST_ATTEMPTS = 3
_WAIT = wait_random_exponential(multiplier=0.1, max=5)
# A statement may take 60 s through the API:
# https://supabase.com/docs/guides/database/postgres/timeouts
_TIMEOUT = httpx.Timeout(connect=10, read=75, write=30, pool=75)
_CALL_SECONDS = 120


class RestCalls:
    """A project's REST API. Every function of the schema can be called again after a lost
    answer, so every call is."""

    def __init__(self, project: Project, key: str, *, apply: str, patience_seconds: float) -> None:
        """``apply`` says, for error messages, how to apply the schema; ``patience_seconds``
        is how long a project that answers no more is waited for."""
        self._project = project
        self._key = key
        self._apply = apply
        self._patience_seconds = patience_seconds
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncClient | None = None
        self._bulk_turn = asyncio.Semaphore(BULK_CALLS)
        self._failing_since: float | None = None
        self._was_reached = False

    async def open(self, kind: KeyKind) -> None:
        """Get ready; makes no request."""
        is_encrypted = self._project.url.startswith("https://")
        verify = await asyncio.to_thread(_trust) if is_encrypted else True
        # Half a second, most of it for what we do not use: not while the screen waits.
        client_class, options = await asyncio.to_thread(_supabase)
        connections = BULK_CALLS + _SPARE_CONNECTIONS
        self._http = httpx.AsyncClient(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            verify=verify,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # A hook, for supabase-py drops the status of errors that a gateway words.
            event_hooks={"response": [_raise_fault]},
        )
        self._client = client_class(
            self._project.url,
            self._key,
            options(httpx_client=self._http, auto_refresh_token=False, persist_session=False),
        )
        if kind is KeyKind.SECRET:
            # "Send publishable and secret keys on the apikey header only."
            # https://supabase.com/docs/guides/getting-started/migrating-to-new-api-keys
            self._client.options.headers.pop("Authorization", None)

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
        self._http = self._client = None

    async def call(
        self,
        function: str,
        arguments: Mapping[str, object],
        *,
        is_answer: Callable[[object], bool],
        is_bulk: bool = False,
        can_be_halved: bool = False,
    ) -> Any:
        """What ``function`` returns: a value, or a dict of its OUT parameters. What is none by
        ``is_answer`` was lost on its way.

        Of bulk calls only some are in flight at once. A call that fails for the moment is
        repeated until the project has not answered for a while; not so one that took too
        long where ``can_be_halved`` says that the caller knows better than to try it
        again. Raises :class:`~s3sync_tui.catalog.halves.TookTooLong` for that, and other
        kinds of :class:`~s3sync_tui.errors.S3SyncError`.
        """
        turn = self._bulk_turn if is_bulk else nullcontext()

        def is_worth_repeating(error: BaseException) -> bool:
            if is_timeout(error):
                return not can_be_halved
            if not self._was_reached and (is_unknown_host(error) or is_strange(error)):
                return False
            return is_transient(error)

        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(is_worth_repeating),
                wait=_pause,
                stop=self._is_hopeless,
                before_sleep=lambda state: self._say_repeated(function, state),
                reraise=True,
            ):
                with attempt:
                    async with turn:
                        return await self._call_once(function, arguments, is_answer)
        except (RestFault, httpx.HTTPError, OSError) as error:
            raise self._explained(error) from error
        raise AssertionError("unreachable")

    async def _call_once(
        self,
        function: str,
        arguments: Mapping[str, object],
        is_answer: Callable[[object], bool],
    ) -> Any:
        if self._client is None:
            raise CatalogError("The catalog is not open.", hint="Open it first.")
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                answer = await _executed(self._client, function, arguments)
            if not is_answer(answer.data):
                raise no_answer()
        except (RestFault, httpx.HTTPError, OSError) as error:
            if not is_transient(error):
                self._failing_since = None
            elif self._failing_since is None:
                self._failing_since = time.monotonic()
            raise
        self._failing_since = None
        self._was_reached = True
        return answer.data

    def _is_hopeless(self, state: RetryCallState) -> bool:
        if state.attempt_number < _LEAST_ATTEMPTS:
            return False
        patience = self._patience_seconds
        if not self._was_reached:
            patience = min(patience, OPENING_PATIENCE_SECONDS)
        now = time.monotonic()
        # The project may have been silent to others for longer than to this call; and it
        # may answer others, but not this.
        silent_since = min(state.start_time, self._failing_since or now)
        return is_timeout(_fault(state)) or now - silent_since >= patience

    def _explained(self, error: BaseException) -> Exception:
        return explain(error, self._project, key=self._key, apply=self._apply)

    def _say_repeated(self, function: str, state: RetryCallState) -> None:
        log.warning("%s: %s Trying again.", function, self._explained(_fault(state)))


async def _executed(
    client: AsyncClient, function: str, arguments: Mapping[str, object]
) -> APIResponse:
    """One try. What is no JSON, or half of it, was cut off on its way, or nested to trap us."""
    try:
        return await client.rpc(function, dict(arguments)).execute()
    except (ValueError, RecursionError) as error:
        raise httpx.RemoteProtocolError("its answer is no JSON, or not all of it") from error


async def _raise_fault(answer: httpx.Response) -> None:
    await take_body(answer)
    fault = read_fault(answer)
    if fault is not None:
        raise fault


def _trust() -> ssl.SSLContext:
    return trust_named() or usual_trust()


def _pause(state: RetryCallState) -> float:
    error = _fault(state)
    asked = error.wait_seconds if isinstance(error, RestFault) else 0.0
    return max(asked, float(_WAIT(state)))


def _fault(state: RetryCallState) -> BaseException:
    """What the attempt failed with; asked for only when it did."""
    fault = state.outcome.exception() if state.outcome else None
    return fault or AssertionError("no fault")


def _supabase() -> tuple[Any, Any]:
    from supabase import AsyncClient, AsyncClientOptions

    return AsyncClient, AsyncClientOptions
