"""What others name stays a name: keys, prefixes, tables, policies, in SQL, in shells, in units,
in metrics, in spreadsheets. Nothing of it is run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.metrics_file import write_metrics
from s3sync_tui.headless.report import as_json
from s3sync_tui.insight.check import CheckStatus
from s3sync_tui.insight.documents import run_object
from s3sync_tui.insight.export import Form, export_runs
from s3sync_tui.insight.health import check_health
from s3sync_tui.insight.history import recent_runs
from s3sync_tui.model import RunResult
from s3sync_tui.source.s3 import S3Source
from tests.contract.runs import result as made_up
from tests.support.bucket import MotoBucket
from tests.support.command import Command
from tests.support.database import Connection
from tests.support.echoing import echoing
from tests.support.sampling import IS_WHOLE
from tests.support.settings import settings_of
from tests.support.supabase_stack import SupabaseStack

pytestmark = pytest.mark.usefixtures("credentials")

DROP = "'; drop table canary; --"
PIECES = [
    DROP,
    '"; drop table canary; --',
    "\\'; drop table canary; --",
    "$$; drop table canary; $$",
    "/* ' */ -- x",
    "$1 $2",
    ":name %(name)s %s %n %%",
    "\\",
    "\\N",
    "\\.",
    "\\x41 \\t",
    "a\tb\vc\x01d\x7fe",
    "line\nbreak\r\nand more",
    "{a,b}",
    '("a",b)',
    "{{7*7}} ${7*7} #{7*7}",
    "$(touch canary) `touch canary`",
    "../../../etc/passwd",
    "=HYPERLINK(0)",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '{"filenames":["x"]}',
    "a,b)&filename=neq.x",
    "NULL",
    "日本 é e\u0301 🎥",
    "\u202egpj.exe\u2066",
    "\ufeff\u200b\u2028",
    "%00%2e%2e%2f+ +",
    "x" * 900,
]
KEYS = [f"{piece}.jpg" for piece in PIECES] + [f"cam/{piece}/1.jpg" for piece in PIECES]


async def run(
    catalog: Catalog, bucket: MotoBucket, prefix: str = "", *, mark_gone: bool = False
) -> RunResult:
    source = S3Source(bucket.name, prefix, endpoint=bucket.endpoint, page_size=10)
    try:
        options = SyncOptions(processes=1, mode="full", mark_gone=mark_gone)
        result = await sync(source, catalog, options, lambda _: None)
    finally:
        await source.close()
    assert result.error == ""
    return result


def catalog_of(transport: str, conninfo: str, stack: SupabaseStack, table: str) -> Catalog:
    if transport == "supabase":
        return SupabaseCatalog(stack.url, stack.secret_key, table=table)
    return PostgresCatalog(conninfo, table=table, description="test")


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
async def test_keys_are_text_and_nothing_else(
    transport: str,
    bucket: MotoBucket,
    catalog_database: str,
    supabase: SupabaseStack,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    """Inserted, compared, marked gone, sampled, and told as JSON, byte for byte."""
    behind.execute("create table canary ()")
    bucket.put(KEYS)
    catalog = catalog_of(transport, catalog_database, supabase, "images")
    await catalog.open()
    try:
        first = await run(catalog, bucket)
        assert (first.stats.total, first.stats.added) == (len(KEYS), len(KEYS))
        behind.execute("update images set label = filename, labeled = true")
        again = await run(catalog, bucket)
        assert (again.stats.total, again.stats.added, again.stats.changed) == (len(KEYS), 0, 0)
        bucket.delete(KEYS[:5])
        third = await run(catalog, bucket, mark_gone=True)
        runs = await recent_runs(catalog, 10)
    finally:
        await catalog.close()
    assert third.stats.gone == 5
    told = json.loads(json.dumps(as_json(third)))
    assert set(told["gone_sample"]) <= set(KEYS[:5])
    assert runs[0].gone_sample == told["gone_sample"]
    rows = behind.execute("select filename, label, missing_since is null from images").fetchall()
    assert sorted(rows) == sorted((key, key, key not in KEYS[:5]) for key in KEYS)
    behind.execute("drop table canary")  # it is still there
    record_property("hostile keys", len(KEYS))


PREFIXES = ["a_b%/", "'; drop table canary; --/", "\\/", "$1/%s/", "é\u202e/"]


@pytest.mark.parametrize("prefix", PREFIXES if IS_WHOLE else PREFIXES[:2])
async def test_a_prefix_is_no_pattern(
    prefix: str, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    """What LIKE would take for another one of its kind is left alone."""
    behind.execute("create table canary ()")
    others = ["aXbYYY/1.jpg", "a_b/1.jpg", "axb%/1.jpg", "zz/1.jpg"]
    behind.execute("insert into images (filename) select unnest(%s::text[])", [others])
    behind.execute("insert into images (filename) values (%s)", [f"{prefix}gone.jpg"])
    bucket.put([f"{prefix}1.jpg", *others])
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    await catalog.open()
    try:
        result = await run(catalog, bucket, prefix, mark_gone=True)
    finally:
        await catalog.close()
    assert (result.stats.total, result.stats.added, result.stats.gone) == (1, 1, 1)
    gone = behind.execute("select filename from images where missing_since is not null").fetchall()
    assert gone == [(f"{prefix}gone.jpg",)]
    behind.execute("drop table canary")


LEGAL = ["pg_images", "select", "user", "_", "a" * 40, "table", "order", "null", "pg_x"]


@pytest.mark.parametrize("transport", ["postgres", "supabase"])
async def test_a_table_by_any_legal_name_works(
    transport: str,
    bucket: MotoBucket,
    catalog_database: str,
    supabase: SupabaseStack,
    behind: Connection,
) -> None:
    """Names that are words of SQL, and those that begin like Postgres's own."""
    bucket.put(["a.jpg", "b.jpg"])
    for name in LEGAL if IS_WHOLE else LEGAL[:2]:
        table = settings_of(table=name).table
        if transport == "supabase":
            supabase.execute(schema_sql(table))
            supabase.reload_schema()
        else:
            applying = PostgresCatalog(catalog_database, table=table, description="test")
            try:
                await applying.apply_schema()
            finally:
                await applying.close()
        catalog = catalog_of(transport, catalog_database, supabase, table)
        await catalog.open()
        try:
            assert (await run(catalog, bucket)).stats.added == 2
            health = await check_health(catalog, None)
        finally:
            await catalog.close()
        assert health.worst is not CheckStatus.FAIL, (name, health)
        query = sql.SQL("select count(*) from public.{}").format(sql.Identifier(table))
        assert behind.execute(query).fetchone() == (2,)


