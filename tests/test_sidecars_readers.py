"""What other programs read in captiond's sidecars."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from sidecars_helpers import CREATED_AT_ISO, make_photo, subject, write
from sidecars_rdf_helpers import CORPUS

from captiond.handwriting import is_junk
from captiond.sidecars.xmp import Xmp

CAPTION = "Zwei Fähren & eine <Brücke>\nim Regen \U0001f6a2"


@pytest.fixture
def xmp(tmp_path):
    """Write an XMP sidecar; return its path."""
    write(
        make_photo(tmp_path),
        "xmp",
        caption=CAPTION,
        title="Fähren",
        alt_text="Fähren unter einer Brücke",
        keywords=("Fähre", "Regen"),
        language="de",
    )
    return tmp_path / "IMG.jpg.xmp"


def run(program: str, *args: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: what it reads was not tested")
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_exiftool_reads_the_words(xmp):
    """Description, title, alt text, keywords and provenance arrive in exiftool, and so in Immich.

    Without its groups, as Immich reads them: no property of captiond's is taken for the camera's.
    """
    [read] = json.loads(run("exiftool", "-json", "-charset", "utf8", str(xmp)))
    assert read["Description"] == read["ImageDescription"] == read["ExtDescrAccessibility"]
    assert read["Description"] == CAPTION
    assert read["Title"] == "Fähren"
    assert read["AltTextAccessibility"] == "Fähren unter einer Brücke"
    assert read["Subject"] == read["TagsList"] == read["HierarchicalSubject"] == ["Fähre", "Regen"]
    assert read["CaptionWriter"] == "captiond/1.2.3 (gemini-3.5-flash-lite)"
    assert read["CaptionModel"] == "gemini-3.5-flash-lite"
    assert read["MetadataDate"].replace(":", "-", 2).replace(" ", "T") == CREATED_AT_ISO
    assert not {"Model", "Make", "CreateDate", "DateTimeOriginal", "Rating", "CreatorTool"} & set(
        read
    )


def test_exiftool_finds_nothing_wrong(xmp):
    """Exiftool's own check of the packet passes."""
    assert "OK" in run("exiftool", "-validate", "-warning", "-a", str(xmp))


def test_exiv2_reads_the_words(xmp):
    """Description, title, alt text and keywords arrive in exiv2: darktable, digiKam, gThumb."""
    told = run("exiv2", "-px", "print", str(xmp))
    for line in (
        'Xmp.dc.description LangAlt 1 lang="x-default" Zwei Fähren & eine <Brücke>',
        'Xmp.dc.title LangAlt 1 lang="x-default" Fähren',
        'Xmp.iptc.AltTextAccessibility LangAlt 1 lang="x-default" Fähren unter einer Brücke',
        "Xmp.dc.subject XmpBag 2 Fähre, Regen",
        "Xmp.digiKam.TagsList XmpSeq 2 Fähre, Regen",
        "Xmp.captiond.CaptionModel XmpText 21 gemini-3.5-flash-lite",
    ):
        assert line in " ".join(told.split()), line


def test_exiv2_keeps_our_properties_when_it_writes(xmp):
    """A program that edits the sidecar keeps captiond's properties under their name."""
    run("exiv2", "-M", "set Xmp.dc.title lang=x-default Other", str(xmp))
    assert b'xmlns:captiond="urn:captiond:1.0/"' in xmp.read_bytes()
    told = run("exiv2", "-px", "print", str(xmp))
    assert "Xmp.captiond.CaptionModel" in told


def test_an_edit_by_another_program_stays(xmp):
    """A title that was set with exiv2 is a person's, whatever the photo is captioned later."""
    run("exiv2", "-M", "set Xmp.dc.title lang=x-default Other", str(xmp))
    write(make_photo(xmp.parent), "xmp", caption="New words", title="New")
    told = " ".join(run("exiv2", "-px", "print", str(xmp)).split())
    assert 'Xmp.dc.title LangAlt 1 lang="x-default" Other' in told
    assert 'Xmp.dc.description LangAlt 1 lang="x-default" New words' in told


# --- merged into what others wrote

TELLS_NOTHING = {"hand_bare_rdf", "hand_prefixes", "hand_utf16"}
"""exiv2 0.27 does not take these for XMP, before and after."""


@pytest.fixture(params=CORPUS, ids=lambda path: path.stem)
def pair(request, tmp_path):
    """Return a sidecar of others, and captiond's words merged into it."""
    before = request.param.read_bytes()
    words = {"caption": "Two ships", "title": "At sea", "alt_text": "Ships", "keywords": ("wave",)}
    merged = tmp_path / f"{request.param.stem}.xmp"
    merged.write_bytes(Xmp().merge(before, subject(**words)))
    return request.param, merged


def test_exiftool_reads_everything_in_merged_sidecars(pair):
    """exiftool, and so Immich, sees a person's words or captiond's, and all else as before."""
    theirs, merged = (json.loads(run("exiftool", "-json", "-G1", str(path)))[0] for path in pair)
    hand = Xmp().handwriting(pair[0].read_bytes())
    if not hand.caption:
        assert merged["XMP-dc:Description"] == merged["XMP-tiff:ImageDescription"] == "Two ships"
    if not hand.title:
        assert merged["XMP-dc:Title"] == "At sea"
    assert merged["XMP-iptcCore:AltTextAccessibility"] == "Ships"
    assert "wave" in str(merged["XMP-dc:Subject"])
    for name, value in theirs.items():
        if not name.startswith(("System:", "ExifTool:")) and name != "SourceFile":
            assert _holds(merged[name], value), name


@pytest.mark.parametrize(
    "pair",
    [path for path in CORPUS if path.stem not in TELLS_NOTHING],
    ids=lambda path: path.stem,
    indirect=True,
)
def test_exiv2_reads_everything_in_merged_sidecars(pair):
    """exiv2, and so darktable, digiKam, gThumb, refuses no packet and sees all else as before."""
    told = (run("exiv2", "-px", "print", str(path)) for path in pair)
    theirs, merged = (" ".join(text.split()) for text in told)
    hand = Xmp().handwriting(pair[0].read_bytes())
    if not hand.caption:
        assert 'Xmp.dc.description LangAlt 1 lang="x-default" Two ships' in merged
    if not hand.title:
        assert 'Xmp.dc.title LangAlt 1 lang="x-default" At sea' in merged
    assert 'Xmp.iptc.AltTextAccessibility LangAlt 1 lang="x-default" Ships' in merged
    assert "wave" in merged.partition("Xmp.dc.subject XmpBag")[2]
    names = {word for word in theirs.split() if word.startswith("Xmp.")}
    assert names <= set(merged.split())


def _holds(now: object, before: object) -> bool:
    """Tell whether a value is as before, but for added items and replaced junk."""
    if is_junk(str(before)):
        return True
    kept = before if isinstance(before, list) else [before]
    return all(one in (now if isinstance(now, list) else [now]) for one in kept)
