"""The parts of ``serve`` that no client can be made to show at will."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3sync_tui.errors import CatalogUnreachable, LeaseHeld, LeaseLost, PartlyDone, S3SyncError
from s3sync_tui.headless.server.answers import error_answer, result_answer
from s3sync_tui.headless.server.readings import Kept
from s3sync_tui.headless.server.serve import listen
from s3sync_tui.headless.server.stream import MOST_WAITING, Message, Reader
from s3sync_tui.model import RunMode, RunResult, RunStats, RunStatus


def message(number: int) -> Message:
    return Message(number, f"{number}".encode())


async def test_a_slow_reader_misses_progress_and_nothing_else() -> None:
    reader = Reader()
    reader.put(message(1), "")
    for number in range(2, 2000):
        reader.put(message(number), "progress list" if number % 2 else "progress insert")
    reader.put(message(2000), "")
    assert [each.number for each in await reader.take()] == [1, 1998, 1999, 2000]
    reader.put(message(2001), "batch")
    reader.end()
    assert not reader.is_through
    assert [each.number for each in await reader.take()] == [2001]
    assert reader.is_through


async def test_a_reader_that_is_stuck_is_let_go() -> None:
    reader = Reader()
    for number in range(MOST_WAITING + 10):
        reader.put(message(number), "")
    assert await reader.take() == []
    assert reader.is_through


async def test_a_question_is_asked_once_for_all_who_want_to_know() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        if asked == 1:
            raise CatalogUnreachable("away")
        return asked

    kept = Kept(ask)
    first = await asyncio.gather(*(kept.get(60) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in first} == {CatalogUnreachable}
    assert asked == 1
    assert await asyncio.gather(*(kept.get(60) for _ in range(20))) == [2] * 20
    assert await kept.get(60) == 2
    assert await kept.get(-1) == 3


def ended(status: RunStatus, exit_code: int) -> RunResult:
    stats = RunStats(total=3, added=1)
    return RunResult(7, status, RunMode.FULL, False, stats, [], [], [], "why", "what", exit_code)


@pytest.mark.parametrize(
    ("exit_code", "status"),
    [(1, 500), (3, 502), (4, 503), (5, 500), (PartlyDone.exit_code, 502), (130, 503), (99, 500)],
)
def test_a_run_that_did_not_succeed_is_no_2xx(exit_code: int, status: int) -> None:
    answer = result_answer(ended(RunStatus.FAILED, exit_code))
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)


def test_who_lost_the_lease_is_told_of_a_conflict() -> None:
    assert result_answer(ended(RunStatus.INTERRUPTED, LeaseLost.exit_code)).status_code == 409


def test_the_holder_is_told() -> None:
    since = datetime(2026, 11, 25, 14, tzinfo=UTC)
    held = LeaseHeld("held", run_id=5, holder="there, process 3", since=since)
    body = bytes(error_answer(held).body).decode()
    assert '"holder": {"host": "there, process 3", "run_id": 5, "since": "2026-11-25T14' in body
    assert error_answer(S3SyncError("ours")).status_code == 500


async def test_localhost_is_both_loopback_addresses_at_one_port() -> None:
    sockets = await listen("localhost:0", only_here=True)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


async def test_answers_are_sent_at_once() -> None:
    [bound] = await listen("127.0.0.1:0", only_here=True)
    delays: asyncio.Queue[bool] = asyncio.Queue()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours = writer.get_extra_info("socket")
        delays.put_nowait(not ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accept, sock=bound):
        socket.create_connection(bound.getsockname()).close()
        assert not await delays.get()


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; sys.argv = ['s3sync-tui', 'serve'];"
        "from s3sync_tui.cli import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "starlette is missing" in ended.stderr
    assert "pip install 's3sync-tui[serve]'" in ended.stderr
