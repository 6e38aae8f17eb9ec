"""What we write is its owner's alone, and nobody else on the machine can lay something for us."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from s3sync_tui.cli.log_file import to_file
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.headless.placing import Placed, place
from s3sync_tui.private_files import create_file, replace_file
from s3sync_tui.settings import load_settings
from s3sync_tui.setup.file import Place, save
from tests.support.bucket import MotoBucket
from tests.support.command import Command

NOBODY = pwd.getpwnam("nobody").pw_uid
SECRET = 'supabase_url = "https://abcdefghijklmnopqrst.supabase.co"\nsupabase_secret_key = "s"\n'


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    """As careless as it can be: what is private is so by our own doing."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def log_to(path: Path) -> None:
    handler = to_file(str(path))
    handler.emit(logging.makeLogRecord({"msg": "told"}))
    handler.close()


def test_init_writes_for_the_owner_alone_and_says_where_others_could_read(
    tmp_path: Path, catalog_database: str, bucket: MotoBucket
) -> None:
    command = Command(tmp_path, {"AWS_ENDPOINT_URL_S3": bucket.endpoint})
    answers = f"{bucket.name}\n\n\n\n2\n{catalog_database}\n\n"
    new = command.run("init", "--file", "new.toml", typed=answers)
    assert mode_of(tmp_path / "new.toml") == 0o600, new
    assert "others could" not in new.out
    old = tmp_path / "old.toml"
    old.write_text("")
    old.chmod(0o644)
    (tmp_path / "link.toml").symlink_to(old)
    again = command.run("init", "--file", "link.toml", typed=f"y\n{answers}")
    assert (tmp_path / "link.toml").is_symlink()
    assert mode_of(old) == 0o600
    assert "others could read or write it (mode 644)" in again.out
    assert old.read_text() == (tmp_path / "new.toml").read_text()


def test_secrets_that_others_can_read_are_told_with_the_remedy(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = home / "my settings.toml"
    for text, mode, is_told in (
        (SECRET, 0o644, True),
        (SECRET, 0o640, True),
        (SECRET, 0o600, False),
        ('bucket = "b-1"\n', 0o644, False),
    ):
        file.write_text(text)
        file.chmod(mode)
        caplog.clear()
        load_settings({}, environ={}, config=file, directory=home)
        assert bool(caplog.records) == is_told, (text, mode)
        assert not is_told or f"chmod 600 '{file}'" in caplog.text


def test_a_file_that_our_group_may_read_as_its_owner_wants_is_well(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """root's file for a service's group: with mode 600, the service could not read it."""
    file = home / "settings.toml"
    file.write_text(SECRET)
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    for mode, is_told in ((0o640, False), (0o644, True)):
        file.chmod(mode)
        load_settings({}, environ={}, config=file, directory=home)
        assert bool(caplog.records) == is_told


def test_a_saved_secret_is_private_whatever_was_there(home: Path) -> None:
    new = home / "config" / "s3sync.toml"
    save(Place(new, "new"), SECRET, is_private=True)
    assert (mode_of(new), mode_of(new.parent)) == (0o600, 0o700)
    new.write_text("")
    new.chmod(0o666)
    save(Place(new, "new", ""), SECRET, is_private=True)
    assert mode_of(new) == 0o600


def test_logs_and_their_directories_are_the_owners_alone(home: Path) -> None:
    log_to(Path("auto"))
    fault_of_ours(ValueError("x"))
    made = sorted(path for path in home.rglob("*"))
    assert [path.name for path in made if path.is_file()] == ["fault.log", "s3sync-tui.log"]
    for path in made:
        assert mode_of(path) == (0o700 if path.is_dir() else 0o600), path


def test_a_log_file_through_a_link_of_ones_own_is_written(tmp_path: Path) -> None:
    link = tmp_path / "mine.log"
    link.symlink_to(tmp_path / "elsewhere.log")
    log_to(link)
    assert "told" in (tmp_path / "elsewhere.log").read_text()
    assert mode_of(tmp_path / "elsewhere.log") == 0o600
    log_to(Path(os.devnull))


def test_a_draft_has_a_name_that_nobody_foresees(tmp_path: Path) -> None:
    target = tmp_path / "s3sync.prom"
    seen = [_drafts(target), _drafts(target)]
    assert all(seen)
    assert seen[0].isdisjoint(seen[1])
    assert not any(str(os.getpid()) in name for names in seen for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["s3sync.prom"]


def test_a_file_system_without_locks_and_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", none)
    monkeypatch.setattr(os, "link", none)
    create_file(tmp_path / "new", b"x", 0o600)
    replace_file(tmp_path / "new", b"y", 0o600)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("new", b"y")]


def _drafts(target: Path) -> set[str]:
    """What is there while it is written."""
    real, seen = os.fchmod, set[str]()

    def looking(handle: int, mode: int) -> None:
        seen.update(path.name for path in target.parent.iterdir() if path != target)
        real(handle, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fchmod", looking)
        replace_file(target, b"x", 0o644)
    return seen


def test_what_a_timer_reads_is_private_where_it_is_secret(tmp_path: Path) -> None:
    secret, unit = tmp_path / "s3sync" / "env", tmp_path / "s3sync.service"
    place([Placed(secret, 'KEY="x"\n', is_secret=True), Placed(unit, "[Unit]\n")], force=False)
    assert [mode_of(path) for path in (secret, secret.parent, unit)] == [0o600, 0o700, 0o644]
    secret.chmod(0o666)
    place([Placed(secret, 'KEY="x"\n', is_secret=True)], force=False)
    assert mode_of(secret) == 0o600
