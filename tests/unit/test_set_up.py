"""The set-up's answers and its file: nothing leaks, and nothing that is there is lost."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from s3sync_tui.errors import SettingsError
from s3sync_tui.setup.answers import Answers, Known, Misfit, know
from s3sync_tui.setup.file import Place, completed, file_text, place_for, save
from s3sync_tui.setup.keeping import keep

CANARY = "canary-secret"
URL = f"postgresql://someone:{CANARY}@db.example.com/db"


def known(directory: Path, **environ: str) -> Known:
    return know({}, environ=environ, config=None, directory=directory)


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    (tmp_path / "s3sync.toml").write_text(f'database_url = "{URL}"\n')
    everything = know(
        {"database_url": URL},
        environ={"DATABASE_URL": URL, "SUPABASE_SECRET_KEY": CANARY},
        config=None,
        directory=tmp_path,
    )
    answers = Answers({"bucket": "images"}, "postgres", URL)
    shown = [everything, answers, place_for(everything), answers.settings(everything)]
    assert CANARY not in "".join(map(repr, shown))
    with pytest.raises(Misfit) as misfit:
        Answers({}, "postgres", f"{CANARY} x").check()
    assert CANARY not in f"{misfit.value!r} {misfit.value.hint} {misfit.value.__context__!r}"


@pytest.mark.parametrize("prefix", ['a"b\\c', "📷/", "tab\there", "del\x7f", "é\u2028"])
def test_any_text_comes_back_from_the_file(prefix: str) -> None:
    assert tomllib.loads(file_text({"bucket": "images", "prefix": prefix})) == {
        "bucket": "images",
        "prefix": prefix,
    }


def test_a_file_keeps_what_it_says_besides() -> None:
    text = '# mine\r\nprefix = "old/"  # gone\r\nbatch_size = 500\r\n'
    place = Place(Path("s3sync.toml"), "./s3sync.toml", text)
    answers = Answers({"bucket": "images", "prefix": "new/"})
    values = {"bucket": "images", "prefix": "new/"}
    done, changes = completed(place, values, answers)
    assert done == '# mine\r\nprefix = "new/"\r\nbatch_size = 500\r\nbucket = "images"\r\n'
    assert changes == ["prefix was changed"]


def test_what_would_outrank_the_choice_is_removed_and_told() -> None:
    place = Place(Path("s3sync.toml"), "./s3sync.toml", f'database_url = "{URL}"\nprefix = "a"')
    answers = Answers({"bucket": "images", "supabase_url": "https://x.y"}, "supabase", "key")
    values = {"bucket": "images", "supabase_url": "https://x.y"}
    done, changes = completed(place, values, answers)
    assert tomllib.loads(done) == values | {"prefix": "a"}
    assert changes == ["database_url was removed"]
    assert CANARY not in "".join(changes)


@pytest.mark.parametrize(
    "text", ['prefix = """\nprefix = "a"\n"""\n', 'prefix = """a\nb"""\n', "[section]\n"]
)
def test_a_file_that_cannot_be_added_to_is_left_as_it_is(text: str) -> None:
    place = Place(Path("s3sync.toml"), "./s3sync.toml", text)
    answers = Answers({"bucket": "images", "prefix": "new/"})
    with pytest.raises(SettingsError, match="can't be added to"):
        completed(place, {"bucket": "images", "prefix": "new/"}, answers)


def test_a_file_written_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    for before in (None, "prefix = 'a'\n"):
        path = tmp_path / "s3sync.toml"
        path.write_text("theirs = 1\n")
        with pytest.raises(SettingsError, match="meanwhile"):
            save(Place(path, "./s3sync.toml", before), "ours", is_private=False)
        assert path.read_text() == "theirs = 1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["s3sync.toml"]


def test_a_secret_added_to_a_file_shuts_it(tmp_path: Path) -> None:
    path = tmp_path / "s3sync.toml"
    path.write_text("batch_size = 500\n")
    path.chmod(0o644)
    what = known(tmp_path)
    answers = Answers({"bucket": "images"}, "postgres", URL)
    notes = keep(answers, what, place_for(what), with_secret=True)
    assert notes == ["Saved in ./s3sync.toml."]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert known(tmp_path).loaded.settings == answers.settings(what)


def test_an_answer_outranks_what_is_set_but_only_where_it_was_given(tmp_path: Path) -> None:
    what = known(
        tmp_path, DATABASE_URL=URL, S3SYNC_PREFIX="set/", AWS_ENDPOINT_URL_S3="http://set:9000"
    )
    embedded = Answers({"bucket": "images", "prefix": "", "endpoint": ""}).settings(what)
    assert (embedded.catalog_kind, embedded.prefix, embedded.endpoint) == ("embedded", "", None)
    project = Answers(
        {"bucket": "images", "supabase_url": "https://abc.supabase.co"}, "supabase", CANARY
    ).settings(what)
    assert project.catalog_kind == "supabase"
    assert Answers({"bucket": "images"}, "postgres").settings(what).database_url is not None


def test_a_missing_secret_is_asked_for(tmp_path: Path) -> None:
    for answers in (
        Answers({"bucket": "images"}, "postgres"),
        Answers({"supabase_url": "https://abc.supabase.co"}, "supabase"),
    ):
        with pytest.raises(Misfit, match="must be given"):
            answers.settings(known(tmp_path))
