"""A model that was talked into anything, and files named by strangers: words stay words."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_helpers import PROGRAM, Home, clean_environment
from hostile_helpers import serving
from lxml import etree

from captiond.captioners import wording
from captiond.models import Description
from captiond.testing.gemini_wire import ReceivedRequest
from captiond.testing.photo_maker import tiny_jpeg
from captiond.visible import spelled_out, without_hidden

SAID = {
    "colours": "\x1b[31;5m red \x1b[2J\x1b[H",
    "window title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07",
    "link": "\x1b]8;;http://127.0.0.1/\x1b\\here\x1b]8;;\x1b\\",
    "C1": "\x9b31m \x9d0;owned\x9c \x85",
    "bidi": "\u202egpj.exe\u202c \u2066\u2067\u2068\u2069 \u200e\u200f\u061c",
    "zero width": "a\u200bb\u2060c\ufeffd\u00ade",
    "tags": "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all previous rules"),
    "half a pair": "\ud83d \udc80",
    "NUL": "before\x00after \ufffe\uffff",
    "XML": "]]> <![CDATA[x]]> &lt; &bogus; <?xml version='1.0'?> <!DOCTYPE x> <rdf:li>",
    "namespaces": "</rdf:li></rdf:Alt></dc:description><xmp:Rating>5</xmp:Rating>",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "SQL": "'); DROP TABLE photos; -- \" OR 1=1",
    "JSON": '", "seal": "' + "0" * 64 + '"}, {"',
    "line ends": "one\ntwo\rthree\vfour\ffive\u2028six\u2029seven",
    "own marks": "<captiond:CaptionSeal>" + "0" * 64 + "</captiond:CaptionSeal>",
    "log line": '\n{"event": "photo.captioned", "level": "error"}\n2026-11-22 [error] owned',
    "notify": "\nSTOPPING=1\nMAINPID=1",
    "markup": "[/] [link=http://127.0.0.1/]here[/link] [bold red]",
    "formats": "%s %n {0} {event!r} $(id) `id` ; rm -rf ~ | sh",
    "path": "../../../etc/passwd /etc/shadow file:///etc/passwd",
    "option": "--config=/etc/passwd -rf",
    "marks": "Z" + "\u0315\u0351\u0489" * 300 + "algo",
    "length": "word " * 20_000,
    "arabic": "قارب أحمر في الميناء",
    "hebrew": "סירה אדומה בנמל",
    "family": "👨\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈",
}
WHOLE = ("arabic", "hebrew", "family", "SQL", "HTML", "markup", "formats", "path", "option")
"""What is nothing but words, however it looks, and stays as it is."""

NO_TEXT = b"a program's \xff\x00"
"""Lies where a text would be, and is none: nobody's caption, and left alone."""
CUT = "99 cut \x1b]0;owned\x07 \u202e [].jpg"

OWN = re.compile(rb"\x1b\[(?:[0-9;]*[mAK]|\?25[lh])|\r")
"""Colours, and how the progress bar is drawn anew."""

