"""A server that says back what it is sent: gateways, debug pages and hostile endpoints do."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

Way = Literal["xml", "json", "redirect", "reason", "html"]


class Echoing:
    """Answers everything with ``status``, and in ``way`` with all that it was sent, as it came,
    decoded, percent-encoded and in base64; ``besides`` is said, too."""

    def __init__(self, status: int, way: Way, besides: str = "", code: str = "") -> None:
        self.status, self.way, self.besides, self.code = status, way, besides, code
        self.seen: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length).decode("utf-8", "replace") if length else ""
                head = " ".join(f"{name}={value}" for name, value in self.headers.items())
                outer.respond(self, f"{outer.besides} {self.path} {head} {sent}".strip())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        for method in ("GET", "HEAD", "POST", "PUT", "CONNECT"):
            setattr(Handler, f"do_{method}", Handler._answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def respond(self, to: BaseHTTPRequestHandler, said: str) -> None:
        """Say it back."""
        self.seen.append(said)
        forms = (said, unquote(said), quote(said, safe=""), b64encode(said.encode()).decode())
        text = " | ".join(forms)
        code = self.code or said
        xml = (
            f"<Error><Code>{escape(code)}</Code><Message>{escape(text)}</Message>"
            f"<Region>{escape(said)}</Region></Error>"
        )
        body, kind = {
            "xml": (xml, "application/xml"),
            "json": (
                json.dumps(
                    {
                        "code": self.code,
                        "message": text,
                        "hint": said,
                        "details": text,
                        "__type": code,
                        "error": code,
                        "error_description": text,
                    }
                ),
                "application/json",
            ),
            "html": (f"<html><body>{text}</body></html>", "text/html"),
        }.get(self.way, ("", "text/plain"))
        flat = " ".join(quote(said, safe="=&?/: ").split())[:6000]
        to.send_response_only(self.status, flat if self.way == "reason" else "No")
        data = body.encode()
        to.send_header("Content-Type", kind)
        to.send_header("Content-Length", str(len(data)))
        to.send_header("X-Echo", flat)
        to.send_header("Retry-After", "0")
        if self.way == "redirect":
            to.send_header("Location", f"http://elsewhere.example{to.path}&echo={quote(flat)}")
            to.send_header("x-amz-bucket-region", flat)
        to.end_headers()
        if to.command != "HEAD":
            to.wfile.write(data)


@contextmanager
def echoing(status: int, way: Way, besides: str = "", code: str = "") -> Iterator[Echoing]:
    """Serves meanwhile."""
    server = Echoing(status, way, besides, code)
    try:
        yield server
    finally:
        server.stop()
