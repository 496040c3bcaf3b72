"""What a person changes after captiond wrote it belongs to the person from then on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from daemon_helpers import PHOTOS, Home, counters, gemini, wait_until
from people_helpers import alt, bag, captioned, exiftool, found, shown, xmp

EDITED = "Grandmother in Marseille"


@pytest.fixture
def home(tmp_path: Path):
    with gemini() as url:
        home = Home(tmp_path, url)
        home.drop("hopper.jpg", "china.jpg")
        yield home


def write(path: Path, text: str) -> None:
    """Save a file as an editor does: a new one takes the old one's place."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text)
    beside.replace(path)


def test_edits_while_the_daemon_runs(home: Home) -> None:
    """Text that an editor or exiftool put in captiond's place is found, kept, and followed."""
    xmp, txt = home.photos / "hopper.jpg.xmp", home.photos / "china.jpg.txt"
    with captioned(home, photos=2):
        exiftool(xmp, f"-XMP-dc:Description={EDITED}")
        write(txt, "A temple in the rain\n")
        wait_until(lambda: found(home, "Marseille") == ["hopper.jpg"], what="the XMP is read")
        wait_until(lambda: found(home, "temple") == ["china.jpg"], what="the text is read")
        assert shown(home, "hopper.jpg")[3] == "human"
        follows = home.photos / "hopper.jpg.txt"
        wait_until(lambda: follows.read_text() == f"{EDITED}\n", what="what was captiond's follows")
        assert "A temple" in txt.read_text()
        told = json.loads(home.run("recaption", "--since", "1970", "--json").stdout)
        assert told["photos"] == 0
    assert EDITED in xmp.read_text()
    assert counters(home.url)["requests"] == 2


def test_edits_while_the_daemon_is_away(home: Home) -> None:
    """The next scan finds an edit, once, and asks nobody."""
    with captioned(home, photos=2):
        pass
    exiftool(home.photos / "hopper.jpg.xmp", f"-XMP-dc:Description={EDITED}")
    home.run("scan")
    assert found(home, "Marseille") == ["hopper.jpg"]
    captions = home.rows("select count(*) from captions")
    home.run("scan")
    assert home.rows("select count(*) from captions") == captions
    assert counters(home.url)["requests"] == 2


def test_what_was_deleted_stays_deleted(home: Home) -> None:
    """A caption and a keyword that a person removed are not written again, only brought back."""
    xmp = home.photos / "hopper.jpg.xmp"
    with captioned(home, photos=2):
        keywords = json.loads(shown(home, "china.jpg")[2])
        caption = shown(home, "hopper.jpg")[0]
        exiftool(xmp, "-XMP-dc:Description=", "-XMP-tiff:ImageDescription=")
        other = home.photos / "china.jpg.xmp"
        exiftool(other, f"-XMP-dc:Subject-={keywords[0]}")
        wait_until(lambda: shown(home, "hopper.jpg")[0] == "", what="the caption is gone")
        wait_until(
            lambda: json.loads(shown(home, "china.jpg")[2]) == keywords[1:], what="so is a keyword"
        )
        home.run("recaption", "--since", "1970")
        wait_until(
            lambda: (
                home.rows("select count(*) from requests") == [(3,)]
                and shown(home, "china.jpg")
                and not home.rows("select 1 from photos where state <> 'captioned'")
            ),
            what="the other one is captioned anew",
        )
        assert keywords[0] not in json.loads(shown(home, "china.jpg")[2])
        assert keywords[0] not in told(other)
    home.run("scan")
    assert shown(home, "hopper.jpg")[0] == ""
    assert caption not in xmp.read_text()
    assert counters(home.url)["requests"] == 3
    home.run("revert", str(home.photos / "hopper.jpg"))
    assert shown(home, "hopper.jpg")[0] == caption
    home.run("scan")
    assert shown(home, "hopper.jpg")[0] == caption


def told(path: Path) -> list[str]:
    """Return the keywords of an XMP file, as exiftool reads them."""
    import subprocess

    done = subprocess.run(
        ["exiftool", "-json", "-XMP-dc:Subject", path], capture_output=True, check=True, timeout=60
    )
    subject = json.loads(done.stdout)[0].get("Subject", [])
    return subject if isinstance(subject, list) else [subject]


def test_a_deleted_sidecar_is_not_written_again(home: Home) -> None:
    """Whole files that a person removed stay away over scans; the caption is still found."""
    with captioned(home, photos=2):
        caption = shown(home, "hopper.jpg")[0]
        (home.photos / "hopper.jpg.txt").unlink()
        (home.photos / "hopper.jpg.xmp").unlink()
        os.utime(home.photos)
    home.run("scan")
    assert not (home.photos / "hopper.jpg.txt").exists()
    assert not (home.photos / "hopper.jpg.xmp").exists()
    assert shown(home, "hopper.jpg")[0] == caption
    assert counters(home.url)["requests"] == 2


def test_a_copy_takes_a_persons_words_along(home: Home) -> None:
    """A copy of a photo whose caption a person edited shows the person's, for nothing."""
    with captioned(home, photos=2):
        exiftool(home.photos / "hopper.jpg.xmp", f"-XMP-dc:Description={EDITED}")
        wait_until(lambda: found(home, "Marseille") == ["hopper.jpg"], what="the XMP is read")
        shutil.copyfile(PHOTOS / "hopper.jpg", home.photos / "copy.jpg")
        wait_until(
            lambda: found(home, "Marseille") == ["copy.jpg", "hopper.jpg"], what="so is the copy"
        )
    assert counters(home.url)["requests"] == 2


