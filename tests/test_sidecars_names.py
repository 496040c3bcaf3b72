"""Which files are a photo's sidecars, and where a new one is made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from files_helpers import names
from sidecars_helpers import make_photo, state, write

from captiond.models import Photo
from captiond.sidecars.base import NOT_OURS, Outcome
from captiond.sidecars.names import beside_digest, candidates, rivals
from captiond.sidecars.places import Places

ALL = ("xmp", "txt", "json")
SIDECAR_FOR = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" %s</rdf:RDF></x:xmpmeta>"""


def xmp_for(extension: str) -> bytes:
    """Return an XMP that says whose it is, as Adobe's programs write it."""
    return SIDECAR_FOR % f'photoshop:SidecarForExtension="{extension}"/>'.encode()


def own(photo: Photo, kind: str = "xmp") -> list[str]:
    return Places(photo, {}).own(kind)


def made(outcome: Outcome) -> dict[str, str]:
    return {kind: one.name for kind, one in outcome.written.items()}


# --- names alone


def test_the_names_a_sidecar_may_have():
    """Both styles, and extensions in capitals, which are other files on Linux."""
    assert candidates("IMG.jpg") == (
        "IMG.jpg.xmp",
        "IMG.jpg.XMP",
        "IMG.xmp",
        "IMG.XMP",
        "IMG.jpg.txt",
        "IMG.jpg.TXT",
        "IMG.txt",
        "IMG.TXT",
        "IMG.jpg.caption.json",
        "IMG.caption.json",
    )


@pytest.mark.parametrize(
    ("photo", "others"),
    [
        ("IMG", {"IMG.xmp"}),
        (".jpg", {".jpg.xmp"}),
        ("IMG.jpg.webp", {"IMG.jpg.webp.xmp"}),
        ("PXL.MP.jpg", {"PXL.MP.jpg.xmp", "PXL.MP.xmp"}),
        ("links.urls.jpg", {"links.urls.jpg.xmp"}),
    ],
)
def test_names_that_are_no_stem_of_their_own(photo, others):
    """The sidecar of another photo, a hidden name and a list of links are nobody's stem."""
    assert {name for name in candidates(photo) if name.endswith(".xmp")} == others


@pytest.mark.parametrize(
    "name",
    [
        "IMG.jpg.json",
        "IMG.json",
        "IMG.jpg.supplemental-metadata.json",
        "IMG.jpg.supplemental-meta.json",
        "IMG.jpg.suppl.json",
        "IMG.jpg.s.json",
        "IMG.jpg(1).json",
        "metadata.json",
    ],
)
def test_json_of_other_programs_is_no_sidecar(tmp_path, name):
    """What Takeout and others write beside a photo, its name cut or not, is never touched."""
    photo = make_photo(tmp_path)
    (tmp_path / name).write_bytes(b'{"photoTakenTime": {}}')
    before = state(tmp_path)[name]
    assert name not in candidates(photo.name)
    for style in ("full", "stem"):
        assert write(photo, *ALL, names=style).notes == ()
    assert state(tmp_path)[name] == before


def test_what_shares_a_stem():
    """Only another photo does: the halves of a Live Photo and other programs' files do not."""
    beside = ["IMG.jpg", "IMG.MOV", "IMG.aae", "IMG.THM", "IMG.xmp", "IMG.jpg.txt", "IMGX.jpg"]
    assert rivals("IMG.jpg", beside) == ()
    assert rivals("IMG.jpg", [*beside, "IMG.NEF", "IMG.JPG", "IMG"]) == (
        "IMG",
        "IMG.JPG",
        "IMG.NEF",
    )


def test_the_digest_of_what_lies_beside():
    """It tells name, size and time of each file, in any order; nothing there is no digest."""
    first, second = ("a.xmp", 1, 2), (os.fsdecode(b"\xe9.txt"), 3, 4)
    whole = beside_digest([first, second])
    assert whole == beside_digest(iter([second, first]))
    others = (
        [first],
        [("a.xmp", 1, 3), second],
        [("b.xmp", 1, 2), second],
        [("a.xmp", 2, 2), second],
    )
    assert len({whole, *map(beside_digest, others)}) == 5
    assert beside_digest([]) == ""


# --- what is found


@pytest.mark.parametrize("style", ["full", "stem"])
@pytest.mark.parametrize("base", ["IMG.jpg", "IMG"])
@pytest.mark.parametrize("suffix", [".txt", ".TXT"])
def test_a_text_under_either_name_is_found(tmp_path, style, base, suffix):
    """A person's text is found whatever the setting, and no second one is made."""
    photo = make_photo(tmp_path)
    (tmp_path / f"{base}{suffix}").write_bytes(b"My words\n")
    outcome = write(photo, "txt", names=style)
    assert outcome.notes == (f"{base}{suffix} was left alone: {NOT_OURS}",)
    assert names(tmp_path) == sorted(["IMG.jpg", f"{base}{suffix}"])


@pytest.mark.parametrize(("first", "then"), [("full", "stem"), ("stem", "full")])
def test_another_setting_makes_no_second_sidecars(tmp_path, first, then):
    """What captiond wrote under one name is kept up to date when the setting changes."""
    photo = make_photo(tmp_path)
    before = write(photo, *ALL, names=first)
    lying = names(tmp_path)
    after = write(photo, *ALL, names=then, written=before.written, caption="Second words")
    assert names(tmp_path) == lying
    assert made(after) == made(before)
    assert b"Second words" in (tmp_path / after.written["txt"].name).read_bytes()


