"""The set-up's screen with everything behind it: a real bucket, a real Postgres, a
Supabase project; and the file that it leaves."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, RadioSet, Select

from s3sync_tui.setup.answers import know
from s3sync_tui.tui.screens.set_up import SetUp
from s3sync_tui.tui.setup_app import Outcome, Ready, SetUpApp
from s3sync_tui.tui.widgets.set_up_choices import SetUpCheckbox
from s3sync_tui.tui.widgets.set_up_status import PartState, Sign
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.supabase_stack import SupabaseStack

CANARY = "canary-secret"
_numbers = count(1)
NOWHERE = f"postgresql://someone:{CANARY}@127.0.0.1:9/db"


@pytest.fixture
def bucket(moto: MotoServer) -> MotoBucket:
    made = MotoBucket(moto.endpoint, f"set-up-{next(_numbers)}")  # all servers share one memory
    made.put(["cam-07/a.jpg", "cam-07/b.jpg", "notes.txt"])
    return made


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return work


def set_up(place: Path, **environ: str) -> SetUpApp:
    return SetUpApp(know({}, environ=environ, config=None, directory=place), pause_seconds=0.05)


def form(pilot: Pilot[Outcome]) -> SetUp:
    return next(s for s in pilot.app.screen_stack if isinstance(s, SetUp))


async def until(pilot: Pilot[Outcome], what: Callable[[], object]) -> None:
    for _ in range(300):
        if what():
            return
        await pilot.pause(0.1)
    raise AssertionError(f"never: {form(pilot).bucket.state} {form(pilot).catalog.state}")


def say(pilot: Pilot[Outcome], **answers: str) -> None:
    """Paste answers."""
    for setting, text in answers.items():
        form(pilot).query_one(f"#{setting} Input", Input).value = text


def choose(pilot: Pilot[Outcome], kind: str) -> None:
    form(pilot).query_one(RadioSet).query_one(f"#kind-{kind}").value = True  # type: ignore[attr-defined]


def bucket_stands(pilot: Pilot[Outcome], sign: Sign) -> Callable[[], bool]:
    return lambda: form(pilot).bucket.state.sign is sign


def catalog_stands(pilot: Pilot[Outcome], sign: Sign) -> Callable[[], bool]:
    return lambda: form(pilot).catalog.state.sign is sign


def shown(pilot: Pilot[Outcome]) -> str:
    return pilot.app.export_screenshot().replace("&#160;", " ")


async def test_right_answers_are_kept_and_give_the_settings(
    place: Path, bucket: MotoBucket, catalog_database: str
) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        assert form(pilot).query_one("#start", Button).disabled
        say(pilot, bucket=bucket.name, endpoint=bucket.endpoint, prefix="cam-07/")
        await until(pilot, bucket_stands(pilot, Sign.WELL))
        assert (
            "2 images on the first page, for example cam-07/a.jpg" in form(pilot).bucket.state.text
        )
        choose(pilot, "postgres")
        await pilot.pause()
        say(pilot, database_url=catalog_database)
        await until(pilot, catalog_stands(pilot, Sign.WELL))
        assert catalog_database not in shown(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.return_value)
    outcome = app.return_value
    assert isinstance(outcome, Ready)
    assert outcome.settings.bucket == bucket.name
    assert outcome.settings.catalog_kind == "postgres"
    assert "export DATABASE_URL=…" in "\n".join(outcome.notes)
    assert catalog_database not in repr(outcome)
    text = (place / "s3sync.toml").read_text()
    assert catalog_database not in text
    kept = {"bucket": bucket.name, "endpoint": bucket.endpoint, "prefix": "cam-07/"}
    assert tomllib.loads(text) == {**kept, "table": "images"}


async def test_a_secret_is_kept_only_when_asked_and_then_for_its_owner_alone(
    place: Path, bucket: MotoBucket, catalog_database: str
) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        say(pilot, bucket=bucket.name, endpoint=bucket.endpoint)
        choose(pilot, "postgres")
        await pilot.pause()
        say(pilot, database_url=catalog_database)
        form(pilot).query_one(SetUpCheckbox).value = True
        await until(pilot, lambda: not form(pilot).missing)
        await pilot.click("#start")
        await until(pilot, lambda: app.return_value)
    file = place / "s3sync.toml"
    assert tomllib.loads(file.read_text())["database_url"] == catalog_database
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert isinstance(app.return_value, Ready)
    assert app.return_value.notes == ["Saved in ./s3sync.toml."]
    again = know({}, environ={}, config=None, directory=place)
    assert again.loaded.settings == app.return_value.settings


async def test_wrong_answers_are_told_where_they_stand(place: Path, bucket: MotoBucket) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        say(pilot, bucket="my bucket")
        await until(pilot, bucket_stands(pilot, Sign.WRONG))
        assert form(pilot).query_one("#bucket").has_class("-wrong")
        say(pilot, bucket="no-such-bucket", endpoint="garbage")
        await until(pilot, lambda: form(pilot).query_one("#endpoint").has_class("-wrong"))
        assert not form(pilot).query_one("#bucket").has_class("-wrong")
        for impossible in ("http://a..b", "http://xn--a", "http://127.0.0.1:9"):
            form(pilot).show_bucket(PartState())
            say(pilot, endpoint=impossible)
            await until(pilot, bucket_stands(pilot, Sign.WRONG))
        say(pilot, endpoint=bucket.endpoint)
        await until(pilot, lambda: "There is no bucket" in form(pilot).bucket.state.text)
        choose(pilot, "postgres")
        await pilot.pause()
        for impossible in (f"{CANARY} x", f"postgresql://u:{CANARY}@a..b/x", NOWHERE):
            form(pilot).show_catalog(PartState())
            say(pilot, database_url=impossible)
            await until(pilot, catalog_stands(pilot, Sign.WRONG))
            assert CANARY not in shown(pilot)
        await pilot.press("ctrl+s")
        assert app.return_value is None
    assert not (place / "s3sync.toml").exists()


async def test_an_older_answer_never_overwrites_a_newer_one(
    place: Path, bucket: MotoBucket
) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        say(pilot, bucket="no-such-bucket", endpoint="http://127.0.0.1:9")
        await pilot.pause(0.3)  # its test is under way, and takes seconds to fail
        say(pilot, bucket=bucket.name, endpoint=bucket.endpoint)
        await until(pilot, bucket_stands(pilot, Sign.WELL))
        for _ in range(40):
            await pilot.pause(0.1)
            assert form(pilot).bucket.state.sign is Sign.WELL


async def test_a_missing_schema_is_applied_at_a_key(
    place: Path, new_database: Callable[..., str]
) -> None:
    app = set_up(place, DATABASE_URL=new_database(with_schema=False))
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, catalog_stands(pilot, Sign.NO_SCHEMA))
        assert "as set in $DATABASE_URL" in shown(pilot)
        await pilot.press("f3")
        await until(pilot, catalog_stands(pilot, Sign.WELL))
        assert "ready, 0 images" in form(pilot).catalog.state.text


async def test_a_secret_goes_to_no_address_half_typed(
    place: Path, supabase: SupabaseStack, bucket: MotoBucket
) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        say(pilot, supabase_key=supabase.secret_key, bucket=bucket.name, endpoint=bucket.endpoint)
        field = form(pilot).query_one("#supabase_url Input", Input)
        field.focus()
        await pilot.press(*supabase.url)
        await pilot.pause(0.5)
        assert form(pilot).catalog.state.sign is Sign.IDLE
        assert supabase.gateway.traffic().requests == 0
        await pilot.press("enter")
        await until(pilot, catalog_stands(pilot, Sign.WELL))
        assert supabase.secret_key not in shown(pilot)
        await until(pilot, lambda: not form(pilot).missing)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.return_value)
    text = (place / "s3sync.toml").read_text()
    assert supabase.secret_key not in text
    assert tomllib.loads(text)["supabase_url"] == supabase.url
    assert isinstance(app.return_value, Ready)
    assert "export SUPABASE_SECRET_KEY=…" in "\n".join(app.return_value.notes)


async def test_over_the_rest_api_a_missing_schema_is_told_with_what_to_paste(
    place: Path, supabase: SupabaseStack
) -> None:
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        say(
            pilot,
            table="elsewhere",
            supabase_url=supabase.url,
            supabase_key=supabase.secret_key,
        )
        await until(pilot, catalog_stands(pilot, Sign.NO_SCHEMA))
        assert "s3sync-tui schema --table elsewhere" in form(pilot).catalog.state.hint
        await pilot.press("f3")  # does nothing
        say(pilot, table="images", supabase_key=supabase.publishable_key)
        await until(pilot, lambda: "sb_secret_" in form(pilot).catalog.state.hint)


async def test_a_file_without_a_bucket_is_added_to(
    place: Path, bucket: MotoBucket, catalog_database: str
) -> None:
    file = place / "s3sync.toml"
    file.write_text(f'# ours\nbatch_size = 500 # why\nendpoint = "{bucket.endpoint}"\n')
    file.chmod(0o640)
    app = set_up(place, DATABASE_URL=catalog_database)
    async with app.run_test(size=(100, 40)) as pilot:
        assert "what else is in it stays" in shown(pilot)
        say(pilot, bucket=bucket.name)
        await until(pilot, lambda: not form(pilot).missing)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.return_value)
    assert file.read_text() == (
        f'# ours\nbatch_size = 500 # why\nendpoint = "{bucket.endpoint}"\n'
        f'bucket = "{bucket.name}"\ntable = "images"\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert isinstance(app.return_value, Ready)
    assert app.return_value.settings.batch_size == 500
    assert app.return_value.notes == ["Saved in ./s3sync.toml."]


async def test_what_will_outrank_the_file_is_said(
    place: Path, bucket: MotoBucket, supabase: SupabaseStack
) -> None:
    app = set_up(place, DATABASE_URL=NOWHERE)
    async with app.run_test(size=(100, 40)) as pilot:
        choose(pilot, "supabase")
        await pilot.pause()
        say(
            pilot,
            bucket=bucket.name,
            endpoint=bucket.endpoint,
            supabase_url=supabase.url,
            supabase_key=supabase.secret_key,
        )
        await until(pilot, lambda: not form(pilot).missing)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.return_value)
    assert isinstance(app.return_value, Ready)
    assert app.return_value.settings.catalog_kind == "supabase"
    assert "$DATABASE_URL will outrank ./s3sync.toml" in "\n".join(app.return_value.notes)


async def test_a_file_that_cannot_be_written_is_told_and_the_screen_stays(
    place: Path, bucket: MotoBucket, catalog_database: str
) -> None:
    app = set_up(place, DATABASE_URL=catalog_database)
    async with app.run_test(size=(100, 40)) as pilot:
        say(pilot, bucket=bucket.name, endpoint=bucket.endpoint)
        await until(pilot, lambda: not form(pilot).missing)
        (place / "s3sync.toml").write_text("# someone else's\n")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "written by someone else meanwhile" in shown(pilot))
        assert app.return_value is None
    assert (place / "s3sync.toml").read_text() == "# someone else's\n"


async def test_the_profiles_of_the_machine_are_offered(
    place: Path, monkeypatch: pytest.MonkeyPatch, bucket: MotoBucket
) -> None:
    keys = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (Path.home() / ".aws" / "credentials").write_text(f"[night]\n{keys}[day]\n{keys}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    app = set_up(place)
    async with app.run_test(size=(100, 40)) as pilot:
        select: Select[str] = form(pilot).query_one(Select)
        await until(pilot, lambda: "night" in [value for _, value in select._options])
        select.value = "night"
        say(pilot, bucket=bucket.name, endpoint=bucket.endpoint)
        await until(pilot, bucket_stands(pilot, Sign.WELL))
        assert form(pilot).bucket.texts["profile"] == "night"


async def test_keys_in_the_environment_go_before_profiles_and_that_is_said(place: Path) -> None:
    app = set_up(place, AWS_ACCESS_KEY_ID="test")
    async with app.run_test(size=(100, 40)) as pilot:
        assert form(pilot).query_one(Select).disabled
        assert "the keys in $AWS_ACCESS_KEY_ID" in shown(pilot)


async def test_looking_at_the_embedded_catalog_leaves_nothing_behind(place: Path) -> None:
    data = place / "data"
    app = set_up(place, S3SYNC_DATA_DIR=str(data))
    async with app.run_test(size=(100, 40)) as pilot:
        choose(pilot, "embedded")
        await until(pilot, catalog_stands(pilot, Sign.WELL))
        assert "is made at the start" in form(pilot).catalog.state.text
    assert not data.exists()


@pytest.mark.parametrize(("key", "outcome"), [("f2", "demo"), ("escape", None), ("ctrl+q", None)])
async def test_out_by_key(place: Path, key: str, outcome: str | None) -> None:
    app = set_up(place)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("a", key)
        await pilot.pause()
    assert app.return_value == outcome
    assert not (place / "s3sync.toml").exists()


async def test_tab_goes_through_the_form_and_back(place: Path) -> None:
    app = set_up(place)
    async with app.run_test(size=(80, 24)) as pilot:
        seen: list[str] = []
        for _ in range(11):
            focused = pilot.app.focused
            assert focused is not None
            parent = focused.parent
            seen.append(focused.id or str(parent.id if parent is not None else ""))
            await pilot.press("tab")
    assert seen[:4] == ["bucket", "profile", "endpoint", "prefix"]
    assert seen[5:8] == ["supabase_url", "supabase_key", "table"]
    assert seen[9:] == ["demo", "leave"]