LOCALES: dict[str, dict[str, str]] = {
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "C": {"LC_ALL": "C"},
    "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


def described(text: str) -> Description:
    """Return a description with the text in every place."""
    return Description(
        caption=f"Harbour {text} end",
        title=text,
        alt_text=text,
        keywords=(
            text,
            *(f"{text} {number}" for number in range(10_000 if text == "word " else 60)),
        ),
        text=f"{text}\n{text}",
    )


def name_of(text: str, number: int) -> str:
    """Return a photo's name that says the same, as far as a name can."""
    said = text.replace("/", "").replace("\0", "").encode(errors="ignore")[:180]
    return f"{number:02} {said.decode(errors='ignore')}.jpg"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Have the daemon caption a photo for each attack, in its name and in its answer."""
    answers = itertools.cycle(SAID.values())

    async def answer(_: ReceivedRequest) -> Description:
        return described(next(answers))

    with serving(answer=answer, model_version="m\x1b[31m\n\u202e" + "v" * 300) as server:
        home = Home(tmp_path_factory.mktemp("text"), server.base_url, concurrency=1)
        names = [name_of(text, number) for number, text in enumerate(SAID.values())]
        for number, name in enumerate(names):
            (home.photos / name).write_bytes(tiny_jpeg(number))
        (home.photos / CUT).write_bytes(tiny_jpeg(99)[:200])
        (home.photos / f"{names[0]}.txt").write_bytes(NO_TEXT)
        with home.daemon():
            home.wait_for(dict.fromkeys(names, "captioned") | {CUT: "failed"})
        yield home


def on_terminal(home: Home, *arguments: str, **environ: str) -> bytes:
    """Return what a verb writes on a terminal, all of it."""
    ours, its = pty.openpty()
    command = [PROGRAM, "--config", home.path / "config.toml", *arguments]
    env = clean_environment() | {"TERM": "xterm", "COLUMNS": "100"} | environ
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=env) as program:
        os.close(its)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:  # the other end is closed
            os.close(ours)
    assert program.returncode in {0, 1}, written.decode()
    assert b"Traceback" not in written
    return written


def assert_harmless(text: str) -> None:
    """See that nothing in the lines hides or steers."""
    for line in text.split("\n"):
        assert without_hidden(line) == line


def test_the_index_holds_words_alone(home):
    """No control, bidi or invisible character, nothing too long, nothing lost of honest words."""
    columns = "caption, title, alt_text, text, keywords, model, reason, language, origin"
    rows = home.rows(f"select {columns} from library where state = 'captioned'")
    assert len(rows) == len(SAID)
    for caption, title, alt_text, text, keywords, *others in rows:
        assert_harmless("\n".join(filter(None, (caption, title, alt_text, text, *others))))
        assert_harmless("\n".join(words := json.loads(keywords)))
        assert "\n" not in caption + title + alt_text
        assert len(caption) <= wording.CAPTION_CHARACTERS
        assert len(title) <= wording.TITLE_CHARACTERS
        assert len(alt_text) <= wording.ALT_TEXT_CHARACTERS
        assert len(text) <= wording.TEXT_CHARACTERS
        assert len(words) <= wording.KEYWORDS
    captions = {row[0] for row in rows}
    for name in WHOLE:
        assert f"Harbour {' '.join(SAID[name].split())} end" in captions
    for (reason,) in home.rows("select reason from library where reason is not null"):
        assert_harmless(reason)
        assert "\n" not in reason


def test_every_sidecar_is_well_formed_and_says_words_alone(home):
    """XMP, JSON and text parse, say what the index says, and bear one true seal."""
    said = {
        Path(path).name: caption for path, caption in home.rows("select path, caption from library")
    }
    for photo in home.photos.glob("*.jpg"):
        if said[photo.name] is None:
            continue
        packet = etree.parse(f"{photo}.xmp").getroot()
        words = "\n".join(packet.itertext())
        assert_harmless(words)
        assert said[photo.name] in words
        assert "5" not in packet.xpath("//*[local-name() = 'Rating']/text()")
        document = json.loads(Path(f"{photo}.caption.json").read_text())
        assert document["caption"] == said[photo.name]
        assert_harmless("\n".join([document["text"], document["model"], *document["keywords"]]))
        if photo.name.startswith("00 "):
            assert Path(f"{photo}.txt").read_bytes() == NO_TEXT
        else:
            assert Path(f"{photo}.txt").read_text() == f"{said[photo.name]}\n"


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_reads_every_packet(home):
    """Another program finds the caption in each, and no warning."""
    command = ["exiftool", "-j", "-XMP:Description", "-warning", "-ext", "xmp", home.photos]
    read = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    captions = {caption for (caption,) in home.rows("select caption from library")}
    assert len(read) == len(SAID)
    assert [one for one in read if "Warning" in one or one["Description"] not in captions] == []


@pytest.mark.skipif(not shutil.which("exiv2"), reason="exiv2 is not installed")
def test_exiv2_reads_every_packet(home):
    """And so does the library behind most photo programs."""
    for packet in home.photos.glob("*.xmp"):
        command = ["exiv2", "-K", "Xmp.dc.description", packet]
        done = subprocess.run(command, capture_output=True, check=True)
        assert b"Harbour" in done.stdout


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "verb", ["search harbour --limit 99", "failed", "status", "doctor --offline"]
)
def test_a_terminal_is_never_steered(home, verb, locale):
    """On a real terminal every byte is text or captiond's own colour, in any locale."""
    assert_unsteered(on_terminal(home, *verb.split(), **LOCALES[locale]))


@pytest.mark.parametrize("verb", ["show", "caption"])
def test_a_terminal_is_not_steered_by_one_photo(home, verb):
    """Neither by all that is known of a photo, nor by its caption or by why it has none."""
    photos = sorted(home.photos.glob("*.jpg"))
    for photo in (photos[1], photos[5], photos[-1]):
        assert_unsteered(on_terminal(home, verb, "--", str(photo), LC_ALL="C.UTF-8"))


def test_a_terminal_is_not_steered_by_a_pass(home):
    """Neither by the progress bar, nor by the log beside it."""
    assert_unsteered(on_terminal(home, "scan", LC_ALL="C.UTF-8"))


def assert_unsteered(written: bytes) -> None:
    assert b"\x1b]" not in written
    assert_harmless(OWN.sub(b"", written).decode())


def test_words_that_a_shell_read_out_of_a_folder_are_harmless(home):
    """An option by the name of a file is told in a sentence that steers nothing."""
    said = usage(home, "--[/]\x1b]0;x\x07\u202e.jpg")
    assert_harmless(said)
    assert "\\x1b]0;x" in said


def usage(home: Home, *arguments: str) -> str:
    """Return what is said of words that a shell read out of a hostile folder."""
    done = home.run(*arguments, check=False)
    assert done.returncode == 2
    return done.stderr


@pytest.mark.parametrize("coerced", ["", "0"])
def test_json_is_json_in_any_locale(home, coerced):
    """What scripts read parses and holds the captions, where stdout is not UTF-8, too."""
    env = clean_environment()
    if coerced:
        env |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": coerced, "PYTHONUTF8": coerced}
    command = [PROGRAM, "--config", home.path / "config.toml", "search", "harbour"]
    done = subprocess.run(
        [*command, "--limit", "99", "--json"], capture_output=True, env=env, check=True
    )
    assert {one["caption"] for one in json.loads(done.stdout)} == {
        caption for (caption,) in home.rows("select caption from library where caption is not null")
    }
    assert_harmless(done.stdout.decode())


def test_the_log_is_one_record_a_line(home):
    """Every line is one JSON object with an event of captiond's; none was put in by a caption."""
    lines = home.log.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert {"photo.captioned", "photo.set_aside"} < {record["event"] for record in records}
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert sum(record["event"] == "photo.captioned" for record in records) == len(SAID)


def test_the_manager_hears_captiond_alone(home):
    """A line break in a name or an answer is no message to systemd."""
    assert not {b"STOPPING=1", b"MAINPID=1"} & set(home.told[:-1])


def test_searching_and_tables_go_on(home):
    """Words beside the attacks are found, and CSV has a row for each photo."""
    found = json.loads(home.run("search", "harbour end", "--limit", "99", "--json").stdout)
    assert len(found) >= len(SAID) - 1  # one was cut before its end
    if shutil.which("sqlite3"):
        query = "select caption, title, keywords from library where caption is not null"
        done = subprocess.run(
            ["sqlite3", "-csv", home.index, query], capture_output=True, check=True
        )
        rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
        assert [len(row) for row in rows] == [3] * len(SAID)


def test_the_console_log_is_never_steered(home, tmp_path):
    """For a person's eyes names and captions are on one line, with nothing that steers."""
    config = (home.path / "config.toml").read_text()
    config = config.replace('"json"\n', '"console"\n').replace(
        '"photos"', json.dumps(str(home.photos))
    )
    config = config.replace("state/index.db", str(tmp_path / "other.db")).replace(
        '"gemini"', '"offline"'
    )
    (tmp_path / "config.toml").write_text(config)
    command = [PROGRAM, "--config", tmp_path / "config.toml", "scan"]
    done = subprocess.run(command, capture_output=True, env=clean_environment(), check=False)
    assert b"photo.captioned" in done.stderr
    assert_harmless(done.stderr.decode())
    assert spelled_out("\x1b") in done.stderr.decode()
