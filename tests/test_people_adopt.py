"""A caption that a person wrote stands for one: nobody is asked, and nothing of theirs changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from daemon_helpers import PHOTOS, Home, counters, gemini
from kill_helpers import make_photo
from people_helpers import alt, bag, captioned, exiftool, found, shown, tree, xmp

WORDS = "Zoë feeds the ducks"


@pytest.fixture
def url():
    with gemini() as url:
        yield url


def put(home: Home, name: str, *, number: int = 0) -> Path:
    """Lay a photo of its own content there."""
    path = home.photos / name
    path.write_bytes(make_photo(number))
    return path


BESIDE = {
    "attribute.jpg.xmp": xmp(attributes=f' dc:description="{WORDS}"'),
    "langalt.jpg.xmp": xmp(alt("description", WORDS) + alt("title", "Ducks") + bag("pond")),
    "stem.xmp": xmp(alt("description", WORDS)),
    "text.jpg.txt": f"{WORDS}\n",
    "document.jpg.caption.json": json.dumps(
        {"captiond": {"schema": 1, "version": "0.1.0", "seal": "0" * 64}, "caption": WORDS}
    ),
}


def test_captions_beside_photos(tmp_path: Path, url: str) -> None:
    """From whatever sidecar: shown and found as a person's, no request, the file as it was."""
    home = Home(tmp_path, url)
    for number, (name, content) in enumerate(BESIDE.items()):
        put(home, f"{name.split('.')[0]}.jpg", number=number)
        (home.photos / name).write_text(content)
    before = tree(home.photos)
    with captioned(home, photos=len(BESIDE)):
        names = sorted(f"{name.split('.')[0]}.jpg" for name in BESIDE)
        assert found(home, "ducks") == names
        origins = home.rows("select distinct caption, origin, model, language from library")
        assert origins == [(WORDS, "human", "", "")]
        assert shown(home, "langalt.jpg") == (WORDS, "Ducks", '["pond"]', "human")
    assert counters(url)["requests"] == 0
    after = tree(home.photos)
    assert {name: after[name] for name in before} == before
    assert not [name for name in set(after) - set(before) if name.endswith(".xmp")]
    assert (home.photos / "langalt.jpg.txt").read_text() == f"{WORDS}\n"
    document = json.loads((home.photos / "langalt.jpg.caption.json").read_text())
    assert (document["caption"], document["origin"], document["model"]) == (WORDS, "human", "")
    assert (
        json.loads(home.run("show", str(home.photos / "stem.jpg"), "--json").stdout)["origin"]
        == "human"
    )


WITHIN = {
    "exif.jpg": (f"-EXIF:ImageDescription={WORDS}",),
    "xptitle.jpg": (f"-EXIF:XPComment={WORDS}",),
    "iptc.jpg": (f"-IPTC:Caption-Abstract={WORDS}", "-codedcharacterset=utf8"),
    "packet.jpg": (f"-XMP-dc:Description={WORDS}",),
}


def test_captions_within_photos(tmp_path: Path, url: str) -> None:
    """From whatever metadata of the file: adopted for nothing, and no XMP is made for it."""
    home = Home(tmp_path, url)
    for number, (name, arguments) in enumerate(WITHIN.items()):
        exiftool(put(home, name, number=number), *arguments)
    shutil.copyfile(PHOTOS / "human_description.jpg", home.photos / "human_description.jpg")
    with captioned(home, photos=5):
        assert home.rows("select distinct origin from library") == [("human",)]
        assert found(home, "ducks") == sorted(WITHIN)
        assert found(home, "sofa") == ["human_description.jpg"]
    assert counters(url)["requests"] == 0
    assert not list(home.photos.glob("*.xmp"))


def test_what_is_no_caption_of_a_person(tmp_path: Path, url: str) -> None:
    """Camera junk, a title alone and keywords alone are captioned; the person's title stays."""
    home = Home(tmp_path, url)
    shutil.copyfile(PHOTOS / "junk_description.jpg", home.photos / "junk.jpg")
    put(home, "titled.jpg", number=1)
    (home.photos / "titled.jpg.xmp").write_text(xmp(alt("title", "Ducks") + bag("pond")))
    with captioned(home, photos=2):
        assert shown(home, "junk.jpg")[3] == "gemini"
        caption, title, keywords, origin = shown(home, "titled.jpg")
        assert caption
        assert title == "Ducks"
        assert "pond" in json.loads(keywords)
        assert len(json.loads(keywords)) > 1
        assert origin == "gemini"
        assert counters(url)["requests"] == 2
    text = (home.photos / "titled.jpg.xmp").read_text()
    assert "Ducks" in text
    assert caption in text


def test_what_is_empty_is_filled(tmp_path: Path, url: str) -> None:
    """With existing = "add" a person's caption stays, and the rest is asked for, once."""
    home = Home(tmp_path, url)
    config = home.path / "config.toml"
    config.write_text(config.read_text().replace("[captioner]", '[captioner]\nexisting = "add"'))
    put(home, "half.jpg", number=1)
    (home.photos / "half.jpg.xmp").write_text(xmp(alt("description", WORDS)))
    put(home, "whole.jpg", number=2)
    all_of_it = ' Iptc4xmpCore:AltTextAccessibility="Ducks on a pond" \
xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"'
    elements = alt("description", WORDS) + alt("title", "Ducks") + bag("pond")
    (home.photos / "whole.jpg.xmp").write_text(xmp(elements, all_of_it))
    with captioned(home, photos=2):
        caption, title, keywords, origin = shown(home, "half.jpg")
        assert (caption, origin) == (WORDS, "human")
        assert title
        assert json.loads(keywords)
        assert shown(home, "whole.jpg") == (WORDS, "Ducks", '["pond"]', "human")
        assert counters(url)["requests"] == 1
        history = json.loads(
            home.run("show", "--history", str(home.photos / "half.jpg"), "--json").stdout
        )
        assert title in json.dumps(history)
    text = (home.photos / "half.jpg.xmp").read_text()
    assert WORDS in text
    assert title in text


def test_a_caption_within_a_photo_is_changed(tmp_path: Path, url: str) -> None:
    """The words that a program puts in place of adopted ones are shown, and followed."""
    home = Home(tmp_path, url)
    photo = put(home, "ducks.jpg")
    exiftool(photo, f"-EXIF:ImageDescription={WORDS}")
    home.run("scan")
    assert (home.photos / "ducks.jpg.txt").read_text() == f"{WORDS}\n"
    exiftool(photo, "-EXIF:ImageDescription=Zoë feeds the swans")
    home.run("scan")
    assert shown(home, "ducks.jpg")[0] == "Zoë feeds the swans"
    assert (home.photos / "ducks.jpg.txt").read_text() == "Zoë feeds the swans\n"
    assert counters(url)["requests"] == 0


def test_with_the_index_lost_a_person_s_caption_is_no_news(tmp_path: Path, url: str) -> None:
    """An edited caption is known again from all sidecars together, and none is touched."""
    home = Home(tmp_path, url)
    put(home, "ducks.jpg")
    home.run("scan")
    exiftool(home.photos / "ducks.jpg.xmp", f"-XMP-dc:Description={WORDS}")
    home.run("scan")
    before = shown(home, "ducks.jpg"), tree(home.photos)
    for path in home.index.parent.iterdir():
        path.unlink()
    home.run("scan")
    assert (shown(home, "ducks.jpg"), tree(home.photos)) == before
    assert counters(url)["requests"] == 1
