"""With nothing but a project URL and a secret key."""

from __future__ import annotations

import pytest

from tests.contract.images import stored
from tests.support.bucket import MotoBucket
from tests.support.command import Command
from tests.support.database import Connection
from tests.support.supabase_stack import SupabaseStack

KEYS = sorted(["a//b.jpg", "naïve-日本-😀.jpg", "new\nline.jpg", *(f"{i}.jpg" for i in range(50))])


@pytest.fixture
def project(synced: Command, supabase: SupabaseStack) -> Command:
    """The command, set up for the bucket and the project."""
    synced.environ |= {
        "SUPABASE_URL": supabase.url,
        "SUPABASE_SECRET_KEY": supabase.secret_key,
        "S3SYNC_TABLE": "images",
    }
    return synced


def test_url_and_key_are_all_it_takes(
    project: Command, bucket: MotoBucket, behind: Connection
) -> None:
    bucket.put(KEYS)
    first = project.run("--once", "--json")
    assert (first.code, first.document["added"]) == (0, len(KEYS)), first.err
    assert stored(behind).keys == KEYS
    assert project.run("--once", "--json").document["skipped"] == len(KEYS)
    looked = project.run("schema", "--apply")
    assert looked.code == 0
    assert "in place and up to date" in looked.out


def test_a_legacy_key_works_and_is_told_to_retire(
    project: Command, supabase: SupabaseStack, bucket: MotoBucket
) -> None:
    ended = project.run(
        "--once",
        SUPABASE_SECRET_KEY="",
        SUPABASE_SERVICE_ROLE_KEY=supabase.service_role_key,
    )
    assert ended.code == 0, ended.err
    assert "retire" in ended.err
    assert supabase.service_role_key not in ended.err


@pytest.mark.parametrize("kind", ["publishable_key", "anon_key"])
def test_a_key_of_the_public_is_refused_with_what_to_use(
    project: Command, supabase: SupabaseStack, kind: str
) -> None:
    key = getattr(supabase, kind)
    ended = project.run("--once", SUPABASE_SECRET_KEY=key)
    assert ended.code == 2
    assert "sb_secret_" in ended.err
    assert key not in ended.out + ended.err


def test_a_missing_schema_says_what_to_paste_where(project: Command) -> None:
    for arguments in (("--once",), ("schema", "--apply")):
        ended = project.run(*arguments, "--table", "elsewhere")
        assert ended.code == 5
        assert "SQL editor" in ended.err
        assert "s3sync-tui schema --table elsewhere" in ended.err


def test_init_tries_each_answer_and_writes_no_secret(
    project: Command, supabase: SupabaseStack, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    del project.environ["S3SYNC_BUCKET"], project.environ["SUPABASE_SECRET_KEY"]
    del project.environ["SUPABASE_URL"]
    answers = [
        *("no-such-bucket", bucket.endpoint, "", "", "y"),  # is tried, and asked again
        *(bucket.name, "", "", ""),
        *("1", supabase.url, supabase.publishable_key, "", "y"),
        *("1", supabase.url, supabase.secret_key, ""),
    ]
    ended = project.run("init", typed="\n".join(answers) + "\n")
    assert ended.code == 0, ended.err
    assert "✗ There is no bucket 'no-such-bucket'" in ended.out
    assert "✓ It can be listed: 2 images on the first page" in ended.out
    assert "ready, 0 images" in ended.out
    assert "export SUPABASE_SECRET_KEY=…" in ended.out
    file = (project.directory / "s3sync.toml").read_text()
    assert supabase.secret_key not in file + ended.out + ended.err
    assert f'bucket = "{bucket.name}"' in file
    synced = project.run("--once", SUPABASE_SECRET_KEY=supabase.secret_key)
    assert "Added: 2, Skipped: 0" in synced.out, synced.err


def test_init_applies_the_schema_over_a_connection_string(
    synced: Command, bucket: MotoBucket, embedded: str, table: str
) -> None:
    for name in ("S3SYNC_BUCKET", "S3SYNC_TABLE"):
        del synced.environ[name]
    answers = [bucket.name, "", "", "", "2", embedded, table, "y"]
    ended = synced.run("init", typed="\n".join(answers) + "\n")
    assert ended.code == 0, ended.err
    assert f"created table {table}" in ended.out
    assert "export DATABASE_URL=…" in ended.out
    assert synced.run("--once", DATABASE_URL=embedded).code == 0


def test_init_without_anybody_says_so(command: Command) -> None:
    ended = command.run("init")
    assert ended.code == 2
    assert "run it in a terminal" in ended.err
    assert not (command.directory / "s3sync.toml").exists()