def test_sidecars_by_the_stem(tmp_path):
    """With `stem` they are named without the photo's extension; a moving half is no collision."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.MOV").write_bytes(b"moving")
    outcome = write(photo, *ALL, names="stem")
    assert made(outcome) == {"xmp": "IMG.xmp", "txt": "IMG.txt", "json": "IMG.caption.json"}
    assert write(photo, *ALL, names="stem", written=outcome.written) == outcome


@pytest.mark.parametrize("other", ["IMG.NEF", "IMG.heic", "IMG"])
def test_two_photos_of_one_stem_share_no_file(tmp_path, other):
    """Where two would share a sidecar neither gets it, and the note says which two."""
    pair = [make_photo(tmp_path, "IMG.jpg"), make_photo(tmp_path, other)]
    for photo, rival in (pair, pair[::-1]):
        if photo.name == "IMG":
            continue
        outcome = write(photo, *ALL, names="stem")
        assert outcome.written == {}
        assert outcome.notes[1] == (
            f"{photo.name} and {rival.name} would share IMG.txt: none was written"
        )
    assert names(tmp_path) == sorted(photo.name for photo in pair)


def test_who_came_first_keeps_the_shared_name(tmp_path):
    """A photo that got its sidecars before the second of its stem came keeps them up to date."""
    first = make_photo(tmp_path)
    before = write(first, *ALL, names="stem", caption="First words")
    second = make_photo(tmp_path, "IMG.NEF")
    lying = state(tmp_path)
    assert write(second, *ALL, names="stem", digest="e" * 64).written == {}
    assert state(tmp_path) == lying
    after = write(first, *ALL, names="stem", written=before.written, caption="Second words")
    assert (made(after), after.notes) == (made(before), ())


# --- whose an XMP is


def test_a_lone_photo_owns_the_xmp_of_its_stem(tmp_path):
    """Beside `IMG.xmp` of one photo, whoever wrote it, no other XMP is looked for."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.XMP").write_bytes(xmp_for("NEF"))
    assert own(photo) == ["IMG.XMP"]


@pytest.mark.parametrize(("jpeg", "raw"), [("IMG.jpg", "IMG.NEF"), ("IMG.JPG", "IMG.cr3")])
def test_the_xmp_of_a_pair_is_the_raw_files(tmp_path, jpeg, raw):
    """Lightroom writes `IMG.xmp` for a raw file; the JPEG of the pair has one of its own."""
    photo, other = make_photo(tmp_path, jpeg), make_photo(tmp_path, raw)
    (tmp_path / "IMG.xmp").write_bytes(SIDECAR_FOR % b"/>")
    assert (own(photo), own(other)) == ([], ["IMG.xmp"])
    assert made(write(photo, "xmp")) == {"xmp": f"{jpeg}.xmp"}


@pytest.mark.parametrize(
    "form",
    [
        'photoshop:SidecarForExtension="%s"/>',
        "><photoshop:SidecarForExtension>%s</photoshop:SidecarForExtension></rdf:Description>",
    ],
)
@pytest.mark.parametrize(
    ("told", "whose"), [("DNG", "IMG.dng"), ("nef", "IMG.NEF"), ("JPG", "IMG.jpg")]
)
def test_adobe_tells_whose_it_is(tmp_path, form, told, whose):
    """`photoshop:SidecarForExtension` names the extension, in either form of XMP."""
    photos = [make_photo(tmp_path, name) for name in ("IMG.jpg", "IMG.NEF", "IMG.dng")]
    (tmp_path / "IMG.xmp").write_bytes(SIDECAR_FOR % (form % told).encode())
    assert [photo.name for photo in photos if own(photo)] == [whose]


def test_an_xmp_of_two_raw_files_is_nobodys(tmp_path):
    """Where nothing tells whose `IMG.xmp` is, it is left to both, and each gets its own."""
    photos = [make_photo(tmp_path, name) for name in ("IMG.NEF", "IMG.dng")]
    (tmp_path / "IMG.xmp").write_bytes(SIDECAR_FOR % b"/>")
    for photo in photos:
        assert own(photo) == []
        assert made(write(photo, "xmp")) == {"xmp": f"{photo.name}.xmp"}
    assert (tmp_path / "IMG.xmp").read_bytes() == SIDECAR_FOR % b"/>"


def test_the_full_name_goes_first(tmp_path):
    """Of two XMPs the one named after the whole file is kept up to date, the other left."""
    photo = make_photo(tmp_path)
    first = write(photo, "xmp", caption="First words")
    (tmp_path / "IMG.xmp").write_bytes(SIDECAR_FOR % b"/>")
    assert own(photo) == ["IMG.jpg.xmp", "IMG.xmp"]
    assert write(photo, "xmp", written=first.written, caption="Second").notes == ()
    assert b"Second" in (tmp_path / "IMG.jpg.xmp").read_bytes()
    assert (tmp_path / "IMG.xmp").read_bytes() == SIDECAR_FOR % b"/>"


def test_a_link_by_the_stem_is_no_reason_for_a_second_xmp(tmp_path):
    """A link `IMG.xmp` is the photo's, is left alone, and none is made beside it."""
    photo = make_photo(tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "IMG.xmp").symlink_to("elsewhere")
    outcome = write(photo, "xmp")
    assert outcome.written == {}
    assert "IMG.xmp was left alone: it is a link" in outcome.notes[0]
    assert names(tmp_path) == ["IMG.jpg", "IMG.xmp", "elsewhere"]


def test_a_file_that_answers_to_two_names(tmp_path: Path):
    """A hard link makes two names of one file; both are what lies there."""
    photo = make_photo(tmp_path)
    (tmp_path / "IMG.xmp").write_bytes(b"one")
    os.link(tmp_path / "IMG.xmp", tmp_path / "IMG.jpg.xmp")
    assert own(photo) == ["IMG.jpg.xmp", "IMG.xmp"]
