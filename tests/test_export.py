"""`captiond export`: the captions of a library for other programs, read by those programs."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from cli_helpers import House

PHOTOS = Path(__file__).parent / "photos"
READERS = Path(sys.prefix) / "readers"
WORDS = {
    "boats/red.jpg": "hopper.jpg",
    "boats/blue.png": "alpha.png",
    "boats/blue.webp": "coffee.webp",
    "cats <i>/[x](y) & <b>.png": "cat.png",
    "top.heic": "astronaut.heic",
}
STRANGE = "=2+3 *bold* <script>alert(1)</script> | caf\u00e9 \u732b"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A library that the offline captioner described, one caption of it strange."""
    made = House(tmp_path_factory.mktemp("house"))
    for name, source in WORDS.items():
        target = made.photos / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(PHOTOS / source, target)
    code, _, err = made.run("scan")
    assert code == 0, err
    subprocess.run(
        [
            "sqlite3",
            made.index,
            (
                f"UPDATE captions SET caption = '{STRANGE}', title = 'A | title',"
                """ alt_text = '" onerror="alert(1)'"""
                " WHERE id = (SELECT caption FROM photos WHERE name LIKE '[x]%');"
                "UPDATE captions SET caption = caption || char(10) || 'By hand.'"
                " WHERE id = (SELECT caption FROM photos WHERE name = 'red.jpg')"
            ),
        ],
        check=True,
    )
    return made


def export(house, *arguments):
    code, out, err = house.run("export", *arguments)
    assert code == 0, err
    return out


def test_jsonl_holds_every_photo_with_all_that_is_known(house):
    """One object a line, in the order of folders, with the columns of the view and more."""
    lines = export(house, "--format", "jsonl").splitlines()
    assert export(house, "--json").splitlines() == lines
    rows = [json.loads(line) for line in lines]
    assert [Path(row["path"]).name for row in rows] == [
        "top.heic",
        "blue.png",
        "blue.webp",
        "red.jpg",
        "[x](y) & <b>.png",
    ]
    strange = rows[-1]
    assert strange["caption"] == STRANGE
    assert strange["origin"] == "offline"
    assert isinstance(strange["keywords"], list)
    assert {"lens", "source", "taken_from"} <= set(strange)


def test_csv_is_a_table_without_formulas(house):
    """A caption that starts like a formula is text in a spreadsheet."""
    table = list(csv.DictReader(io.StringIO(export(house, "--format", "csv"))))
    assert len(table) == len(WORDS)
    assert table[-1]["caption"] == f"'{STRANGE}"


def test_only_the_folders_named_are_written(house):
    """Folders within each other count once; one elsewhere is empty."""
    boats, photos = house.photos / "boats", house.photos
    assert len(export(house, "--format", "jsonl", boats).splitlines()) == 3
    assert len(export(house, "--format", "jsonl", boats, photos).splitlines()) == 5
    assert export(house, "--format", "jsonl", house.path / "boa") == ""


