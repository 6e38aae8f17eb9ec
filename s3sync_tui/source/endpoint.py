"""The bucket's endpoint: signed requests, retried while that can help."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDictProxy
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)
from yarl import URL

from s3sync_tui import __version__
from s3sync_tui.errors import BucketMissing
from s3sync_tui.source.body import read_body
from s3sync_tui.source.faults import (
    EXPIRED,
    SLOW_DOWN,
    Answer,
    Elsewhere,
    Expired,
    Transient,
    describe_transport,
    expired,
    fault_of,
    incomplete,
    is_slow_down,
    unreachable,
)
from s3sync_tui.source.listing import ErrorInside, InvalidAnswer
from s3sync_tui.source.page import parse_listing
from s3sync_tui.source.signing import VALID_SECONDS, Signer
from s3sync_tui.source.throttle import Throttle
from s3sync_tui.tls import client_context, trust_named, trust_named_by, trusting, usual_trust

REQUEST_SECONDS = 300.0
"""How long one answer may take to its end, however often a few bytes of it come."""
_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_ATTEMPTS = 8
_LONGEST_WAIT_SECONDS = 20
_QUICK_ATTEMPTS = 4
_READ_BYTES = 1024 * 1024  # a page in one piece, mostly
_QUICK_SECONDS = 5

Parameters = dict[str, str | int]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Signed:
    """A LIST request ready to be sent."""

    url: str = field(repr=False)
    at: float

    @property
    def is_fresh(self) -> bool:
        """Whether it will still be valid when it arrives."""
        return time.monotonic() - self.at < VALID_SECONDS / 3


class Endpoint:
    """Where one bucket answers. Retries are jittered and bounded; what another
    try cannot mend is raised at once, as a BucketError."""

    def __init__(
        self,
        signer: Signer,
        *,
        concurrency: int,
        ca_bundle: Path | None,
        retry_base_seconds: float,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self.list_requests = 0
        self.clock_offset_seconds: float | None = None
        """How far the bucket's clock is ahead of ours; it tells whole seconds only."""
        self._signer = signer
        self._retry_base_seconds = retry_base_seconds
        self._timeout = aiohttp.ClientTimeout(
            total=request_seconds, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS
        )
        self._throttle = Throttle(concurrency)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="s3-source")
        self._trust = _trust(ca_bundle, signer.place.endpoint)
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    @property
    def region(self) -> str | None:
        """The region that AWS has confirmed by answering; None at other stores."""
        place = self._signer.place
        return place.region if place.endpoint is None else None

    async def close(self) -> None:
        """Release connections and threads."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def move(self, region: str) -> None:
        """From now on sign for ``region``."""
        await self._in_thread(self._signer.move, region)

    async def check(self, prefix: str) -> None:
        """HeadBucket, and where that says no, a LIST: only its answer has a reason,
        and a policy may allow it under ``prefix`` alone.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """
        retrying = self._retrying(quick=True)
        try:
            fault: Exception | None = await retrying(self._head)
        except Transient as error:
            raise self._given_up(retrying, error) from error
        if isinstance(fault, BucketMissing | Elsewhere):
            raise fault
        if fault is not None:
            probe: Parameters = {"EncodingType": "url", "MaxKeys": 1}
            if prefix:
                probe["Prefix"] = prefix
            await self.list(probe, parse_listing, quick=True)

    async def list(
        self,
        parameters: Parameters,
        read: Callable[[bytes], _T],
        signed: Signed | None = None,
        *,
        quick: bool = False,
    ) -> _T:
        """One LIST, asked until ``read`` takes the answer.

        Raises :class:`~s3sync_tui.errors.BucketError`.
        """
        urls = iter([signed] if signed else [])  # a second try is signed anew

        async def ask() -> _T:
            return await self._with_credentials(parameters, read, next(urls, None))

        retrying = self._retrying(quick=quick)
        try:
            return await retrying(ask)
        except (Transient, InvalidAnswer) as error:
            raise self._given_up(retrying, error) from error

    async def look(self, key: str) -> Mapping[str, str] | None:
        """What HeadObject says of ``key``, by names in any case; None where it says no, for
        it gives no reason.

        Raises :class:`~s3sync_tui.errors.BucketUnreachable`.
        """
        retrying = self._retrying(quick=False)
        try:
            return await retrying(self._look_once, key)
        except Transient as error:
            raise self._given_up(retrying, error) from error

    def sign(self, parameters: Parameters) -> Signed:
        """May block: for use within ``read``, which is in a thread where that can be."""
        return Signed(self._signer.sign("list_objects_v2", **parameters), time.monotonic())

    async def _with_credentials(
        self, parameters: Parameters, read: Callable[[bytes], _T], signed: Signed | None
    ) -> _T:
        generation = self._signer.generation
        try:
            return await self._list_once(parameters, read, signed)
        except Expired:
            await self._in_thread(self._signer.renew, generation)
        try:
            return await self._list_once(parameters, read, None)
        except Expired as error:
            raise expired(self._signer.place) from error

    async def _list_once(
        self, parameters: Parameters, read: Callable[[bytes], _T], signed: Signed | None
    ) -> _T:
        async with self._throttle:
            if signed is None or not signed.is_fresh:
                signed = await self._quickly(self.sign, parameters)
            self.list_requests += 1
            answer = await self._fetch("GET", signed.url)
            if is_slow_down(answer):
                self._throttle.slow_down()
        if answer.status != 200:
            raise fault_of(answer, self._signer.place)
        try:
            result = await self._quickly(read, answer.body)
        except ErrorInside as error:
            if error.code in SLOW_DOWN:
                self._throttle.slow_down()
            if error.code in EXPIRED:
                raise Expired(error.code) from error
            raise
        self._throttle.succeeded()
        return result

    async def _look_once(self, key: str) -> Mapping[str, str] | None:
        async with self._throttle:
            url = await self._in_thread(partial(self._signer.sign, "head_object", Key=key))
            answer = await self._fetch("HEAD", url)
            if is_slow_down(answer):
                self._throttle.slow_down()
        if answer.status == 200:
            return answer.headers
        fault = fault_of(answer, self._signer.place)
        if isinstance(fault, Transient):
            raise fault
        return None

    async def _head(self) -> Exception | None:
        """Ask once with HeadBucket; returns what is wrong, as far as it can tell."""
        url = await self._in_thread(self._signer.sign, "head_bucket")
        answer = await self._fetch("HEAD", url)
        if answer.status == 200:
            return None
        fault = fault_of(answer, self._signer.place)
        if isinstance(fault, Transient):
            raise fault
        return fault

    async def _fetch(self, method: str, url: str) -> Answer:
        asked = time.time()
        try:
            async with self._connected().request(
                # Encoded already: what is signed must be sent as it is.
                method,
                URL(url, encoded=True),
                allow_redirects=False,
                proxy=self._proxy(url),
            ) as response:
                self._read_clock(response.headers, (asked + time.time()) / 2)
                body = await read_body(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Transient(describe_transport(error)) from error
        return Answer(response.status, response.headers, body)

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:  # it belongs to the loop that asks first
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,  # the throttle is the one place to queue in
                    ssl=self._trust,
                ),
                timeout=self._timeout,
                headers={"User-Agent": f"s3sync-tui/{__version__}", "Accept-Encoding": "identity"},
                read_bufsize=_READ_BYTES,
                auto_decompress=False,  # it knows no bounds
            )
        return self._session

    def _proxy(self, url: str) -> str | None:
        # Not by aiohttp's trust_env: that reads ~/.netrc for each request, and would send what
        # it finds there beside our signature.
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0]
        if host not in self._proxies:
            proxy = None if proxy_bypass(host) else getproxies().get(scheme)
            self._proxies[host] = proxy if not proxy or "://" in proxy else f"http://{proxy}"
        return self._proxies[host]

    def _read_clock(self, headers: CIMultiDictProxy[str], now: float) -> None:
        # No date, or none that can be read, or that a computer can count to.
        with suppress(ValueError, OverflowError):
            there = parsedate_to_datetime(headers.get("Date", ""))
            # Cut to the second, so half a second later on average.
            self.clock_offset_seconds = there.timestamp() + 0.5 - now

    async def _quickly(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """For what takes a millisecond or two: there and then, for the way to a thread and back
        costs as much again. Where it signs, and that may wait for the network, in a thread."""
        if self._signer.may_wait:
            return await self._in_thread(work, *arguments)
        return work(*arguments)

    async def _in_thread(self, blocking: Callable[..., _T], *arguments: Any) -> _T:
        """For credentials: they come over the network."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, blocking, *arguments)

    def _retrying(self, *, quick: bool) -> AsyncRetrying:
        # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        stop = (
            stop_after_attempt(_QUICK_ATTEMPTS) | stop_before_delay(_QUICK_SECONDS)
            if quick
            else stop_after_attempt(_ATTEMPTS)
        )
        return AsyncRetrying(
            retry=retry_if_exception_type((Transient, InvalidAnswer)),
            wait=wait_random_exponential(self._retry_base_seconds, max=_LONGEST_WAIT_SECONDS),
            stop=stop,
            reraise=True,
        )

    def _given_up(self, retrying: AsyncRetrying, error: Exception) -> Exception:
        attempts = retrying.statistics.get("attempt_number", 1)
        explain = incomplete if isinstance(error, InvalidAnswer) else unreachable
        return explain(self._signer.place, attempts, error)


def _trust(ca_bundle: Path | None, endpoint: str | None) -> ssl.SSLContext | bool:
    """Whom to trust; True where nothing is encrypted: to load authorities takes 30 ms."""
    if ca_bundle is not None:
        return trusting(ca_bundle, f"ca_bundle (AWS_CA_BUNDLE) {ca_bundle}")
    if (endpoint or "").startswith("http://"):
        return True
    if (context := trust_named()) is not None:
        return context
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")  # botocore heeds it
    if bundle and Path(bundle).is_dir():
        return client_context(directory=bundle)  # requests takes one, too
    return trust_named_by("REQUESTS_CA_BUNDLE") or usual_trust()