@pytest.mark.parametrize(
    "name",
    [
        'images"; drop table canary; --',
        "images'; drop table canary; --",
        "$1",
        "%s",
        "a\\",
        "public.images",
        "Images",
        "bild_é",
        "a" * 41,
        "ima\nges",
        "",
        "sync_runs",
        "x_archive",
        "1images",
    ],
)
def test_a_table_by_any_other_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_of(table=name)
    assert "--table" in refused.value.message
    assert refused.value.hint
    assert refused.value.message.isprintable()


async def test_what_health_would_run_is_what_it_shows(
    catalog_database: str, behind: Connection
) -> None:
    """Policies and functions by hostile names: their remedy mends them, and nothing else."""
    behind.execute("create table canary ()")
    for name in (DROP, '"; drop table canary; --', "%s $1\n\x1b[2J", 'a"b'):
        behind.execute(
            sql.SQL("create policy {} on images to anon using (true)").format(sql.Identifier(name))
        )
    behind.execute("grant select on images to anon")
    for signature in behind.execute(
        "select oid::regprocedure::text from pg_proc where proname like 's3sync%' limit 3"
    ).fetchall():
        behind.execute(f"grant execute on function {signature[0]} to anon".encode())
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    await catalog.open()
    try:
        found = await check_health(catalog, None)
        access = next(check for check in found.checks if check.name == "anon_access")
        assert access.status is CheckStatus.FAIL
        assert access.measured.isprintable()
        assert len([s for s in access.sql if s.startswith("drop policy")]) == 4
        await catalog.mend(access.sql)
        mended = await check_health(catalog, None)
    finally:
        await catalog.close()
    access = next(check for check in mended.checks if check.name == "anon_access")
    assert access.status is CheckStatus.OK
    behind.execute("drop table canary")


