"""The dashboard in a real terminal: every key, every size, few colours and none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.tui.themes import DARK
from tests.support.bucket import MotoServer
from tests.support.command import COMMAND
from tests.support.terminal import Terminal, ragged, terminal

TILES = ("IMAGES", "TODAY", "RATE", "LAG", "DATABASE", "S3 COST")
WIDE, NARROW = (120, 36), (80, 24)
MANY = 30_000
"""Images enough for a run during which one can do things."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home of our own; Postgres, which is another user where we are root, gets at it."""
    with TemporaryDirectory(prefix="s3sync-home-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
    kept |= {"HOME": str(home), "S3SYNC_DATA_DIR": str(home / "data"), "TZ": "UTC"}
    return {name: value for name, value in (kept | more).items() if value}


def demo(
    home: Path, size: tuple[int, int], *, images: int = 4_000, **environ: str
) -> AbstractContextManager[Terminal]:
    """The demo, growing by a hundred a second."""
    flags = ["demo", "--images", str(images), "--per-hour", "360000"]
    return terminal([*COMMAND, *flags], size=size, environ=environment(home, **environ))


@pytest.fixture(scope="module")
def opened(home: Path) -> Iterator[Terminal]:
    with demo(home, WIDE) as shown:
        shown.until("● in sync")
        shown.until(lambda text: "✓ Schema version" in text and " when▼" in text)
        yield shown


@pytest.fixture
def shown(opened: Terminal) -> Iterator[Terminal]:
    """The demo after its first sync, back on the Sync panel after each test."""
    yield opened
    opened.press("Escape")
    go(opened, "1", "Sync")


def is_focused(shown: Terminal, title: str) -> bool:
    red, green, blue = (int(DARK.primary[at : at + 2], 16) for at in (1, 3, 5))
    return shown.foreground_of(title)[-3:] == [red, green, blue]


def go(shown: Terminal, key: str, title: str) -> None:
    """To a panel; what is typed before it has the focus goes elsewhere."""
    shown.press(key)
    shown.until(lambda _: is_focused(shown, title))


def runs_done(text: str) -> int:
    found = re.search(r"run (\d+) · ", text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_demo_syncs_grows_and_syncs_again(home: Path, size: tuple[int, int]) -> None:
    with demo(home, size) as shown:
        first = shown.until(lambda text: all(f"─ {title} ─" in text for title in TILES))
        assert "s3sync  camera-images ▸" in first.splitlines()[0]
        shown.until(lambda text: "● in sync" in text and runs_done(text) == 1)
        shown.press("s")
        again = shown.until(lambda text: "● in sync" in text and runs_done(text) == 2)
        added = re.search(r"([\d,]+) +added", again)
        assert added is not None
        assert int(added[1].replace(",", "")) > 0
        assert ragged(shown.screen(), size[0]) == []
        leave(shown)


def leave(shown: Terminal) -> None:
    """Quit, and see that nothing is left: not on the screen, and no process."""
    children = psutil.Process(int(shown.tell("pane_pid"))).children(recursive=True)
    assert len(children) >= 3  # the command, its bucket, its engine
    shown.press("q")
    ended = shown.until("ended with")
    assert ended.split() == ["begun", "ended", "with", "0"]
    modes = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_sgr_flag", "keypad_flag")
    assert [shown.tell(mode) for mode in modes] == ["0", "1", "0", "0", "0"]
    _, alive = psutil.wait_procs(children, timeout=60)
    assert [child.cmdline() for child in alive] == []


def test_s_adds_a_run(shown: Terminal) -> None:
    before = runs_done(shown.text())
    shown.press("s")
    shown.until(lambda text: "● in sync" in text and runs_done(text) == before + 1)
    shown.until(lambda text: len(history(text)) == before + 1)


def history(text: str) -> list[str]:
    """The times of the runs in the History panel."""
    return re.findall(r"│ [✓■✗!] (\d\d:\d\d:\d\d)", text)


@pytest.mark.parametrize(
    ("key", "title"), [("1", "Sync"), ("2", "Health"), ("3", "History"), ("4", "Growth")]
)
def test_a_number_goes_to_its_panel(shown: Terminal, key: str, title: str) -> None:
    go(shown, "4" if key != "4" else "1", "Growth" if key != "4" else "Sync")
    assert not is_focused(shown, title)
    go(shown, key, title)


def test_5_goes_to_the_tiles_and_enter_behind_them(shown: Terminal) -> None:
    go(shown, "5", "IMAGES")
    shown.press("Right", "Right", "Right")
    shown.until(lambda _: is_focused(shown, "LAG"))
    shown.press("Right", "Enter")
    shown.until(lambda _: is_focused(shown, "Health"))


def test_6_and_l_open_the_log_and_l_shuts_it(shown: Terminal) -> None:
    for key in ("6", "l"):
        shown.press(key)
        shown.until("╭─ ⁶Log")
        shown.press("l")
        shown.until(lambda text: "⁶Log" not in text)


def test_down_and_up_choose_a_check(shown: Terminal) -> None:
    go(shown, "2", "Health")
    shown.press("Home")
    first = explained(shown.until(explained))
    shown.press("Down")
    shown.until(lambda text: explained(text) not in ("", first))
    shown.press("Up")
    shown.until(lambda text: explained(text) == first)


def explained(text: str) -> str:
    """What Health says of the chosen check, below the list."""
    found = re.search(r"││ ─{20,} │\n.*││ ([✓!✗?] .*?) *│", text)
    return found[1] if found else ""


def test_enter_opens_a_run_and_escape_shuts_it(shown: Terminal) -> None:
    go(shown, "3", "History")
    shown.press("Enter")
    shown.until(lambda text: "─ Run " in text and "camera-images/" in text)
    shown.press("Escape")
    shown.until(lambda text: "─ Run " not in text)


def test_slash_filters_the_runs(shown: Terminal) -> None:
    shown.press("/")
    shown.until("filter: ")
    shown.type("no such run")
    shown.until(lambda text: "No run matches." in text and " 0 of " in text)
    shown.press("Escape")
    shown.until(lambda text: history(text) and " 0 of " not in text)


def test_o_orders_by_the_next_column(shown: Terminal) -> None:
    go(shown, "3", "History")
    shown.press("o")
    shown.until("took▼")
    shown.press("O")
    shown.until("took▲")
    order = "took▲"
    while order != "when▼":
        shown.press("o")
        order = ordered_by(shown.until(lambda text, before=order: ordered_by(text) != before))  # type: ignore[misc]


def ordered_by(text: str) -> str:
    """The column that the runs are ordered by, with its arrow."""
    found = re.search(r"\w+[▲▼]", text)
    return found[0] if found else ""


def test_left_and_right_change_the_period(shown: Terminal) -> None:
    go(shown, "4", "Growth")
    shown.until(" today ")
    shown.press("Left")
    shown.until(lambda text: " today " not in text and re.search(r"\d\dh +.*now ", text))
    shown.press("Right")
    shown.until(" today ")


def test_f_shows_the_fix_and_runs_it_once_confirmed(shown: Terminal, home: Path) -> None:
    with EmbeddedPostgres(next(home.rglob("demo/pgdata")).parent) as server:
        own = shown.until("/demo_").partition("/demo_")[2].split()[0]
        with psycopg.connect(server, dbname=f"demo_{own}") as connection:
            connection.execute("drop index images_archive_s3sync_idx")
    shown.press("s")
    shown.until(re.compile("✗ .*images_archive_s").search)
    go(shown, "2", "Health")
    shown.press("Home", "Down")  # on top is the schema as a whole
    shown.until(lambda text: explained(text) == "✗ images_archive_s3sync_idx is missing")
    shown.press("f")
    shown.until(re.compile("create unique index.*archive", re.IGNORECASE).search)
    shown.press("y")
    shown.until(lambda text: "Done" in text and "✗" not in text)


def test_ctrl_p_opens_the_commands(shown: Terminal) -> None:
    shown.press("C-p")
    shown.until("Search for commands")
    shown.press("Escape")
    shown.until(lambda text: "Search for commands" not in text)


def test_question_mark_explains_the_panel(shown: Terminal) -> None:
    go(shown, "4", "Growth")
    shown.press("?")
    shown.until(lambda text: "─ Help" in text and "Growth" in text)
    shown.press("Escape")
    shown.until(lambda text: "─ Help" not in text)


def test_e_writes_a_file(shown: Terminal, home: Path) -> None:
    shown.press("e")
    shown.until("─ Export")
    shown.press("Enter")
    shown.until(lambda text: "─ Export" not in text and "Exported" in text)
    assert list(home.rglob("*.csv"))


def test_w_watches_until_it_is_pressed_again(shown: Terminal) -> None:
    shown.press("w")
    shown.until(re.compile(r"next in \d").search)
    shown.press("w")
    shown.until(lambda text: "next in" not in text)


def test_a_run_under_way_jumps_about_in_no_size_and_c_cancels_it(home: Path) -> None:
    with demo(home, (160, 50), images=MANY) as shown:
        first = shown.until(lambda text: "▶ syncing" in text and " LIST · " in text)
        for _ in range(30):
            now = shown.text()
            if "▶ syncing" in now:
                assert places(now) == places(first)
        for columns, lines in ((80, 24), (250, 70), (100, 30), (160, 50)):
            shown.resize(columns, lines)
            shown.until(lambda _, c=columns, n=lines: is_whole(shown.screen(), c, n))  # type: ignore[misc]
        shown.until("● in sync")
        shown.press("s")
        shown.until("▶ syncing")
        shown.press("c")
        shown.until("Stop this run?")
        shown.press("n")
        shown.until(lambda text: "Stop this run?" not in text and "▶ syncing" in text)
        shown.press("c")
        shown.until("Stop this run?")
        shown.press("y")
        shown.until("■ cancelled")
        leave(shown)


def places(text: str) -> dict[str, list[tuple[int, int]]]:
    """Where the words stand that never change."""
    panels = ("¹Sync", "²Health", "³History", "⁴Growth")
    words = (*TILES, *panels, "List ", "Dedupe ", "Insert ", "? Help", "q Quit", "c cancel")
    return {
        word: [
            (row, line.index(word)) for row, line in enumerate(text.splitlines()) if word in line
        ]
        for word in words
    }


def is_whole(screen: list[str], columns: int, lines: int) -> bool:
    """All lines as wide as the window, the panels' right edges in its last columns, and no
    line of a frame that stands open."""
    edges = [line.rstrip()[-1:] for line in screen[1:-1]]
    return (
        len(screen) == lines
        and ragged(screen, columns) == []
        and all(edge in "╮│╯▔▁▂▃▄▅▆▇█" and edge for edge in edges)
        and all(line.count("╭") == line.count("╮") for line in screen)
        and all(line.count("╰") == line.count("╯") for line in screen)
        and "? Help" in screen[-1]
    )


def test_no_color_means_none(home: Path) -> None:
    with demo(home, WIDE, NO_COLOR="1") as shown:
        shown.until(lambda text: "● in sync" in text and " when▼" in text)
        plain = {0, 1, 2, 3, 4, 7, 22, 23, 24, 27, 39, 49}
        assert {n for one in shown.attributes() for n in one} <= plain
        leave(shown)


@pytest.mark.parametrize("term", ["xterm", "xterm-256color"])
def test_a_terminal_of_few_colours_gets_no_more(home: Path, term: str) -> None:
    with demo(home, NARROW, TERM=term, COLORTERM="") as shown:
        shown.until(lambda text: "● in sync" in text and "✓ In sync" in text)
        used = shown.attributes()
        assert all(38 not in one and 48 not in one for one in used) or term == "xterm-256color"
        assert all(one[:2] != [38, 2] and one[:2] != [48, 2] for one in used)
        leave(shown)


HARD = (
    "日本/カメラ/写真-東京.jpg",
    "party-🎥👩‍👩‍👧/🎉.png",
    "esc-\x1b[31mred\x1b]0;title\x07.jpg",
    "rtl-\u202egnp.exe.jpg",
    "combining-e\u0301\u0301.jpg",
    "[bold]markup[/].jpg",
    "tab\tand\nline.jpg",
)


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    server = MotoServer()
    yield server
    server.stop()


def test_hard_keys_shift_nothing(home: Path, moto: MotoServer) -> None:
    bucket = moto.bucket()
    bucket.put([*HARD, *(f"plain/{n}.jpg" for n in range(50))])
    environ = environment(
        home,
        S3SYNC_BUCKET=bucket.name,
        AWS_ENDPOINT_URL_S3=bucket.endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        S3SYNC_TABLE="hard_keys",
    )
    with (
        EmbeddedPostgres(home / "data"),
        terminal(COMMAND, size=WIDE, environ=environ) as shown,
    ):
        shown.until("never synced")
        shown.press("s")
        shown.until(lambda text: "● in sync" in text and runs_done(text) == 1)
        bucket.delete(HARD)
        shown.press("s")
        shown.until(lambda text: "● in sync" in text and runs_done(text) == 2)
        go(shown, "3", "History")
        shown.press("Enter")
        details = shown.until("─ Run 2")
        assert "\\x1b[31mred" in details or "�[31mred" in details or "␛[31mred" in details
        assert ragged(shown.screen(), WIDE[0]) == []
        assert shown.tell("pane_title") != "title"
        shown.press("Escape")
        shown.until(lambda text: "─ Run 2" not in text)


def test_q_leaves_nothing_behind(opened: Terminal, home: Path) -> None:
    leave(opened)
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert [line for line in running if str(home) in " ".join(line)] == []
