"""uvicorn's HTTP, with an end to waiting, and errors in JSON."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from s3sync_tui.headless.server.answers import error_document
from s3sync_tui.headless.server.parameters import MOST_HEAD_BYTES

HEAD_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """One connection. uvicorn waits for a request's head, and for the rest of a body that
    nobody reads, as long as the client likes; here it has :data:`HEAD_SECONDS`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._has_sent = False

    # asyncio's own signature has any transport, uvicorn's one that can be written to.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there; the first request is due."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take it in; whether a request is complete now decides what is due."""
        super().data_received(data)
        self._has_sent = True
        if self._is_busy:
            self._relax()
        elif self._deadline is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._relax()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """For what is no HTTP; ``msg`` is uvicorn's."""
        self._refuse(
            HTTPStatus.BAD_REQUEST,
            "bad_request",
            f"This is no HTTP request, or its head is larger than {MOST_HEAD_BYTES // 1024} KiB.",
        )

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_busy or self.transport.is_closing():
            return
        if self._has_sent and self.cycle is None:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                "too_slow",
                f"The request's head took longer than {HEAD_SECONDS:.0f} s.",
            )
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        body = (json.dumps(error_document(code, message)) + "\n").encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
