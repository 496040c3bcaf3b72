"""What captiond reads back from its own sidecars, and what it takes for nobody's."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sidecars_helpers import caption, has_attributes, make_photo, subject, write

from captiond.models import Caption, Photo, Recipe
from captiond.sidecars.base import MERGE_LIMIT_BYTES, Layout, Sidecar, Subject
from captiond.sidecars.clean import clean, distinct
from captiond.sidecars.json import Json
from captiond.sidecars.read import read_sidecars
from captiond.sidecars.seal import BLANK, seal
from captiond.sidecars.write import write_sidecars
from captiond.sidecars.xmp import Xmp

DIGEST = "d" * 64
RECIPE = Recipe(origin="gemini", model="any", language="en", prompt="Describe.")
ALL = ("xmp", "txt", "json")
EVERY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
OPENS = {"xmp": b"<captiond:CaptionSeal>", "json": b'"seal": "'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not has_attributes(tmp_path):
        pytest.skip("NO EXTENDED ATTRIBUTES HERE: WHAT A TXT TELLS OF ITSELF WAS NOT TESTED")
    return tmp_path


def kept(**words: object) -> Caption:
    """Return the caption as a sidecar holds it: cleaned, its time to the second."""
    made = caption(**words)
    told = made.description
    tidy = replace(
        told,
        caption=clean(told.caption),
        title=clean(told.title),
        alt_text=clean(told.alt_text),
        keywords=tuple(distinct(told.keywords)),
        text=clean(told.text),
    )
    return replace(made, created_at=float(int(made.created_at)), description=tidy)


def read(photo: Photo, *, digest: str = DIGEST, recipe: Recipe = RECIPE) -> Caption | None:
    return read_sidecars(photo, digest, recipe)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of every file: what is written anew shows in them."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.iterdir()}


def sealed_anew(kind: str, content: bytes, old: bytes, new: bytes) -> bytes:
    """Return the sidecar with one thing changed and a seal that fits, as a forger would."""
    head, mark, tail = content.replace(old, new).partition(OPENS[kind])
    return seal(head + mark + BLANK.encode() + tail[len(BLANK) :], mark)


# --- one kind after the other


@pytest.mark.parametrize("sidecar", [Json(), Xmp()])
@given(text=EVERY_TEXT, language=st.sampled_from(["en", "pt-BR", "Brazilian Portuguese"]))
def test_what_was_written_is_read(sidecar: Sidecar, text, language):
    """Any caption comes back as it was written, and renders to the same bytes once more."""
    words = dict.fromkeys(("caption", "title", "alt_text", "text"), text)
    content = sidecar.render(subject(**words, keywords=(text, "boat"), language=language))
    reading = sidecar.read(content)
    assert reading is not None
    assert reading.caption == kept(**words, keywords=(text, "boat"), language=language)
    assert sidecar.render(Subject("IMG.jpg", reading.caption, reading.version)) == content


@pytest.mark.parametrize("kind", ALL)
def test_each_kind_alone_brings_the_caption_back(folder, kind):
    """One sidecar is enough, whichever; a text file tells the other words by its attribute."""
    photo = make_photo(folder)
    write(photo, kind)
    assert read(photo) == kept()


@pytest.mark.parametrize("kind", ALL)
def test_the_same_sidecars_stand_after_a_caption_was_read_back(folder, kind):
    """A caption that was read from one sidecar changes none of the others."""
    photo = make_photo(folder)
    written = write(photo, *ALL)
    alone = next(one.name for name, one in written.written.items() if name == kind)
    aside = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != alone}
    for name in aside.keys() - {photo.name}:
        (folder / name).rename(folder / f"aside {name}")
    found = read(photo)
    for name in aside.keys() - {photo.name}:
        (folder / f"aside {name}").rename(folder / name)
    before = state(folder)
    assert write_sidecars(photo, found, Layout(ALL), {}, version="1.2.3") == written
    assert state(folder) == before


def test_another_version_of_captiond_rewrites_nothing(tmp_path):
    """The version in a sidecar is the one that wrote it: an update alone changes no file."""
    photo = make_photo(tmp_path)
    write(photo, "xmp", "json")
    before = state(tmp_path)
    outcome = write_sidecars(photo, kept(), Layout(("xmp", "json")), {}, version="9.0")
    assert sorted(outcome.written) == ["json", "xmp"]
    assert state(tmp_path) == before


def test_a_page_of_text_is_too_much_for_an_attribute(folder):
    """Where the whole document has no room beside a text file, the caption alone goes with it."""
    photo = make_photo(folder)
    write(photo, "txt", text="word " * 20_000)
    found = read(photo)
    assert found is not None
    assert found.description.caption == kept().description.caption
    assert found.description.text == ""


# --- which of them may be taken


def test_a_photo_that_was_edited_since_is_another(folder):
    """A sidecar about other bytes says nothing about these."""
    photo = make_photo(folder)
    write(photo, *ALL)
    assert read(photo, digest="e" * 64) is None


@pytest.mark.parametrize("kind", ALL)
def test_what_a_person_edited_is_theirs(folder, kind):
    """An edited sidecar is not taken for a caption that was paid for."""
    photo = make_photo(folder)
    edited = folder / next(iter(write(photo, kind).written.values())).name
    edited.write_bytes(edited.read_bytes().replace(b"ferries", b"canoes "))
    assert read(photo) is None


def test_another_origin_or_language_is_asked_for(folder):
    """Words of the offline captioner, or in another language, do not serve."""
    photo = make_photo(folder)
    write(photo, *ALL, origin="offline")
    assert read(photo) is None
    write(make_photo(folder, "b.jpg"), *ALL, language="de")
    assert read(Photo(str(folder), "b.jpg")) is None
    german = replace(RECIPE, language="de")
    assert read(Photo(str(folder), "b.jpg"), recipe=german) == kept(language="de")


def test_the_newest_goes_first_then_the_same_recipe(tmp_path):
    """Of several captions beside a photo the latest is taken, of equally old ones the exact."""
    photo = make_photo(tmp_path)
    old = replace(caption(caption="old"), recipe=RECIPE.key, created_at=1.0)
    new = replace(caption(caption="new"), created_at=2.0)
    write_sidecars(photo, old, Layout(("json",)), {}, version="1")
    write_sidecars(photo, new, Layout(("xmp",)), {}, version="1")
    newest = read(photo)
    assert newest is not None
    assert newest.description.caption == "new"
    write_sidecars(photo, replace(new, created_at=1.0), Layout(("xmp",)), {}, version="1")
    exact = read(photo)
    assert exact is not None
    assert exact.description.caption == "old"


# --- what strangers put there


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("xmp", b"<x:xmpmeta", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x:xmpmeta'),
        ("xmp", b"encoding='UTF-8'", b"encoding='UTF-7'"),
        ("xmp", b"</x:xmpmeta>", b""),
        ("xmp", b"Two ferries", b"Two canoes"),
        ("xmp", b"2026-05-28T20:26:40Z", b"yesterday"),
        ("xmp", b"</x:xmpmeta>", b"</x:xmpmeta>" + b" " * MERGE_LIMIT_BYTES),
        ("json", b'"schema": 1', b'"schema": 2'),
        ("json", b'"title": "Ferries"', b'"title": 7'),
        ("json", b"2026-05-28T20:26:40Z", b"2026-13-45T99:00:00Z"),
        ("json", b"Ferries", b"\xff"),
        ("json", b'"digest"', b'"other"'),
    ],
)
def test_a_forged_sidecar_does_no_harm(kind, old, new):
    """Whoever knows how the seal is made may write anything: it is refused or read, never worse."""
    sidecar = {"xmp": Xmp(), "json": Json()}[kind]
    content = sidecar.render(subject())
    assert old in content
    forged = sealed_anew(kind, content, old, new)
    assert sidecar.is_ours(forged)
    assert sidecar.read(forged) is None


@pytest.mark.parametrize("sidecar", [Json(), Xmp()])
@given(content=st.binary())
def test_any_other_file_says_nothing(sidecar: Sidecar, content):
    """Arbitrary bytes are no caption."""
    assert sidecar.read(content) is None


@pytest.mark.parametrize("kind", ALL)
def test_nothing_is_read_through_a_link(folder, kind):
    """A link in a sidecar's place is not followed, a directory and a pipe are no sidecars."""
    photo, other = make_photo(folder), make_photo(folder, "other.jpg")
    lies_at = folder / next(iter(write(photo, kind).written.values())).name
    lies_at.rename(folder / "elsewhere")
    lies_at.symlink_to("elsewhere")
    assert read(photo) is None
    for make, name in ((os.mkfifo, "xmp"), (os.mkdir, "caption.json")):
        make(folder / f"other.jpg.{name}")
    assert read(other) is None


def test_a_foreign_attribute_says_nothing(folder):
    """A text file with an attribute that is no document of captiond's is a person's."""
    photo = make_photo(folder)
    write(photo, "txt")
    for content in (b"", b"{}", json.dumps({"captiond": 1}).encode(), Xmp().render(subject())):
        os.setxattr(folder / "IMG.jpg.txt", "user.captiond", content)
        assert read(photo) is None