def test_edits_that_are_undone_by_hand(home: Home) -> None:
    """Captiond's very words, put back after an edit was found, stay in the file and are shown."""
    xmp = home.photos / "hopper.jpg.xmp"
    home.run("scan")
    caption, title, keywords, _ = shown(home, "hopper.jpg")
    first, *others = json.loads(keywords)
    mine = ("-XMP-dc:Description=Mine", "-XMP-dc:Title=Mine", f"-XMP-dc:Subject-={first}")
    exiftool(xmp, *mine)
    home.run("scan")
    assert shown(home, "hopper.jpg")[:3] == ("Mine", "Mine", json.dumps(others))
    put_back = (f"-XMP-dc:Description={caption}", f"-XMP-dc:Title={title}")
    exiftool(xmp, *put_back, f"-XMP-dc:Subject+={first}")
    home.run("scan")
    assert shown(home, "hopper.jpg")[:2] == (caption, title)
    assert sorted(json.loads(shown(home, "hopper.jpg")[2])) == sorted([first, *others])
    assert xmp.read_text().count(caption) == 3
    assert "Mine" not in xmp.read_text()
    assert counters(home.url)["requests"] == 2


def test_what_was_edited_outlives_a_new_caption(home: Home) -> None:
    """A title of a person's and a keyword that they removed stay so when it is captioned anew."""
    home.run("scan")
    first, *others = json.loads(shown(home, "hopper.jpg")[2])
    xmp = home.photos / "hopper.jpg.xmp"
    exiftool(xmp, "-XMP-dc:Title=Mine", f"-XMP-dc:Subject-={first}")
    home.run("scan")
    home.run("recaption", "--since", "1970")
    home.run("scan")
    assert counters(home.url)["requests"] == 4
    assert shown(home, "hopper.jpg")[1:3] == ("Mine", json.dumps(others))
    assert told(xmp) == others


def test_what_was_edited_outlives_a_move_and_a_new_caption(home: Home) -> None:
    """The edits hold for the photo, also where its sidecars were left behind."""
    home.run("scan")
    first, *others = json.loads(shown(home, "hopper.jpg")[2])
    xmp = home.photos / "hopper.jpg.xmp"
    exiftool(xmp, "-XMP-dc:Title=Mine", f"-XMP-dc:Subject-={first}")
    home.run("scan")
    (home.photos / "hopper.jpg").rename(home.photos / "grace.jpg")
    home.run("scan")
    for _ in range(2):
        home.run("recaption", str(home.photos / "grace.jpg"))
        home.run("scan")
        assert shown(home, "grace.jpg")[1:3] == ("Mine", json.dumps(others))
        assert told(home.photos / "grace.jpg.xmp") == others
    assert counters(home.url)["requests"] == 4


def test_own_words_that_a_person_removes_stay_away(home: Home) -> None:
    """A title, a keyword and a caption of theirs are written nowhere again, nor shown."""
    config = home.path / "config.toml"
    config.write_text(config.read_text().replace("[captioner]", '[captioner]\nexisting = "add"'))
    caption = home.photos / "china.jpg.xmp"
    caption.write_text(xmp(alt("description", EDITED)))
    title = home.photos / "hopper.jpg.xmp"
    title.write_text(xmp(alt("title", "Mine") + bag("pond", "duck")))
    home.run("scan")
    exiftool(caption, "-XMP-dc:Description=")
    exiftool(title, "-XMP-dc:Title=", "-XMP-dc:Subject-=pond")
    home.run("scan")
    assert shown(home, "china.jpg")[0] == shown(home, "hopper.jpg")[1] == ""
    assert not {"pond"} & {*told(title), *json.loads(shown(home, "hopper.jpg")[2])}
    assert EDITED not in caption.read_text()
    assert "Mine" not in title.read_text()
    assert not (home.photos / "china.jpg.txt").exists()
    assert counters(home.url)["requests"] == 2


def test_an_edited_document_says_nothing_of_another_picture(home: Home) -> None:
    """Where the pixels change, captiond's words in it are no person's; the person's title is."""
    home.run("scan")
    document = home.photos / "hopper.jpg.caption.json"
    words = json.loads(document.read_text()) | {"title": "Mine"}
    document.write_text(json.dumps(words, indent=2))
    home.run("scan")
    exiftool(home.photos / "hopper.jpg", "-n", "-Orientation=6")
    home.run("scan")
    caption, title, _, origin = shown(home, "hopper.jpg")
    assert (caption, title, origin) == (words["caption"], "Mine", "gemini")
    assert counters(home.url)["requests"] == 3


def test_the_newer_of_two_captions_outlives_a_change_of_the_photo(home: Home) -> None:
    """Captiond merged into the XMP after the text was written: that makes it no newer."""
    photo, xmp = home.photos / "hopper.jpg", home.photos / "hopper.jpg.xmp"
    home.run("scan")
    exiftool(xmp, "-XMP-dc:Description=Older")
    home.run("scan")
    write(home.photos / "hopper.jpg.txt", "Newer\n")
    home.run("scan")
    exiftool(photo, "-XMP-xmp:Rating=4")
    home.run("scan")
    assert shown(home, "hopper.jpg")[0] == "Newer"
    assert counters(home.url)["requests"] == 2
