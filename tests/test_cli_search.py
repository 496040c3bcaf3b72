"""`captiond search` and `show`: what people and scripts read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cli_helpers import House
from daemon_helpers import PROGRAM

from captiond.cli.since import parse_since


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("house"))
    made.fill()
    return made


def names(out):
    return {line.partition("\t")[0].rpartition("/")[2] for line in out.splitlines()}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (["boat", "harbour"], {"red.jpg"}),
        (["boats", "harbour"], {"red.jpg"}),
        (['"boat at sea"'], {"blue.jpg"}),
        (['"sea boat"'], set()),
        (["harb*"], {"red.jpg"}),
        (["boat harb*"], {"red.jpg"}),
        (["boat(", "harb*"], {"red.jpg"}),
        (["NEAR", "boat"], set()),
    ],
)
def test_a_query_is_words_phrases_and_prefixes(house, query, found):
    """All words must match, also when the shell handed them over as one; quotes make a phrase."""
    code, out, err = house.run("search", *query)
    assert (code, names(out)) == (0, found), err


def test_in_a_pipe_each_hit_is_a_line_of_path_tab_caption(house):
    """A script splits a hit at its tab."""
    assert house.run("search", "harbour") == (
        0,
        f"{house.photos}/boats/red.jpg\tA red boat in the harbour\n",
        "",
    )


def test_json_is_one_list_of_library_rows(house):
    """The objects have the columns of the view, keywords as a list."""
    (hit,) = house.json("search", "harbour")
    assert hit["path"] == f"{house.photos}/boats/red.jpg"
    assert hit["keywords"] == ["boat", "red"]
    assert {"state", "caption", "title", "seen_at", "cost_usd"} < set(hit)


def test_no_hit_is_no_error(house):
    """Nothing on stdout, a note on stderr, exit 0; JSON is an empty list."""
    assert house.run("search", "zeppelin") == (0, "", "nothing found\n")
    assert house.json("search", "zeppelin") == []


def test_a_folder_narrows_the_search_also_when_relative(house):
    """Only photos at or beneath the folder are found."""
    for folder in (f"{house.photos}/cats", "photos/boats/../cats/"):
        code, out, err = house.run("search", "boat", "--folder", folder, cwd=house.path)
        assert (code, len(out.splitlines())) == (0, 1), err


def test_since_and_limit_narrow_the_search(house):
    """A moment in the future finds nothing, one in the past all; the limit cuts."""
    assert len(house.json("search", "boat", "--since", "yesterday")) == 3
    assert len(house.json("search", "boat", "--since", "2h", "--limit", "2")) == 2
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert house.json("search", "boat", "--since", tomorrow) == []


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970", "1970-01-01T00:00:00+02:00"),
        ("2026-11-01", "2026-11-01T00:00:00+02:00"),
        ("2026-11-01T18:30", "2026-11-01T18:30:00+02:00"),
        ("2026-11-01T18:30Z", "2026-11-01T18:30:00+00:00"),
        ("today", "2026-11-20T00:00:00+02:00"),
        ("yesterday", "2026-11-19T00:00:00+02:00"),
        ("12h", "2026-11-20T03:00:00+02:00"),
        ("7d", "2026-11-13T15:00:00+02:00"),
        ("2w", "2026-11-06T15:00:00+02:00"),
    ],
)
def test_a_moment_is_a_date_or_a_time_ago(text, moment):
    """Days begin at local midnight; a time without a zone is local."""
    now = datetime(2026, 11, 20, 15, tzinfo=timezone(timedelta(hours=2)))
    assert parse_since(text, now).isoformat() == moment


@pytest.mark.parametrize("text", ["soon", "7", "2026-13-01", "", "999999w"])
def test_what_is_no_moment_is_a_usage_error_that_says_what_is(house, text):
    """Exit 2, with examples."""
    code, out, err = house.run("search", "boat", "--since", text)
    assert (code, out) == (2, "")
    assert "write 2026, 2026-11-01" in err


def test_nothing_steers_the_terminal(house):
    """Escape, bidirectional and line feed characters in names and captions are spelled out."""
    for out in (house.run("search", "cat")[1], house.on_terminal("search", "cat", columns=300)):
        assert "\\x1b[31mhostile\\n.jpg" in out
        assert "A cat \\x1b]0;owned\\x07 on \\u202ea boat" in out
        assert not re.search("\x1b\\]|\x07|\u202e", out)


def test_json_spells_out_what_steers_and_reads_back_as_it_was(house):
    """JSON escapes keep the terminal safe and the value exact."""
    _, out, _ = house.run("search", "cat", "--json")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert json.loads(out)[0]["caption"] == "A cat \x1b]0;owned\x07 on \u202ea boat"


def test_on_a_terminal_captions_are_wrapped_below_their_path(house):
    """A path, unbroken for copying, then its caption, no wider than the terminal."""
    out = re.sub("\x1b\\[[0-9;]*m", "", house.on_terminal("search", "pier", columns=24))
    assert "  A blue boat at sea," in out
    caption = [line for line in out.splitlines() if line.startswith("  ")]
    assert len(caption) == 2
    assert max(map(len, caption)) <= 24


def test_show_tells_all_that_is_known(house):
    """By absolute or relative path; empty columns are left out."""
    code, out, _ = house.run("show", "boats/red.jpg", cwd=house.photos)
    shown = dict(line.split("\t") for line in out.splitlines())
    assert code == 0
    assert shown["caption"] == "A red boat in the harbour"
    assert shown["keywords"] == "boat, red"
    assert "place" not in shown
    assert house.json("show", house.photos / "boats/red.jpg")["title"] == "Red boat"


def test_show_finds_a_photo_through_a_link_and_by_a_name_that_is_not_utf8(house):
    """A path through a linked folder is resolved; bytes are taken as they are."""
    (house.path / "link").symlink_to(house.photos)
    assert house.json("show", house.path / "link/boats/red.jpg")["title"] == "Red boat"
    assert (
        house.json("show", house.photos / "cats/caf\udce9.jpg")["caption"] == "Un chat noir, 黒猫"
    )


def test_show_of_an_unknown_photo_fails(house):
    """Exit 1, told on stderr."""
    code, out, err = house.run("show", "nothing.jpg", cwd=house.path)
    assert (code, out) == (1, "")
    assert err == f"captiond: {house.path}/nothing.jpg is not in the index\n"


def test_a_reader_that_leaves_early_is_no_scandal(house):
    """A closed pipe ends the program without a traceback."""
    with subprocess.Popen(
        [PROGRAM, "--config", house.config, "search", "boat"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=house.environ,
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 1


def test_search_imports_nothing_heavy(house):
    """The start of `search` is its own few modules: nothing of other rooms, no large vocabulary."""
    code = "import sys; from captiond.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "--config", house.config, "search", "boat"],
        capture_output=True,
        text=True,
        env=house.environ,
        check=True,
    )
    modules = done.stdout.splitlines()[-1].split()
    imported = {name.partition(".")[0] for name in modules}
    heavy = "rich pydantic anyio structlog asyncio aiohttp google PIL pyvips lxml sqlite_utils"
    assert "sqlite3" in imported
    assert not imported & set(heavy.split())
    assert "captiond.models" not in modules
