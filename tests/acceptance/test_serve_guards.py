"""What ``s3sync-tui serve`` lets in: where it listens, whom it believes, how long it waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.test_once import wait_for
from tests.support.bucket import MotoServer
from tests.support.command import Command
from tests.support.served import ROUTES, TOKEN, Served, serving

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def set_up(
    embedded: str, data_dir: Path, moto: MotoServer, tmp_path_factory: pytest.TempPathFactory
) -> Command:
    """The command, for a bucket of one image."""
    bucket = moto.bucket()
    bucket.put(["a.jpg"])
    environ = {
        "S3SYNC_DATA_DIR": str(data_dir),
        "S3SYNC_TABLE": "guarded",
        "S3SYNC_BUCKET": bucket.name,
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
    }
    return Command(tmp_path_factory.mktemp("guards"), environ)


@pytest.fixture(scope="module")
def served(set_up: Command) -> Iterator[Served]:
    """A server that nobody gets to sync."""
    with serving(set_up) as server:
        yield server


@pytest.fixture(scope="module")
def unlocked(set_up: Command) -> Iterator[Served]:
    """A server without a token."""
    with serving(set_up, token=None, S3SYNC_TABLE="unguarded") as server:
        yield server


def said(served: Served, request: bytes, *, patience: float = 60) -> bytes:
    """All that is answered to ``request``, until the server hangs up."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=patience) as connection:
        connection.sendall(request)
        answered = b""
        while packet := connection.recv(65536):
            answered += packet
        return answered


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, f"Authorization: Bearer {TOKEN}", "Host: x", "", ""]).encode()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_beyond_this_machine_it_needs_a_token(set_up: Command, listen: str) -> None:
    refused = set_up.run("serve", "--listen", listen)
    assert refused.code == 2
    assert "a token is needed, and none is set" in refused.err
    assert "S3SYNC_HTTP_TOKEN" in refused.err


@pytest.mark.parametrize("token", ["short", "with a space in it", "fünfzehn-zeichen"])
def test_a_weak_token_is_refused_and_not_repeated(set_up: Command, token: str) -> None:
    refused = set_up.run("serve", S3SYNC_HTTP_TOKEN=token)
    assert refused.code == 2
    assert "at least 16 characters" in refused.err
    assert token not in refused.err


def test_a_place_that_is_taken_is_said(set_up: Command, served: Served) -> None:
    refused = set_up.run("serve", "--listen", f"127.0.0.1:{served.port}")
    assert refused.code == 2
    assert "Another program listens there" in refused.err


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:65536", "a..b:80", f"{'x' * 64}:80"])
def test_what_is_no_address_is_refused(set_up: Command, listen: str) -> None:
    refused = set_up.run("serve", "--listen", listen)
    assert (refused.code, "must be host:port" in refused.err) == (2, True)


def test_without_a_bucket_there_is_nothing_to_serve(command: Command) -> None:
    refused = command.run("serve")
    assert (refused.code, "No bucket is set" in refused.err) == (2, True)


@pytest.mark.parametrize("given", [None, "x", TOKEN[:-1], TOKEN + "x", "Ä" * 20])
def test_no_way_in_without_the_token(served: Served, given: str | None) -> None:
    headers = {} if given is None else {b"Authorization": f"Bearer {given}".encode("latin-1")}
    with served.client(None) as client:
        for method, path in ROUTES:
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.json()["error"]["code"] == "unauthorized"
        for scheme in ("Basic", "Token"):
            other = {"Authorization": f"{scheme} {TOKEN}"}
            assert client.get("/", headers=other).status_code == 401
        assert client.get("/healthz", headers=headers).status_code == 200
        assert client.get("/", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    figures = served.figures()
    assert figures["s3sync_runs_total", "full,succeeded"] == 0
    assert ("s3sync_last_success_timestamp_seconds", "") not in figures


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example:80"},
        {"Host": "192.168.1.4:8080"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Purpose": "prefetch;prerender"},
    ],
)
def test_a_web_page_cannot_use_a_server_without_a_token(
    unlocked: Served, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "/api/sync"), ("GET", "/api/sync"), ("GET", "/api/runs")):
        answer = unlocked.ask(method, path, token=None, headers=headers)
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "forbidden"