async def test_exports_compute_nothing(
    bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    """A run's prefix, holder and error, as any user of the database may write them."""
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    await catalog.open()
    try:
        await run(catalog, bucket)
        for text in ("=1+1", "+1", "-1", "@x", "\t=1", "\r\n=1", "＝1", 'a"b\n=c', "\x1b[2J;"):
            behind.execute("update sync_runs set prefix = %s, error = %s", [text, text])
            runs = await recent_runs(catalog, 1)
            export = export_runs(runs)
            [row] = csv.DictReader(io.StringIO(export.text(Form.CSV), newline=""))
            for cell in (row["prefix"], row["error"]):
                assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
                assert cell.replace("\n", "").isprintable()
            assert json.loads(export.text(Form.JSON))["runs"][0]["error"] == text
            assert run_object(runs[0])["prefix"] == text
    finally:
        await catalog.close()


def test_labels_of_metrics_are_escaped(tmp_path: Path) -> None:
    """A prefix that would close its label and add a series."""
    file = tmp_path / "s3sync.prom"
    hostile = 'a"} 1\nforged_total{x="\\" \\n\x1b\u2028 # HELP'
    settings = settings_of(bucket="some-bucket", prefix=hostile)
    write_metrics(file, settings, None, 3)
    write_metrics(file, settings, None, 3)  # it reads what it has written
    families = list(text_string_to_metric_families(file.read_bytes().decode()))
    assert all(family.name.startswith("s3sync_") for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert samples
    assert {sample.labels["prefix"] for sample in samples} == {hostile}


@pytest.mark.parametrize(
    "prefix", ["$(touch pwned)`touch pwned`';touch pwned;'%\\%\"/", "100%/\\\nExecStartPre=/x\n/"]
)
def test_a_line_of_cron_and_its_variables_run_one_command(
    prefix: str, catalog_database: str, tmp_path: Path
) -> None:
    """As cron and its shell read it: the bucket is asked for that prefix, and nothing else runs."""
    with echoing(403, "xml") as server:
        command = Command(
            tmp_path,
            {
                "S3SYNC_BUCKET": "some-bucket",
                "S3SYNC_PREFIX": prefix,
                "AWS_ENDPOINT_URL_S3": server.url,
                "AWS_REGION": "us-east-1",
                "DATABASE_URL": catalog_database,
                "XDG_CONFIG_HOME": str(tmp_path / "od d;touch pwned;%h'"),
            },
        )
        shown = command.run("install-timer", "--user", "--every", "5m")
        assert shown.code == 0, shown.err
        for line in shown.out.splitlines():
            assert not line.startswith("ExecStartPre")
        written = command.run("install-timer", "--user", "--cron", "--write", "--every", "5m")
        assert written.code == 0, written.err
        [line] = [line for line in written.out.splitlines() if line.startswith("*/5 * * * * ")]
        # crontab(5): % ends the command unless a backslash is before it, which is taken away.
        shell = line.removeprefix("*/5 * * * * ").replace("\\%", "\0")
        assert "%" not in shell
        ended = subprocess.run(
            ["sh", "-c", shell.replace("\0", "%")],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 3, ended.stderr
    assert not list(tmp_path.rglob("pwned"))
    asked = [
        parse_qs(urlsplit(said.split(" ")[0]).query, keep_blank_values=True).get("prefix")
        for said in server.seen
    ]
    assert {found[0] for found in asked if found} == {prefix}


@pytest.mark.parametrize(
    "name", ["a'; drop table x; --", 'b"ucket', "$(id)", "../etc", "a b", "é", "x\x1b[2J", "[red]b"]
)
def test_a_bucket_that_can_be_none_is_refused(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_of(bucket=name)
    assert refused.value.message.isprintable()


def test_results_are_told_as_one_json_object() -> None:
    result = replace(made_up(1), gone_sample=KEYS, rejected_sample=["\ud800", "\0"])
    text = json.dumps(as_json(result))
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text)["gone_sample"] == KEYS
