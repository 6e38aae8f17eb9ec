"""``s3sync-tui serve`` in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.command import Command

TOKEN = "a-token-for-tests-0123456789"
ROUTES = [
    ("GET", "/"),
    ("POST", "/api/sync"),
    ("GET", "/api/sync"),
    ("GET", "/api/runs"),
    ("GET", "/api/runs/1"),
    ("GET", "/api/events"),
    ("GET", "/api/growth"),
    ("GET", "/api/health"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
]


class Served:
    """One server, and a client that has its token."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        """The lines on stderr so far."""
        self.url = self._address()
        self._collecting = threading.Thread(target=self._collect, daemon=True)
        self._collecting.start()

    def client(self, token: str | None = TOKEN, **headers: str) -> httpx.Client:
        """A client, with headers of its own."""
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        # There is no TLS, and to load authorities takes 50 ms each time.
        return httpx.Client(base_url=self.url, headers=bearer | headers, timeout=120, verify=False)

    def ask(self, method: str, path: str, token: str | None = TOKEN, **more: Any) -> httpx.Response:
        """One request on a connection of its own."""
        with self.client(token) as client:
            return client.request(method, path, **more)

    def get(self, path: str) -> Any:
        """The document at ``path``."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def figures(self) -> dict[tuple[str, str], float]:
        """What Prometheus is told, by name and labels' values."""
        text = self.ask("GET", "/metrics").text
        return {
            (sample.name, ",".join(label for _, label in sorted(sample.labels.items()))): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._collecting.join()
        return code

    def kill(self) -> None:
        """At once, if it still runs."""
        self.process.kill()
        self.process.wait()
        self._collecting.join()

    def _address(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"Serving at (http://[\d.:]+)", line):
                return found[1]
        raise AssertionError(f"It does not serve: {''.join(self.log)}")

    def _collect(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)


@contextmanager
def serving(
    command: Command, *arguments: str, token: str | None = TOKEN, **environ: str
) -> Iterator[Served]:
    """A server at a free port of loopback; killed at the end, if it still runs."""
    secret: Mapping[str, str] = {} if token is None else {"S3SYNC_HTTP_TOKEN": token}
    with command.start(
        "serve", "--listen", "127.0.0.1:0", *arguments, **{**secret, **environ}
    ) as process:
        try:
            server = Served(process)
        except AssertionError:
            process.kill()
            raise
        try:
            yield server
        finally:
            server.kill()
