"""What other programs read in captiond's sidecars."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from sidecars_helpers import CREATED_AT_ISO, make_photo, write

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
