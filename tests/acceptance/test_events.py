"""Uploads through S3's notifications and a queue into the table, with all that goes wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_once import wait_for
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.command import Command
from tests.support.queue import MotoQueue

UPLOADS = int(os.environ.get("S3SYNC_TEST_UPLOADS", "1000"))
"""10,000 take some minutes, most of them moto's."""
KILLS = 3


@pytest.fixture
def queue(moto: MotoServer, bucket: MotoBucket) -> MotoQueue:
    queue = MotoQueue(moto.endpoint, visibility_seconds=3)
    queue.notified_of(bucket)
    return queue


class Worker:
    """The worker's process, which may be killed and started again."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = self._command.start("watch", "--every", "1d")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        process, self._process = self._process, None
        assert process is not None
        assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        return process.returncode, said

    @property
    def is_running(self) -> bool:
        return self._process is not None


@pytest.fixture
def worker(synced: Command, queue: MotoQueue) -> Iterator[Worker]:
    # The bucket is empty when it is listed: what gets into the table later, events bring.
    assert synced.run("--once").code == 0
    synced.environ |= {"S3SYNC_SQS_URL": queue.url}
    worker = Worker(synced)
    yield worker
    if worker.is_running:
        worker.end(signal.SIGKILL)


class Table:
    """What the table says."""

    def __init__(self, database: psycopg.Connection[Any], name: str) -> None:
        self._database = database
        self._name = sql.Identifier(name)

    def present(self) -> dict[str, str]:
        query = sql.SQL("select filename, etag from {} where missing_since is null")
        return dict(self._database.execute(query.format(self._name)).fetchall())

    def reach(self, number: int) -> bool:
        query = sql.SQL("select count(*) from {}").format(self._name)
        row = self._database.execute(query).fetchone()
        assert row is not None
        return int(row[0]) >= number

    def has(self, key: str) -> bool:
        query = sql.SQL("select from {} where filename = %s").format(self._name)
        return self._database.execute(query, [key]).fetchone() is not None


@pytest.fixture
def rows(database: psycopg.Connection[Any], table: str) -> Table:
    return Table(database, table)


@pytest.mark.timeout(1200)
def test_a_worker_that_is_killed_again_and_again_loses_nothing(
    bucket: MotoBucket, queue: MotoQueue, worker: Worker, rows: Table
) -> None:
    luck = random.Random(6)
    keys = [f"cam-{n % 7}/{n:05}.jpg" for n in range(UPLOADS)]
    bucket.put(keys)
    bucket.put(luck.sample(keys, UPLOADS // 20), b"overwritten")
    bucket.delete(luck.sample(keys, UPLOADS // 10))
    bucket.put(luck.sample(keys, UPLOADS // 20), b"uploaded once more")
    garbage = [f"garbage {n}" for n in range(UPLOADS // 100)]
    queue.disturb(luck, duplicates=len(queue.bodies) // 5, others=garbage)

    for kill in range(KILLS):
        worker.start()
        aim = UPLOADS * (kill + 1) // (KILLS + 1)
        wait_for(partial(rows.reach, aim), seconds=300)
        worker.end(signal.SIGKILL)
    worker.start()
    wait_for(lambda: not queue.bodies, seconds=600)
    code, said = worker.end(signal.SIGTERM)
    assert code == 143, said
    assert rows.present() == bucket.objects()
    assert sorted(queue.dead) == sorted(garbage)


def test_every_upload_is_a_row_soon_after(
    bucket: MotoBucket,
    queue: MotoQueue,
    worker: Worker,
    rows: Table,
    record_property: Callable[[str, object], None],
) -> None:
    worker.start()
    wait_for(lambda: not queue.bodies)  # the test event is read
    seconds = []
    for number in range(20):
        key = f"{number}.jpg"
        bucket.put([key])
        began = time.monotonic()
        wait_for(partial(rows.has, key))
        seconds.append(time.monotonic() - began)
    record_property("median_seconds_from_upload_to_row", median(seconds))
    wait_for(lambda: not queue.bodies)
    assert worker.end(signal.SIGTERM)[0] == 143
    assert rows.present() == bucket.objects()
