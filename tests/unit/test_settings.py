"""What counts when a setting is given more than once, and what a wrong one is told."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, ValidationError

from s3sync_tui.errors import SettingsError
from s3sync_tui.settings import SETTINGS, Loaded, Settings, describe_database, load_settings
from s3sync_tui.settings.database import PLAIN_URL
from s3sync_tui.source.selection import Selection

PASSWORD = "kanari-password"
KEY = "sb_secret_kanariKey"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoia2FuYXJpIn0.kanari-signature"
DATABASE = f"postgresql://postgres:{PASSWORD}@db.example.com:6543/photos?sslmode=require"
PROJECT = "https://abcdefghijkl.supabase.co"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of nobody's, so that no real configuration is read."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


def load(
    directory: Path,
    toml: str | bytes | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config: Path | None = None,
    **flags: object,
) -> Loaded:
    if toml is not None:
        content = toml if isinstance(toml, bytes) else toml.encode()
        (directory / "s3sync.toml").write_bytes(content)
    return load_settings(flags, environ=environ or {}, config=config, directory=directory)


def fault(directory: Path, toml: str | bytes | None = None, **given: Any) -> SettingsError:
    """The error; that it gives no secret away is checked on the way."""
    with pytest.raises(SettingsError) as caught:
        load(directory, toml, **given)
    error = caught.value
    told = [error.message, error.hint, repr(error), *traceback.format_exception(error)]
    assert "kanari" not in "".join(told)
    assert error.__cause__ is None or isinstance(error.__cause__, OSError)
    assert error.exit_code == 2
    return error


# Precedence


def test_with_nothing_given_the_defaults_hold(directory: Path, home: Path) -> None:
    loaded = load(directory)
    assert loaded.settings == Settings()
    assert loaded.file is None
    assert set(loaded.origins.values()) == {"default"}
    assert set(loaded.origins) == set(Settings.model_fields)
    assert loaded.settings.catalog_kind == "embedded"
    assert loaded.settings.data_dir.is_relative_to(home)
    assert loaded.settings.batch_size == 5000


def test_each_level_outranks_the_next(directory: Path) -> None:
    loaded = load(
        directory,
        "# ours\n\nbatch_size = 300\nlist_concurrency = 3\nlease_seconds = 30\n",
        environ={"S3SYNC_BATCH_SIZE": "200", "S3SYNC_LIST_CONCURRENCY": "2"},
        batch_size=100,
    )
    found = loaded.settings
    assert (found.batch_size, found.list_concurrency, found.lease_seconds) == (100, 2, 30)
    assert loaded.origins["batch_size"] == "--batch-size"
    assert loaded.origins["list_concurrency"] == "$S3SYNC_LIST_CONCURRENCY"
    assert loaded.origins["lease_seconds"] == "s3sync.toml line 5"
    assert loaded.origins["mark_gone"] == "default"
    assert loaded.file == directory / "s3sync.toml"


NUMBERS = ["batch_size", "list_concurrency", "lease_seconds"]
Levels = dict[str, tuple[int | None, int | None, int | None]]


@given(
    levels=st.fixed_dictionaries(
        {name: st.tuples(*[st.none() | st.integers(5, 256)] * 3) for name in NUMBERS}
    ),
    blank=st.sets(st.sampled_from(NUMBERS)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_highest_level_that_speaks_decides_each_setting_by_itself(
    levels: Levels, blank: set[str]
) -> None:
    variables = {name: f"S3SYNC_{name.upper()}" for name in NUMBERS}
    environ = {variables[name]: "" for name in blank}
    environ |= {variables[name]: str(env) for name, (_, env, _) in levels.items() if env}
    lines = [f"{name} = {value}" for name, (_, _, value) in levels.items() if value]
    flags: dict[str, Any] = {name: flag for name, (flag, _, _) in levels.items()}
    with TemporaryDirectory() as directory:
        loaded = load(Path(directory), "\n".join(lines), environ=environ, **flags)
    for name, (flag, env, value) in levels.items():
        expected = flag or env or value or Settings.model_fields[name].default
        assert getattr(loaded.settings, name) == expected
        origin = loaded.origins[name]
        if flag:
            assert origin == f"--{name.replace('_', '-')}"
        elif env:
            assert origin == f"${variables[name]}"
        elif value:
            assert origin == f"s3sync.toml line {lines.index(f'{name} = {value}') + 1}"
        else:
            assert origin == "default"


def test_a_wrong_value_that_is_outranked_does_no_harm(directory: Path) -> None:
    loaded = load(
        directory, "batch_size = 'x'", environ={"S3SYNC_BATCH_SIZE": "nine"}, batch_size=9
    )
    assert loaded.settings.batch_size == 9


def test_every_setting_can_be_given_at_every_level(directory: Path) -> None:
    ca = directory / "ca.pem"
    ca.touch()
    texts = {
        "bucket": ("camera-images",),
        "prefix": (" cam-07/",),
        "endpoint": ("http://localhost:9000",),
        "region": ("eu-central-1",),
        "profile": ("prod",),
        "ca_bundle": (str(ca), ca),
        "addressing_style": ("path",),
        "include": ("*.jpg,raw/*", ("*.jpg", "raw/*"), '["*.jpg", "raw/*"]'),
        "exclude": ("tmp/*, *.tmp", ("tmp/*", "*.tmp"), '["tmp/*", "*.tmp"]'),
        "supabase_url": (PROJECT,),
        "supabase_key": (KEY, SecretStr(KEY)),
        "table": ("photos",),
        "data_dir": (str(directory / "data"), directory / "data"),
        "batch_size": ("10", 10, "10"),
        "list_concurrency": ("11", 11, "11"),
        "processes": ("2", 2, "2"),
        "lease_seconds": ("12", 12, "12"),
        "mark_gone": ("yes", True, "true"),
        "list_price": ("0.004", 0.004, "0.004"),
        "mode": ("delta",),
        "lookback": ("2h", 7200, '"2h"'),
        "full_every": ("12h", 43_200, '"12h"'),
        "every": ("5m", 300, '"5m"'),
        "database_quota": ("8 GB", 8_000_000_000, '"8 GB"'),
        "sqs": ("https://sqs.eu-central-1.amazonaws.com/123456789012/images",),
        "listen": ("[::1]:8081",),
        "token": ("t" * 16, SecretStr("t" * 16)),
        "database_url": (DATABASE, SecretStr(DATABASE)),
    }
    assert set(texts) == set(Settings.model_fields)
    for setting in SETTINGS:
        text, value, written = (*texts[setting.name], None, None)[:3]
        pair = {
            "supabase_url": {"SUPABASE_SECRET_KEY": KEY},
            "supabase_key": {"SUPABASE_URL": PROJECT},
            "region": {"AWS_ENDPOINT_URL_S3": "https://minio.local"},
        }.get(setting.name, {})
        expected = text if value is None else value
        for variable in setting.variables:
            loaded = load(directory, "", environ={variable: str(text)} | pair)
            assert getattr(loaded.settings, setting.name) == expected
            assert loaded.origins[setting.name] == f"${variable}"
        loaded = load(directory, f"{setting.file_key} = {written or repr(str(text))}", environ=pair)
        assert getattr(loaded.settings, setting.name) == expected
        assert loaded.origins[setting.name] == "s3sync.toml line 1"
        if setting.flag:
            flags: dict[str, Any] = {setting.name: text if value is None else value}
            loaded = load(directory, "", environ=pair, **flags)
            assert getattr(loaded.settings, setting.name) == expected
            assert loaded.origins[setting.name] == setting.flag


def test_the_first_variable_that_is_not_empty_counts(directory: Path) -> None:
    environ = {"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": "https://b", "AWS_REGION": ""}
    loaded = load(directory, environ=environ)
    assert loaded.settings.endpoint == "https://b"
    assert loaded.origins["region"] == "default"
    loaded = load(directory, environ=environ | {"AWS_ENDPOINT_URL_S3": "https://a"})
    assert loaded.settings.endpoint == "https://a"


def test_a_flag_can_switch_off_what_the_file_switches_on(directory: Path) -> None:
    loaded = load(directory, "mark_gone = true", mark_gone=False)
    assert loaded.settings.mark_gone is False
    assert loaded.origins["mark_gone"] == "--no-mark-gone"


def test_an_empty_prefix_flag_means_the_whole_bucket(directory: Path) -> None:
    assert load(directory, "prefix = 'cam/'", prefix="").settings.prefix == ""


def test_a_repeatable_flag_that_is_absent_is_not_given(directory: Path) -> None:
    found = load(directory, "exclude = ['tmp/*']", include=[], exclude=()).settings
    assert found.exclude == ("tmp/*",)
    assert "*.avif" in found.include


def test_only_flags_that_exist_are_taken(directory: Path) -> None:
    with pytest.raises(TypeError):
        load(directory, supabase_key=KEY)


def test_the_default_patterns_select_images(directory: Path) -> None:
    selection = Selection(Settings().include, Settings().exclude)
    keys = ["cam/a.JPG", "b.heic", "c.avif", "d.txt", "jpg"]
    assert [selection.matches(key) for key in keys] == [True, True, True, False, False]


# The catalog


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "kind"),
    [
        ({}, {}, "", "embedded"),
        ({}, {"DATABASE_URL": DATABASE, "SUPABASE_URL": PROJECT}, "", "postgres"),
        ({"supabase_url": PROJECT}, {"DATABASE_URL": DATABASE}, "", "supabase"),
        ({"database_url": DATABASE}, {"SUPABASE_URL": PROJECT}, "", "postgres"),
        ({}, {"SUPABASE_URL": PROJECT}, f"database_url = '{DATABASE}'", "supabase"),
        ({}, {"SUPABASE_DB_URL": DATABASE}, f"supabase_url = '{PROJECT}'", "postgres"),
        ({}, {"DATABASE_URL": ""}, f"supabase_url = '{PROJECT}'", "supabase"),
    ],
)
def test_the_catalog_of_the_higher_level_counts(
    directory: Path, flags: dict[str, Any], environ: dict[str, str], toml: str, kind: str
) -> None:
    toml += f"\nsupabase_secret_key = '{KEY}'" if kind == "supabase" else ""
    loaded = load(directory, toml, environ=environ, **flags)
    assert loaded.settings.catalog_kind == kind
    if kind == "supabase":
        assert loaded.settings.database_url is None
        assert loaded.settings.supabase_key == SecretStr(KEY)


def test_what_is_outranked_says_by_what(directory: Path) -> None:
    environ = {"DATABASE_URL": DATABASE, "SUPABASE_SECRET_KEY": KEY}
    loaded = load(directory, environ=environ, supabase_url=PROJECT)
    assert loaded.origins["database_url"] == "$DATABASE_URL, outranked by --supabase-url"
    assert loaded.origins["supabase_url"] == "--supabase-url"


def test_the_secret_key_goes_before_the_legacy_one(directory: Path) -> None:
    environ = {"SUPABASE_URL": PROJECT, "SUPABASE_SERVICE_ROLE_KEY": JWT}
    assert load(directory, environ=environ).settings.supabase_key == SecretStr(JWT)
    environ["SUPABASE_SECRET_KEY"] = KEY + "\n"
    assert load(directory, environ=environ).settings.supabase_key == SecretStr(KEY)


def test_a_project_without_a_key_is_told_where_to_find_it(directory: Path) -> None:
    error = fault(directory, environ={"SUPABASE_URL": PROJECT})
    assert error.message == "$SUPABASE_URL: the Supabase project needs a key, and none is set."
    assert "SUPABASE_SECRET_KEY" in error.hint
    assert "Project Settings > API Keys" in error.hint


def test_a_key_alone_does_not_fall_back_to_the_embedded_catalog(directory: Path) -> None:
    error = fault(directory, environ={"SUPABASE_SECRET_KEY": KEY})
    assert error.message.startswith("$SUPABASE_SECRET_KEY: the key needs its Supabase project")
    assert "SUPABASE_URL" in error.hint
    found = load(directory, environ={"SUPABASE_SECRET_KEY": KEY, "DATABASE_URL": DATABASE})
    assert found.settings.catalog_kind == "postgres"


def test_a_profile_does_not_outrank_the_credentials_that_aws_tools_take_first(
    directory: Path,
) -> None:
    environ = {"AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIA"}
    loaded = load(directory, environ=environ)
    assert loaded.settings.profile is None
    assert loaded.origins["profile"] == "$AWS_PROFILE, outranked by $AWS_ACCESS_KEY_ID"
    assert load(directory, environ=environ, profile="other").settings.profile == "other"
    assert load(directory, environ={"AWS_PROFILE": "prod"}).settings.profile == "prod"


def test_a_region_for_all_of_aws_says_nothing_about_this_bucket(directory: Path) -> None:
    environ = {"AWS_REGION": "eu-central-1"}
    loaded = load(directory, environ=environ)
    assert loaded.settings.region is None
    assert loaded.origins["region"] == "$AWS_REGION, outranked by the bucket's own"
    assert load(directory, environ=environ, region="us-west-2").settings.region == "us-west-2"
    elsewhere = load(directory, environ=environ, endpoint="https://minio.local")
    assert elsewhere.settings.region == "eu-central-1"


# The file


def test_the_file_is_looked_for_at_hand_then_in_the_users_configuration(directory: Path) -> None:
    users = platformdirs.user_config_path("s3sync-tui", appauthor=False) / "s3sync.toml"
    users.parent.mkdir(parents=True)
    users.write_text("table = 'users'")
    loaded = load(directory)
    assert (loaded.settings.table, loaded.file) == ("users", users)
    assert loaded.origins["table"] == f"{users} line 1"
    assert load(directory, "table = 'here'").settings.table == "here"
    (directory / "other.toml").write_text("table = 'other'")
    loaded = load(directory, config=Path("other.toml"))
    assert (loaded.settings.table, loaded.file) == ("other", directory / "other.toml")
    assert loaded.origins["table"] == "other.toml line 1"


def test_a_file_that_is_named_must_be_there(directory: Path) -> None:
    error = fault(directory, config=Path("no/such.toml"))
    assert error.message == "--config no/such.toml: there is no such file."
    assert "s3sync-tui init" in error.hint
    (directory / "folder").mkdir()
    error = fault(directory, config=Path("folder"))
    assert error.message.startswith("--config folder: cannot be read: ")


def test_paths_in_the_file_start_at_the_file_others_at_the_directory(
    directory: Path, home: Path
) -> None:
    (directory / "etc").mkdir()
    (directory / "etc" / "ca.pem").touch()
    config = directory / "etc" / "s3sync.toml"
    config.write_text("ca_bundle = 'ca.pem'\ndata_dir = '~/images'")
    found = load(directory, config=config).settings
    assert found.ca_bundle == directory / "etc" / "ca.pem"
    assert found.data_dir == home / "images"
    found = load(directory, environ={"S3SYNC_DATA_DIR": "images"}).settings
    assert found.data_dir == directory / "images"


@pytest.mark.parametrize(
    ("toml", "where"),
    [
        ("bucket = camera", "s3sync.toml line 1, column 10: here should be a number, true"),
        ("table = 'a'\nbucket 'b'\n", "s3sync.toml line 2, column 8: after a setting's name, ="),
        ('bucket = "abc\ntable = "b"', "s3sync.toml line 1, column 14: the quotes at the end"),
        ("bucket = 'abc", "s3sync.toml line 1, column 14: the quotes at the end"),
        ("table = 'a'\n\ntable = 'b'\n", "s3sync.toml line 3, column 12: this setting is set a"),
        ('data_dir = "C:\\qata"', "s3sync.toml line 1, column 17: in double quotes, \\ must"),
        ("[section", "s3sync.toml line 1, column 9: the ] at the end of a section's name"),
        ("a = {b = 1, b = 2}", "s3sync.toml line 1, column 18: duplicate inline table key 'b'"),
        ("a = " + "[" * 9000, "s3sync.toml: this is not TOML"),
        ("a = " + "9" * 9000, "s3sync.toml: this is not TOML"),
        (b"table = 'a'\n# caf\xe9", "s3sync.toml line 2: this is not UTF-8 text"),
        ("table = 'a'".encode("utf-16"), "s3sync.toml line 1: this is not UTF-8 text"),
    ],
)
def test_a_malformed_file_is_told_where(directory: Path, toml: str | bytes, where: str) -> None:
    error = fault(directory, toml)
    assert error.message.startswith(where)
    assert error.hint


def test_what_editors_on_windows_add_is_no_fault(directory: Path) -> None:
    loaded = load(directory, b"\xef\xbb\xbfbucket = 'abc'\r\ntable = 'b'\r\n")
    assert loaded.settings.bucket == "abc"
    assert loaded.origins["table"] == "s3sync.toml line 2"


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ('include = [\n"batch_size = 1",\n  """\nbatch_size = 2\n""",\n]\nbatch_size = 0', 7),
        ("#batch_size = 7\n\t'batch_size'=0", 2),
        ('table = """\nbatch_size = 1"""\n"batch_size" = 0', 3),
        ("list_batch_size = 4\nbatch_size = 0", 2),
    ],
)
def test_a_keys_line_is_that_of_the_key(directory: Path, toml: str, line: int) -> None:
    assert f"s3sync.toml line {line}: batch_size = 0: must" in fault(directory, toml).message


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("batchsize", "batch_size"),
        ("batch-size", "batch_size"),
        ("BATCH_SIZE", "batch_size"),
        ("S3SYNC_BATCH_SIZE", "batch_size"),
        ("DATABASE_URL", "database_url"),
        ("supabase_key", "supabase_secret_key"),
        ("supabase_service_role_key", "supabase_secret_key"),
        ("buckets", "bucket"),
        ("aws_region", "region"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(directory: Path, key: str, meant: str) -> None:
    error = fault(directory, f"\n{key} = '{KEY}'")
    assert error.message == (
        f"s3sync.toml line 2: there is no setting {key}; did you mean {meant}?"
    )


def test_an_unknown_key_like_no_other_is_told_all(directory: Path) -> None:
    error = fault(directory, "zzz = 1")
    assert error.message == "s3sync.toml line 1: there is no setting zzz."
    assert all(setting.file_key in error.hint for setting in SETTINGS)


def test_sections_are_refused(directory: Path) -> None:
    error = fault(directory, "\n[catalog]\nbatch_size = 1")
    assert error.message == "s3sync.toml line 2: [catalog]: the file has no sections."


def test_a_file_that_may_not_be_read_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(*_: object, **__: object) -> bytes:  # root may read everything
        raise PermissionError(13, "Permission denied")

    (directory / "s3sync.toml").touch()
    monkeypatch.setattr(Path, "read_bytes", shut)
    assert fault(directory).message.startswith("s3sync.toml: cannot be read: ")


def test_a_home_that_may_not_be_entered_is_no_fault(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut(path: Path, *_: object, **__: object) -> bytes:
        if path.is_relative_to(directory):
            raise FileNotFoundError
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", shut)
    monkeypatch.setattr(Path, "stat", shut)
    assert load(directory).file is None


# What a wrong value is told


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 0, "--batch-size 0: must be from 1 to 10000."),
        ("batch_size", "0", "--batch-size 0: must be from 1 to 10000."),
        ("batch_size", "x y", '--batch-size "x y": must be a whole number from 1 to 10000.'),
        ("list_concurrency", 257, "--list-concurrency 257: must be from 1 to 256."),
        ("lease_seconds", 4, "--lease-seconds 4: must be from 5 to 3600."),
        ("list_price", -0.1, "--list-price -0.1: must be 0 or more."),
        ("list_price", "nan", "--list-price nan: must be a number, 0 or more."),
        ("addressing_style", "dns", "--addressing-style dns: must be auto, virtual or path."),
        ("region", "", '--region "": must be a region\'s name, like eu-central-1.'),
        ("data_dir", "", '--data-dir "": must be a path.'),
        ("include", [""], '--include [""]: must not hold an empty pattern.'),
        ("prefix", "\udcff", '--prefix "\\udcff": must be UTF-8 text.'),
        ("profile", " ", '--profile " ": must be the name of a profile.'),
    ],
)
def test_a_wrong_flag(directory: Path, name: str, value: Any, message: str) -> None:
    assert fault(directory, **{name: value}).message == message


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("S3SYNC_BATCH_SIZE", "many", "must be a whole number from 1 to 10000."),
        ("S3SYNC_BATCH_SIZE", "10.5", "must be a whole number from 1 to 10000."),
        ("S3SYNC_BATCH_SIZE", "9" * 60, "must be a whole number from 1 to 10000."),
        ("S3SYNC_BATCH_SIZE", "-1", "must be from 1 to 10000."),
        ("S3SYNC_LIST_PRICE", "1e999", "must be a number, 0 or more."),
        ("S3SYNC_MARK_GONE", "maybe", "must be true or false."),
        ("S3SYNC_INCLUDE", ",", 'must hold at least one pattern; "*" means every object.'),
        ("S3SYNC_PREFIX", "s3://abc/", "must be what keys start with, without s3:// and bucket."),
    ],
)
def test_a_wrong_variable(directory: Path, variable: str, value: str, message: str) -> None:
    error = fault(directory, environ={variable: value})
    assert error.message == f'${variable} "{value}": {message}'


@pytest.mark.parametrize(
    ("line", "must"),
    [
        ("batch_size = 0", "must be from 1 to 10000."),
        ('batch_size = "7"', "must be a whole number from 1 to 10000, without quotes."),
        ("batch_size = 7.0", "must be a whole number from 1 to 10000."),
        ("batch_size = true", "must be a whole number from 1 to 10000."),
        ('mark_gone = "true"', "must be true or false, without quotes."),
        ("mark_gone = 1", "must be true or false."),
        ("list_price = nan", "must be a number, 0 or more."),
        ("bucket = 5", "must be text in double quotes."),
        ("prefix = 1979-05-27", "must be text in double quotes."),
        ('region = ["a"]', "must be text in double quotes."),
        ("data_dir = 5", "must be a path, in double quotes."),
        ('include = "*.jpg"', 'must be a list of patterns, like ["*.jpg", "*.png"].'),
        ('include = ["a", 5]', "must hold nothing but texts in double quotes."),
        ("include = []", 'must hold at least one pattern; "*" means every object.'),
    ],
)
def test_a_wrong_value_in_the_file(directory: Path, line: str, must: str) -> None:
    assert fault(directory, f"\n{line}").message == f"s3sync.toml line 2: {line}: {must}"


def test_no_message_speaks_of_pydantic(directory: Path) -> None:
    for setting in SETTINGS:
        for value in ("5", "'kanari'", "true", "[1]", "{a = 1}", "07:00:00", "inf", "[[]]"):
            told = ""
            try:
                load(directory, f"{setting.file_key} = {value}")
            except SettingsError as error:
                told = error.message + error.hint
            assert not re.search("pydantic|[Ii]nput|valid integer|_type", told)
            assert not setting.is_secret or "kanari" not in told


def test_all_faults_are_told_at_once(directory: Path) -> None:
    error = fault(
        directory,
        "table = 'sync_runs'\nbatchsize = 3\nlease_seconds = 1",
        environ={"S3SYNC_LIST_CONCURRENCY": "0", "SUPABASE_URL": PROJECT},
        batch_size=0,
    )
    lines = error.message.splitlines()
    starts = [
        "s3sync.toml line 2: there is no setting batchsize",
        's3sync.toml line 1: table = "sync_runs": ',
        "--batch-size 0: ",
        '$S3SYNC_LIST_CONCURRENCY "0": ',
        "s3sync.toml line 3: lease_seconds = 1: ",
        "$SUPABASE_URL: the Supabase project needs a key",
    ]
    assert len(lines) == len(starts)
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)
    assert "batch_size is 5000" in error.hint
    assert "SUPABASE_SECRET_KEY" in error.hint


def test_a_malformed_file_does_not_hide_other_faults_nor_make_them_up(directory: Path) -> None:
    error = fault(directory, "bucket =", environ={"SUPABASE_URL": PROJECT}, batch_size=0)
    assert [line.split(":")[0] for line in error.message.splitlines()] == [
        "s3sync.toml line 1, column 9",
        "--batch-size 0",
    ]


def test_odd_values_are_shown_short_and_printable(directory: Path) -> None:
    error = fault(directory, bucket="\x1b[31m\u202e" + "x" * 500)
    assert error.message.isprintable()
    assert len(error.message) < 250
    assert fault(directory, "batch_size = 0x" + "f" * 9000).message.isprintable()


@pytest.mark.parametrize("name", ["abc", "cam.images-2", "a" * 63, "Old_Bucket", "x--x-s3"])
def test_names_of_buckets(directory: Path, name: str) -> None:
    assert load(directory, bucket=name).settings.bucket == name


@pytest.mark.parametrize("name", ["", "ab", "-ab", "a b", "a..b", "bücket", "abc\n", "x" * 256])
def test_what_is_no_name_of_a_bucket(directory: Path, name: str) -> None:
    assert "must be a bucket's name: 3 to 63" in fault(directory, f"bucket = {name!r}").message


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("s3://cams", "Split it: --bucket cams"),
        ("s3://cams/2026/11", "Split it: --bucket cams --prefix 2026/11"),
        ("cams/2026/", "Split it: --bucket cams --prefix 2026/"),
    ],
)
def test_a_bucket_with_its_prefix_is_told_to_split(directory: Path, value: str, hint: str) -> None:
    error = fault(directory, bucket=value)
    assert error.message.startswith(f"--bucket {value}: must be the bucket's name alone")
    assert error.hint == hint


@pytest.mark.parametrize("url", ["http://localhost:9000", "https://x.test/storage/v1/s3"])
def test_endpoints(directory: Path, url: str) -> None:
    assert load(directory, endpoint=url).settings.endpoint == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:9000",
        "minio",
        "https://",
        "ftp://x",
        "https://x:port",
        "https://x:70000",
        "https://[x",
        "https://x y",
        "https://x?a=b",
        "https://user:kanari@x",
        "https://user:kan/kanari@x",
    ],
)
def test_what_is_no_endpoint(directory: Path, url: str) -> None:
    assert "must be an http:// or https:// URL" in fault(directory, endpoint=url).message


def test_certificates_must_be_there(directory: Path) -> None:
    error = fault(directory, environ={"AWS_CA_BUNDLE": "no.pem"})
    assert error.message.startswith('$AWS_CA_BUNDLE "no.pem": must be a file of certificates')
    assert fault(directory, ca_bundle=directory).message.endswith("(Is a directory).")


@pytest.mark.parametrize("name", ["a", "_x", "cam_07", "t" * 40, "user"])
def test_names_of_tables(directory: Path, name: str) -> None:
    assert load(directory, table=name).settings.table == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "t" * 41, "7up", "Images", "public.images", "a-b", 'a"b', "tést"),
        *(
            "sync_runs",
            "sync_leases",
            "sync_batches",
            "sync_lanes",
            "sync_changes",
            "sync_schema",
            "x_archive",
            "x_counts",
        ),
    ],
)
def test_what_is_no_name_of_a_table(directory: Path, name: str) -> None:
    assert "--table" in fault(directory, table=name).message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("abc.supabase.co", "must be an http:// or https:// URL"),
        (DATABASE, "not a connection string"),
        ("https://supabase.com/dashboard/project/abc", "not the dashboard's"),
        (f"{PROJECT}/rest/v1/", "without /rest/v1"),
        (KEY, "must be an http:// or https:// URL"),
        (JWT, "must be an http:// or https:// URL"),
        (f"host=x password={PASSWORD}", "must be an http:// or https:// URL"),
        (f"https://u:{PASSWORD}@x", "without user and password"),
    ],
)
def test_what_is_no_supabase_project(directory: Path, url: str, words: str) -> None:
    environ = {"SUPABASE_URL": url, "SUPABASE_SECRET_KEY": KEY}
    assert words in fault(directory, environ=environ).message


def test_the_slash_after_a_project_url_does_not_matter(directory: Path) -> None:
    environ = {"SUPABASE_URL": f" {PROJECT}/ ", "SUPABASE_SECRET_KEY": KEY}
    assert load(directory, environ=environ).settings.supabase_url == PROJECT


# Secrets


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mysql://u:{PASSWORD}@h/d", "must be a postgres:// or postgresql:// URL"),
        (f"postgresql+asyncpg://u:{PASSWORD}@h/d", "must be a postgres:// or postgresql:// URL"),
        (PASSWORD, "must be a postgres:// or postgresql:// URL"),
        (f"postgres://u:{PASSWORD}%@h/d", "holds a % that is not followed"),
        (f"postgres://u:{PASSWORD}%zz@h/d", "holds a % that is not followed"),
        (f"postgres://u:{PASSWORD}%00@h/d", "is not a valid connection URL"),
        (f"postgres://u:{PASSWORD}%ff@h/d", "is not a valid connection URL"),
        (f"postgres://u:x/{PASSWORD}@h/d", "holds an @ or / where none can be"),
        (f"postgres://u:12/{PASSWORD}@h/d", "holds an @ or / where none can be"),
        (f"postgres://u:x@{PASSWORD}@h/d", "holds an @ or / where none can be"),
        (f"postgres://u:x?y@{PASSWORD}@h/d", "holds an @ or / where none can be"),
        (f"postgres://u:x?@{PASSWORD}/@h/d", "holds an @ or / where none can be"),
        (f"postgres://u@s:{PASSWORD}@h/d", "holds an @ or / where none can be"),
        (f"postgres://u:{PASSWORD}@h:0/d", "must have a port from 1 to 65535"),
        (f"postgres://u:{PASSWORD}@h:x/d", "must have a port from 1 to 65535"),
        (f"postgres://u:{PASSWORD}@h/d?pgbouncer=true", "holds the parameter pgbouncer"),
        (f"postgres://u:{PASSWORD}@h/d?kanari=true", "is not a valid connection URL"),
        (f"postgres://u:{PASSWORD}@[h/d", "is not a valid connection URL"),
        ("postgresql://postgres:[YOUR-PASSWORD]@h/d", "still holds the placeholder"),
        (f"host=h password={PASSWORD} kanari", "is not valid in libpq's host=… dbname=… form"),
        (f"host=h secret={PASSWORD}", "is not valid in libpq's host=… dbname=… form"),
        (f"host=h port=x password={PASSWORD}", "must have a port from 1 to 65535"),
    ],
)
def test_what_is_no_connection_string_is_told_without_repeating_it(
    directory: Path, url: str, words: str
) -> None:
    error = fault(directory, environ={"DATABASE_URL": url})
    assert error.message.startswith("$DATABASE_URL: ")
    assert words in error.message
    assert error.hint
    assert fault(directory, database_url=url).message.startswith("--database-url: ")
    error = fault(directory, f'\ndatabase_url = "{url}"')
    assert error.message.startswith("s3sync.toml line 2: database_url: ")


SPECIAL = st.text("@/:?#%&=[] +,\\'\"", max_size=3)


@given(SPECIAL, SPECIAL, SPECIAL, st.sampled_from(["postgres://", "postgresql://"]))
@settings(deadline=None)
def test_whatever_is_in_a_password_no_part_of_it_is_shown(
    one: str, two: str, three: str, scheme: str
) -> None:
    url = f"{scheme}user:{one}kanari{two}kanari{three}@db.example.com:5432/photos"
    told, loaded = "", None
    with TemporaryDirectory() as directory:
        try:
            loaded = load(Path(directory), environ={"DATABASE_URL": url})
        except SettingsError as error:
            told = error.message + error.hint
    assert "kanari" not in told
    if loaded is not None:
        assert loaded.settings.database_url is not None
        assert describe_database(loaded.settings.database_url) == "db.example.com:5432/photos"


@pytest.mark.parametrize("key", ["sb_secret kanari", "sb_secret_kanari…", ""])
def test_what_is_no_key(directory: Path, key: str) -> None:
    error = fault(directory, f"supabase_url = '{PROJECT}'\nsupabase_secret_key = '{key}'")
    assert error.message.startswith("s3sync.toml line 2: supabase_secret_key: must be one word")
    assert "Project Settings > API Keys" in error.hint


@pytest.mark.parametrize("name", ["bucket", "endpoint", "region", "table", "supabase_url"])
@pytest.mark.parametrize("secret", [f"s3://{DATABASE}", f"{KEY} ", f" {JWT}"])
def test_a_secret_in_the_wrong_place_is_not_shown(directory: Path, name: str, secret: str) -> None:
    fault(directory, f"{name} = '{secret}'")
    fault(directory, f"{secret.strip()!r} = 1")


def test_no_text_of_settings_shows_a_secret(directory: Path) -> None:
    environ = {"DATABASE_URL": DATABASE, "SUPABASE_URL": PROJECT, "SUPABASE_SECRET_KEY": KEY}
    lower = f"database_url = '{DATABASE}'\nsupabase_secret_key = '{KEY}'"
    for project in (None, PROJECT):
        loaded = load(directory, lower, environ=environ, supabase_url=project)
        found = loaded.settings
        texts = [str(it) for it in (loaded, found, found.model_dump(), loaded.origins)]
        texts += [
            repr(loaded),
            repr(found),
            found.model_dump_json(),
            f"{dataclasses.asdict(loaded)}",
        ]
        assert "kanari" not in "".join(texts)


def test_settings_built_by_hand_do_not_show_a_secret_when_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(database_url=SecretStr(f"mysql://u:{PASSWORD}@h"), batch_size=0)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (DATABASE, "db.example.com:6543/photos"),
        ("postgres://u:p@h/db", "h/db"),
        ("postgres://u:p%40x@[::1]:5432/db", "[::1]:5432/db"),
        ("postgres://u:p@a:1,b:2/db", "a:1,b:2/db"),
        ("postgresql:///db?host=/run/pg&password=kanari", "localhost/db"),
        ("postgresql://", "localhost"),
        ("host=h port=6543 dbname='my db' user=u password=kanari", "h:6543/my db"),
        ("service=prod password=kanari", "prod"),
        ("host=a,b port=7 dbname=d", "a:7,b:7/d"),
        ("postgres://u:kanari@h/d%0Ab%1b", "h/d?b?"),
        ("kanari", "a database"),
        ("postgres://u:kanari%@h/d", "a database"),
    ],
)
def test_a_database_is_described_by_its_place(url: str, text: str) -> None:
    assert describe_database(SecretStr(url)) == text


@given(st.from_regex(PLAIN_URL, fullmatch=True))
def test_a_plain_url_is_read_as_libpq_reads_it(url: str) -> None:
    plain = PLAIN_URL.fullmatch(url)
    assert plain is not None
    parts = conninfo_to_dict(url)
    for name, value in plain.groupdict().items():
        assert parts.get(name) == value


# What help texts and docs are made of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("500 MB", 500_000_000),
        ("8GB", 8_000_000_000),
        ("8 gb", 8_000_000_000),
        ("0.5 GiB", 536_870_912),
        (" 2 T ", 2_000_000_000_000),
        ("123456789012345678", 123_456_789_012_345_678),
        ("1.5 kB", 1_500),
    ],
)
def test_sizes(directory: Path, text: str, size: int) -> None:
    assert load(directory, database_quota=text).settings.database_quota == size
    environ = {"S3SYNC_DATABASE_QUOTA": text}
    assert load(directory, environ=environ).settings.database_quota == size
    assert load(directory, f'database_quota = "{text}"').settings.database_quota == size


def test_a_size_in_the_file_can_be_a_number(directory: Path) -> None:
    assert load(directory, "database_quota = 500000000").settings.database_quota == 500_000_000


@pytest.mark.parametrize("text", ["0", "-1", "8 XB", "GB", "8 G B", "1e9", "1.", "five", "8 iB"])
def test_what_is_no_size(directory: Path, text: str) -> None:
    error = fault(directory, database_quota=text)
    assert "must be a size, like 500 MB or 8 GB" in error.message
    assert "must be a size" in fault(directory, f'database_quota = "{text}"').message


@pytest.mark.parametrize("value", ["true", "8.5", "[8]"])
def test_what_is_no_size_in_the_file(directory: Path, value: str) -> None:
    assert "must be a size" in fault(directory, f"database_quota = {value}").message


def test_every_setting_says_what_it_is_and_where_it_can_be_given() -> None:
    assert [setting.name for setting in SETTINGS] == list(Settings.model_fields)
    for setting in SETTINGS:
        assert setting.description.endswith(".")
        assert setting.variables
        if not setting.is_secret:
            assert setting.flag == "--" + setting.name.replace("_", "-")
    by_name = {setting.name: setting for setting in SETTINGS}
    assert by_name["supabase_key"].flag is None
    assert by_name["supabase_key"].file_key == "supabase_secret_key"
    assert by_name["batch_size"].description.endswith(", from 1 to 10000.")
    defaults = {name: by_name[name].default_text for name in ("batch_size", "mark_gone", "bucket")}
    assert defaults == {"batch_size": "5000", "mark_gone": "off", "bucket": ""}
    assert {setting.name for setting in SETTINGS if setting.is_secret} == {
        "database_url",
        "supabase_key",
        "token",
    }
    names = [it for s in SETTINGS for it in (s.flag, s.file_key, *s.variables) if it]
    assert len(names) == len(set(names))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().batch_size = 5  # type: ignore[misc]


def test_importing_settings_is_cheap() -> None:
    heavy = ["psycopg", "boto3", "supabase", "textual", "httpx", "rich", "typer"]
    code = f"import sys, s3sync_tui.settings; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1 h", 3600), ("90", 90), (" 2D ", 172_800), ("10 min", 600), ("1s", 1)],
)
def test_times(directory: Path, text: str, seconds: int) -> None:
    assert load(directory, every=text).settings.every == seconds
    assert load(directory, environ={"S3SYNC_EVERY": text}).settings.every == seconds
    assert load(directory, f'every = "{text}"').settings.every == seconds


@pytest.mark.parametrize("text", ["0", "-5m", "5 weeks", "m", "1.5h", "often", "367d"])
def test_what_is_no_time(directory: Path, text: str) -> None:
    assert "must be a time, like 5m or 1h" in fault(directory, every=text).message


def test_a_time_in_the_file_can_be_a_number_of_seconds(directory: Path) -> None:
    assert load(directory, "every = 60").settings.every == 60
    assert "must be a time" in fault(directory, "every = true").message


@pytest.mark.parametrize("text", ["0", "-1h", "8d", "soon", "1.5h"])
def test_a_lookback_that_is_too_long_or_none_is_refused(directory: Path, text: str) -> None:
    assert f"--lookback {text}: must be " in fault(directory, lookback=text).message


def test_a_mode_is_one_of_three(directory: Path) -> None:
    message = fault(directory, mode="fast").message
    assert "must be auto, full or delta" in message
