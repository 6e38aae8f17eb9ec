"""What people are told: the command, in a process of its own, at faults of every kind. One clear
error with what to do, the right exit code, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.broken_answers import (
    HTML,
    answering,
    closed_before,
    lost_answer,
    no_http,
    reset_before,
    reset_half_way,
)
from tests.support.bucket import MotoBucket
from tests.support.command import Command, Ended
from tests.support.fault_proxy import Fault, FaultProxy, from_on, nothing
from tests.support.rest_answers import REST_LASTING, REST_PASSING
from tests.support.s3_answers import S3_LASTING, error
from tests.support.sampling import IS_WHOLE
from tests.support.supabase_stack import SupabaseStack

_ENDPOINT = "Check the endpoint's host"
_AT_THE_BUCKET: dict[str, tuple[Fault, str]] = {
    **S3_LASTING,
    "reset": (reset_before, _ENDPOINT),
    "closed": (closed_before, _ENDPOINT),
    "no HTTP": (no_http, _ENDPOINT),
    "lost": (lost_answer, _ENDPOINT),
    "500": (error(500, "InternalError"), _ENDPOINT),
    "503 SlowDown": (error(503, "SlowDown"), _ENDPOINT),
    "502 in HTML": (answering(502, HTML), _ENDPOINT),
    "429": (answering(429), _ENDPOINT),
}
_STATE = "project's state"
_AT_THE_PROJECT: dict[str, tuple[Fault, int, str]] = {
    **REST_LASTING,
    "reset": (reset_before, 4, "project is running"),
    "half way": (reset_half_way, 4, "project is running"),
    "no HTTP": (no_http, 4, "project is running"),
    "200 in HTML": (REST_PASSING["200 in HTML"], 4, "SUPABASE_URL looks like"),
    "half of a document": (REST_PASSING["half of a document"], 4, _STATE),
    "another shape": (REST_PASSING["an error with 200"], 4, _STATE),
    "no schema cache": (REST_PASSING["no schema cache"], 4, _STATE),
    "too many connections": (REST_PASSING["too many connections"], 4, _STATE),
    "Cloudflare's 522": (REST_PASSING["Cloudflare's 522"], 4, _STATE),
}
SECRETS = ("canary-access-key", "canary-secret-key")


def some(kinds: dict[str, tuple[Fault, str]] | dict[str, tuple[Fault, int, str]]) -> list[str]:
    """All of them, or a few."""
    return list(kinds) if IS_WHOLE else list(kinds)[3::12]


@pytest.fixture
def command(
    tmp_path: Path, bucket: MotoBucket, credentials: None, catalog_database: str
) -> Command:
    bucket.put(f"{i}.jpg" for i in range(5))
    return Command(
        tmp_path,
        {
            "S3SYNC_BUCKET": bucket.name,
            "AWS_ENDPOINT_URL_S3": bucket.endpoint,
            "AWS_ACCESS_KEY_ID": SECRETS[0],
            "AWS_SECRET_ACCESS_KEY": SECRETS[1],
            "DATABASE_URL": catalog_database,
        },
    )


@pytest.fixture
def at_the_bucket(bucket: MotoBucket) -> Iterator[FaultProxy]:
    with FaultProxy(bucket.endpoint) as proxy:
        yield proxy


@pytest.fixture
def at_the_project(supabase: SupabaseStack) -> Iterator[FaultProxy]:
    with FaultProxy(supabase.url) as proxy:
        yield proxy


def assert_told(ended: Ended, code: int, hint: str, *secrets: str) -> None:
    """One error, with what to do, and nothing of what only we would understand."""
    assert ended.code == code, ended.err
    told = [
        line
        for line in ended.err.splitlines()
        if not line.startswith("Full run: ") and not line.endswith("Trying again.")
    ]
    assert told[0].startswith("Error: "), ended.err
    assert ended.err.count("Error: ") == 1
    assert hint in " ".join(told), ended.err
    assert len(" ".join(told)) < 1_000
    for jargon in ("Traceback", "Exception", "0x", "<html", "object at"):
        assert jargon not in ended.err
    for secret in (*SECRETS, "X-Amz-Signature", *secrets):
        assert secret not in ended.out + ended.err


@pytest.mark.parametrize("kind", some(_AT_THE_BUCKET))
def test_a_fault_of_the_bucket_is_told(
    command: Command, at_the_bucket: FaultProxy, catalog_database: str, kind: str
) -> None:
    fault, hint = _AT_THE_BUCKET[kind]
    at_the_bucket.script = from_on(fault, 1)
    ended = command.run("--once", AWS_ENDPOINT_URL_S3=at_the_bucket.url)
    assert_told(ended, 3, hint)
    with psycopg.connect(catalog_database) as behind:
        query = "select status, error <> '', hint <> '' from sync_runs"
        assert behind.execute(query).fetchall() == [("failed", True, True)]
        assert behind.execute("select count(*) from images").fetchall() == [(0,)]
    at_the_bucket.script = nothing
    assert command.run("--once", AWS_ENDPOINT_URL_S3=at_the_bucket.url).code == 0


@pytest.mark.parametrize("kind", some(_AT_THE_PROJECT))
def test_a_fault_of_the_project_is_told(
    command: Command, at_the_project: FaultProxy, supabase: SupabaseStack, kind: str
) -> None:
    del command.environ["DATABASE_URL"]
    command.environ |= {
        "SUPABASE_URL": at_the_project.url,
        "SUPABASE_SECRET_KEY": supabase.secret_key,
    }
    fault, code, hint = _AT_THE_PROJECT[kind]
    at_the_project.script = from_on(fault, 1)
    assert_told(command.run("--once"), code, hint, supabase.secret_key)
    at_the_project.script = nothing
    assert command.run("--once").code == 0
