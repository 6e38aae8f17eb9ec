"""A small stand-in for Supabase's API gateway, run as a program of its own.

It maps ``/rest/v1/`` to PostgREST and treats ``apikey`` and ``Authorization`` as the
platform does, and it breaks requests on command, for fault tests. What it is to be and
do comes as JSON, one object a line, on its standard input; each line is answered by one
on standard output. It ends when its input does, so it cannot outlive its tests.

A process of its own, because in the client's process the two would wait for one
another's turn at the interpreter, and measurements would measure that.

How keys are treated, from Supabase's pages
https://supabase.com/docs/guides/api/api-keys (A),
https://supabase.com/docs/guides/getting-started/migrating-to-new-api-keys (M) and the
gateway of its self-hosted edition,
https://github.com/supabase/supabase/blob/master/docker/volumes/api/kong-entrypoint.sh (S):

- "You cannot send a publishable or secret key in the Authorization: Bearer ... header,
  except if the value exactly equals the apikey header." (A)
- "Send publishable and secret keys on the apikey header." (M)
- "You cannot use a secret key in the browser (matches on the User-Agent header) and it
  will always reply with HTTP 401 Unauthorized." (A)
- "If Authorization header exists and is NOT an sb_ key -> pass through (user session
  JWT). If apikey matches secret key -> set service_role … JWT. If apikey matches
  publishable key -> set anon … JWT. Fallback: pass apikey as-is (legacy HS256 JWT)." (S)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

REST = "/rest/v1"
_DROP_BY_HAND = {"host", "apikey", "authorization", "content-length", "transfer-encoding"}
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}

NO_KEY = {
    "message": "No API key found in request",
    "hint": "No `apikey` request header or url param was found.",
}
UNKNOWN_LEGACY_KEY = {
    "message": "Invalid API key",
    "hint": "Double check your Supabase `anon` or `service_role` API key.",
}
UNKNOWN_KEY = {
    "message": "Unregistered API key",
    "hint": "Double check the provided API key as it is not registered for this project.",
}
SECRET_IN_BROWSER = {
    "message": "Forbidden use of secret API key in browser",
    "hint": "Secret API keys can only be used in a protected environment and should never be "
    "used in a browser. Delete this secret API key immediately.",
}
INVALID_JWT = {"message": "Invalid JWT", "hint": None}
NO_UPSTREAM = {"message": "An invalid response was received from the upstream server"}


@dataclass
class Fault:
    """What happens to the next ``times`` requests whose path holds ``path``."""

    kind: str
    """``answer``, ``drop_before``, ``drop_after``, ``drop_midway`` or ``delay``."""
    times: int
    path: str
    status: int
    body: object
    headers: Mapping[str, str]
    seconds: float


class Gateway:
    """The gateway and what it has seen."""

    def __init__(self, socket: str, tokens: dict[str, str]) -> None:
        """``socket`` is PostgREST's; ``tokens`` maps each valid ``apikey`` to the JWT
        that PostgREST gets for it."""
        self._socket = socket
        self._tokens = tokens
        self._faults: list[Fault] = []
        self._upstream: aiohttp.ClientSession | None = None
        self._in_flight = 0
        self.counts = _no_counts()

    async def open(self) -> None:
        """Get ready for requests."""
        self._upstream = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(self._socket, limit=0),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def close(self) -> None:
        """Close the connections to PostgREST."""
        if self._upstream is not None:
            await self._upstream.close()

    def command(self, order: Mapping[str, Any]) -> object:
        """Do one command; see :class:`tests.support.supabase_stack.Gateway`."""
        match order["do"]:
            case "fault":
                self._faults.append(Fault(**order["fault"]))
            case "accept":
                self._tokens[order["key"]] = order["token"]
            case "clear":
                self._faults.clear()
            case "reset":
                self.counts = _no_counts()
            case "pending":
                return sum(fault.times for fault in self._faults)
        return self.counts

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, from the key to the answer."""
        counts = self.counts
        body = await request.read()
        counts["requests"] += 1
        counts["bytes_up"] += len(body)
        counts["posts"] += request.method == "POST"
        counts["bearers"] += "Authorization" in request.headers
        counts["ours"] += request.headers.get("User-Agent", "").startswith("s3sync-tui/")
        counts["longest_url"] = max(counts["longest_url"], len(str(request.url)))
        self._in_flight += 1
        counts["most_in_flight"] = max(counts["most_in_flight"], self._in_flight)
        try:
            answer = await self._answer(request, body)
        finally:
            self._in_flight -= 1
        if isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            counts["bytes_down"] += len(answer.body)
        return answer

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        fault = self._next_fault(request.path)
        if fault is not None:
            self.counts["faults"] += 1
            if fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "answer":
                return _answer_of(fault)
            elif fault.kind == "drop_before":
                return _dropped(request)
        if request.path != REST and not request.path.startswith(f"{REST}/"):
            return web.json_response({"message": "no Route matched with those values"}, status=404)
        token = self._token(request)
        if isinstance(token, web.Response):
            return token
        answer = await self._forward(request, body, token)
        if fault is not None and fault.kind == "drop_after":
            return _dropped(request)
        if fault is not None and fault.kind == "drop_midway":
            return await _dropped_midway(request, answer)
        return answer

    def _next_fault(self, path: str) -> Fault | None:
        for fault in self._faults:
            if fault.path in path:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                return fault
        return None

    def _token(self, request: web.Request) -> str | web.Response:
        """The ``Authorization`` header for PostgREST, or why there is none."""
        key = request.headers.get("apikey") or request.query.get("apikey")
        if not key:
            return web.json_response(NO_KEY, status=401)
        token = self._tokens.get(key)
        if token is None:
            unknown = UNKNOWN_KEY if key.startswith("sb_") else UNKNOWN_LEGACY_KEY
            return web.json_response(unknown, status=401)
        agent = request.headers.get("User-Agent", "")
        if key.startswith("sb_secret_") and "Mozilla/" in agent:
            return web.json_response(SECRET_IN_BROWSER, status=401)
        given = request.headers.get("Authorization")
        if given is None or given == f"Bearer {key}":
            return f"Bearer {token}"
        if given.startswith("Bearer sb_"):  # another key than the apikey
            return web.json_response(INVALID_JWT, status=401)
        return given

    async def _forward(self, request: web.Request, body: bytes, token: str) -> web.Response:
        assert self._upstream is not None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _DROP_BY_HAND
        }
        headers["Authorization"] = token
        path = request.raw_path.removeprefix(REST) or "/"
        try:
            async with self._upstream.request(
                request.method,
                URL(f"http://postgrest{path}", encoded=True),
                data=body if body else None,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
                return web.Response(
                    status=answer.status,
                    body=content,
                    headers=[
                        (name, value)
                        for name, value in answer.headers.items()
                        if name.lower() not in _HOP_BY_HOP
                    ],
                )
        except aiohttp.ClientError:
            return web.json_response(NO_UPSTREAM, status=502)


def _answer_of(fault: Fault) -> web.Response:
    if isinstance(fault.body, str):
        return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
    return web.json_response(fault.body, status=fault.status, headers=fault.headers)


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _dropped_midway(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Half of the answer, and then nothing."""
    content = answer.body if isinstance(answer.body, bytes) else b""
    part = web.StreamResponse(status=answer.status)
    part.content_length = max(2, len(content))
    part.content_type = "application/json"
    await part.prepare(request)
    await part.write(content[: len(content) // 2] or b"[")
    if request.transport is not None:
        request.transport.abort()
    return part


def _no_counts() -> dict[str, int]:
    return dict.fromkeys(
        (
            *("requests", "posts", "bearers", "ours", "faults"),
            *("bytes_up", "bytes_down", "longest_url", "most_in_flight"),
        ),
        0,
    )


async def _run() -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    setup = json.loads(await orders.readline())
    gateway = Gateway(setup["socket"], setup["tokens"])
    await gateway.open()
    app = web.Application(client_max_size=0)  # without limit
    app.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(app, access_log=None, max_line_size=64 * 1024)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", setup["port"])
    await site.start()
    _say({"port": runner.addresses[0][1]})
    while order := await orders.readline():
        _say(gateway.command(json.loads(order)))
    await runner.cleanup()
    await gateway.close()


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run())