@pytest.mark.skipif(not READERS.exists(), reason="datasets is not here: `make test` installs it")
@pytest.mark.parametrize("copy", [(), ("--copy",)])
def test_hugging_face_datasets_loads_an_imagefolder(house, tmp_path, copy):
    """Every photo that it can open comes with its caption; others are left out, and told."""
    target = tmp_path / "set"
    code, _, err = house.run("export", "--format", "imagefolder", "--to", target, *copy)
    assert code == 0, err
    assert "4 photos; left out: 1 heic" in err
    load = """
import json, sys
from datasets import load_dataset
rows = load_dataset("imagefolder", data_dir=sys.argv[1], cache_dir=sys.argv[2], split="train")
print(json.dumps([[row["text"], row["image"].size] for row in rows]))
"""
    environ = {
        "PYTHONPATH": str(READERS),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", load, target, tmp_path / "cache"],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    assert loaded.returncode == 0, loaded.stderr
    rows = json.loads(loaded.stdout)
    known = {
        " ".join(row["caption"].split()): [row["width"], row["height"]]
        for row in map(json.loads, export(house, "--format", "jsonl").splitlines())
        if row["format"] != "heic"
    }
    assert dict(rows) == known
    assert STRANGE in known


def test_kohya_gets_one_line_beside_each_photo(house, tmp_path):
    """Two photos of one stem do not share a text, lines of a person become one."""
    target = tmp_path / "set"
    export(house, "--format", "kohya", "--to", target)
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.*"))
    assert names == [
        "boats/blue.png",
        "boats/blue.txt",
        "boats/blue_webp.txt",
        "boats/blue_webp.webp",
        "boats/red.jpg",
        "boats/red.txt",
        "cats <i>/[x](y) & <b>.png",
        "cats <i>/[x](y) & <b>.txt",
    ]
    assert (target / "cats <i>" / "[x](y) & <b>.txt").read_text() == f"{STRANGE}\n"
    assert (target / "boats" / "red.txt").read_text().endswith(" By hand.\n")
    assert (target / "boats" / "blue_webp.webp").read_bytes() == (
        PHOTOS / "coffee.webp"
    ).read_bytes()


def test_markdown_shows_words_as_words(house, tmp_path):
    """What a model said is no markup; pictures are linked from where the document lies."""
    target = tmp_path / "all.md"
    export(house, "--format", "markdown", "--to", target)
    text = target.read_text()
    assert r"\*bold\* \<script\>alert\(1\)\</script\>" in text
    assert r"## A \| title" in text
    links = [line[line.rindex("](") + 2 : -1] for line in text.splitlines() if line[:1] == "!"]
    assert len(links) == len(WORDS)
    assert all((tmp_path / unquote(link)).is_file() for link in links)


class _Pictures(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "img":
            self.found.append(dict(attrs))


@pytest.mark.parametrize("copy", [(), ("--copy",)])
def test_html_is_a_gallery_that_runs_nothing(house, tmp_path, copy):
    """Each photo with its alternative text; words are no tags."""
    target = tmp_path / "gallery"
    export(house, "--format", "html", "--to", target, *copy)
    pictures = _Pictures()
    pictures.feed((target / "index.html").read_text())
    assert not {"script", "i", "b"} & pictures.tags
    assert len(pictures.found) == len(WORDS)
    assert all(picture["alt"] for picture in pictures.found)
    assert all(picture.keys() == {"loading", "src", "alt"} for picture in pictures.found)
    assert all((target / unquote(picture["src"])).is_file() for picture in pictures.found)
    if copy:
        assert not any(picture["src"].startswith("..") for picture in pictures.found)


def test_nothing_is_overwritten_and_nothing_goes_into_a_watched_folder(house, tmp_path):
    """A full folder, a file that is there, a place that the daemon would caption: refused."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("mine")
    for target in (full, full / "mine", house.photos / "boats" / "export"):
        code, _, err = house.run("export", "--format", "jsonl", "--to", target)
        assert (code, bool(err)) == (1, True)
    assert [path.name for path in full.iterdir()] == ["mine"]
    assert not (house.photos / "boats" / "export").exists()


@pytest.mark.parametrize("copy", [(), ("--copy",)])
def test_what_lies_outside_is_not_taken_along(tmp_path, copy):
    """Whoever can write to a folder swaps a photo, or a folder, for a link after it was captioned.

    Nor does a copy get more rights than a file has that its owner makes.
    """
    house = House(tmp_path / "house")
    (house.photos / "trip").mkdir()
    for name in ("kept.jpg", "swapped.jpg", "trip/hopper.jpg"):
        shutil.copy(PHOTOS / "hopper.jpg", house.photos / name)
    (house.photos / "kept.jpg").chmod(0o6755)
    assert house.run("scan")[0] == 0
    outside = tmp_path / "outside"
    (house.photos / "trip").rename(outside)
    (house.photos / "trip").symlink_to(outside)
    (house.photos / "swapped.jpg").unlink()
    (house.photos / "swapped.jpg").symlink_to(outside / "hopper.jpg")
    target = tmp_path / "set"
    _, _, err = house.run("export", "--format", "kohya", "--to", target, *copy)
    assert "1 photo; left out: 2 gone" in err
    assert sorted(path.name for path in target.rglob("*")) == ["kept.jpg", "kept.txt"]
    if copy:
        assert (target / "kept.jpg").stat().st_mode & 0o6111 == 0
        assert (target / "kept.jpg").read_bytes() == (PHOTOS / "hopper.jpg").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [(), ("--format", "kohya"), ("--format", "csv", "--copy"), ("--format", "docx")],
)
def test_a_call_that_makes_no_sense_is_a_usage_error(house, arguments):
    """Exit 2, and a sentence."""
    code, _, err = house.run("export", *arguments)
    assert (code, "Usage" in err) == (2, True)