def test_a_program_of_this_machine_can(unlocked: Served) -> None:
    assert unlocked.ask("POST", "/api/sync", token=None).json()["added"] == 1
    port = unlocked.port
    for headers in (
        {"Host": f"localhost:{port}"},
        {"Host": f"[::1]:{port}"},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
    ):
        assert unlocked.ask("GET", "/api/runs", token=None, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("query", "body", "status", "says"),
    [
        ("?mode=quick", None, 422, "must be one of auto, full, delta"),
        ("?wait=1", None, 422, "wait must be true or false"),
        ("?dryrun=true", None, 422, 'no parameter "dryrun"'),
        ("?mode=full&mode=delta", None, 422, "twice"),
        ("", b'{"wait": "yes"}', 422, "wait must be true or false"),
        ("", b'{"full": true}', 422, 'no field "full"'),
        ("", b"[]", 422, "must be a JSON object"),
        ("", b"{", 400, "not JSON"),
        ("", b"[" * 60_000, 400, "not JSON"),
        ("", b'{"mode": "\xff"}', 400, "not JSON"),
    ],
)
def test_a_slip_of_the_pen_does_not_sync(
    served: Served, query: str, body: bytes | None, status: int, says: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = served.ask("POST", f"/api/sync{query}", content=body, headers=headers)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]
    assert served.get("/api/runs")["runs"] == []


def test_a_form_is_no_json(served: Served) -> None:
    answer = served.ask("POST", "/api/sync", data={"mode": "full"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "before=-1", "x=1"])
def test_of_runs_too(served: Served, query: str) -> None:
    assert served.ask("GET", f"/api/runs?{query}").status_code == 422


def test_unknown_paths_and_methods_are_said_in_json(served: Served) -> None:
    assert served.ask("GET", "/nowhere").json()["error"]["code"] == "not_found"
    for no_run in ("", "0", "-1", "x", "9" * 5000, "1/2"):
        answer = served.ask("GET", f"/api/runs/{no_run}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    wrong = served.ask("DELETE", "/api/runs")
    assert (wrong.status_code, {*wrong.headers["allow"].split(", ")}) == (405, {"GET", "HEAD"})
    assert wrong.json()["error"]["code"] == "method_not_allowed"


def test_what_is_too_large_is_refused(served: Served) -> None:
    too_much = b" " * (64 * 1024 + 1)
    answer = served.ask("POST", "/api/sync", content=too_much)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    in_chunks = served.ask("POST", "/api/sync", content=iter([b" " * 1024] * 65))
    assert in_chunks.status_code == 413
    told = said(served, head("GET / HTTP/1.1", f"X-Long: {'x' * 20_000}"))
    assert told.startswith(b"HTTP/1.1 431 ")
    told = said(served, b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 20_000)
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b'"code": "bad_request"' in told
    assert said(served, b"\x16\x03\x01 no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_so_many_read_events_and_no_more(served: Served) -> None:
    with ExitStack() as readers:
        for _ in range(32):
            client = readers.enter_context(served.client())
            assert readers.enter_context(client.stream("GET", "/api/events")).status_code == 200
        refused = served.ask("GET", "/api/events")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_readers")
    wait_for(lambda: served.ask("HEAD", "/api/events").status_code == 200)


def test_who_is_too_slow_is_not_waited_for(served: Served) -> None:
    with ThreadPoolExecutor(4) as clients:  # each waits for ten seconds
        silent = clients.submit(said, served, b"")
        slow_head = clients.submit(said, served, b"GET / HTTP/1.1\r\nHost: x\r\n")
        post = head("POST /api/sync HTTP/1.1", "Content-Length: 10")
        slow_body = clients.submit(said, served, post + b"{")
        dripping = clients.submit(_drip_after_an_answer, served)
    assert silent.result() == b""
    assert slow_head.result().startswith(b"HTTP/1.1 408 ")
    assert slow_body.result().startswith(b"HTTP/1.1 408 ")
    assert b'"code": "too_slow"' in slow_body.result()
    assert dripping.result().startswith(b"HTTP/1.1 200 ")


def _drip_after_an_answer(served: Served) -> bytes:
    """Send on and on what nobody reads, until the connection is shut; returns the answer."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(head("GET / HTTP/1.1", "Content-Length: 60000"))
        answer = connection.recv(65536)
        wait_for(lambda: _is_shut(connection))
        return answer


def _is_shut(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_neither_token_nor_query_is_logged(set_up: Command) -> None:
    with serving(set_up, "--log-level", "debug", "--log-format", "json") as served:
        assert served.ask("GET", "/api/runs?limit=7").status_code == 200
        assert served.ask("GET", "/?secret=hush%0anewline").status_code == 422
        assert served.ask("GET", "/a%0ab").status_code == 404
        assert served.stop() == 143
        ours = [line for line in served.log if "server.app" in line]
    assert any("GET /api/runs 200" in line for line in ours)
    assert any(r"/a\\nb 404" in line for line in ours)
    text = "".join(served.log)
    assert "limit=7" not in text
    assert "hush" not in text
    assert TOKEN not in text
