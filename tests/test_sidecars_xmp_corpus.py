"""captiond's words in sidecars as other programs write them: theirs stay, ours arrive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sidecars_helpers import subject
from sidecars_rdf_helpers import CAPTIOND, CORPUS, facts, local, prefixes, sequences

from captiond.models import Handwriting
from captiond.sidecars.xmp import Xmp

ABOUT = subject(
    caption="Two ferries", title="On the water", alt_text="Ships", keywords=("ferry", "sea")
)
NEXT = subject(caption="Three ferries", title="More", alt_text="Boats", keywords=("sea", "sky"))
JUNK = {"exiv2": "OLYMPUS", "hand_attribute": "SONY DSC", "photoshop_cs": '"  "'}
WRITTEN = {
    "description",
    "ImageDescription",
    "ExtDescrAccessibility",
    "AltTextAccessibility",
    "title",
    "subject",
    "hierarchicalSubject",
    "TagsList",
    "CaptionWriter",
    "MetadataDate",
}
CAPTIONED = {
    "darktable_after_captiond",
    "digikam",
    "hand_attribute",
    "hand_bare_rdf",
    "immich",
    "lightroom_captioned",
    "photoshop",
}
TITLED = {
    "apple",
    "capture_one",
    "darktable",
    "darktable_after_captiond",
    "exiv2",
    "hand_qualified",
}

pytestmark = pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)


def kept(path: Path) -> set[tuple[object, ...]]:
    """Return what the file says, but for what counts as silence."""
    junk = JUNK.get(path.stem)
    return {fact for fact in facts(path.read_bytes()) if not (junk and junk in str(fact[-1]))}


def test_everything_else_is_still_there(path):
    """Every fact of the file stays, lists in their order; nothing is added but captiond's."""
    before, after = path.read_bytes(), Xmp().merge(path.read_bytes(), ABOUT)
    assert kept(path) <= set(facts(after))
    added = set(facts(after)) - set(facts(before))
    assert added
    assert {local(fact) for fact in added if CAPTIOND not in str(fact[1])} <= WRITTEN
    for name, items in sequences(before).items():
        now = sequences(after)[name]
        assert [one for one in now if one in items] == items or path.stem in JUNK


def test_the_words_arrive(path):
    """Caption, title and alt text stand there unless a person's do; keywords beside theirs."""
    told = {(local(fact), str(fact[-1])) for fact in facts(Xmp().merge(path.read_bytes(), ABOUT))}
    assert (("description", '"Two ferries"@x-default') in told) == (path.stem not in CAPTIONED)
    assert (("CaptionModel", '"gemini-3.5-flash-lite"') in told) == (path.stem not in CAPTIONED)
    assert (("title", '"On the water"@x-default') in told) == (path.stem not in TITLED)
    assert ("AltTextAccessibility", '"Ships"@x-default') in told
    assert ("subject", '"sea"') in told


def test_a_second_run_changes_no_byte(path):
    """Merging what is there already gives the very same file, also for a newer captiond."""
    merged = Xmp().merge(path.read_bytes(), ABOUT)
    assert merged != path.read_bytes()
    assert Xmp().merge(merged, ABOUT) == merged
    assert Xmp().merge(merged, replace(ABOUT, version="9.0")) == merged


def test_a_new_caption_replaces_the_old_one_alone(path):
    """What captiond wrote gives way to its new words as if the old had never been there."""
    merged = Xmp().merge(path.read_bytes(), ABOUT)
    anew = Xmp().merge(merged, NEXT)
    assert set(facts(anew)) == set(facts(Xmp().merge(path.read_bytes(), NEXT)))


def test_what_is_taken_back_leaves_the_rest(path):
    """Without captiond's words the file says what it said before."""
    taken = Xmp().withdraw(Xmp().merge(path.read_bytes(), ABOUT))
    assert taken is not None
    assert set(facts(taken)) == kept(path)
    assert Xmp().withdraw(path.read_bytes()) == path.read_bytes()


def test_people_are_heard_the_same_before_and_after(path):
    """What a person wrote reads the same with captiond's words beside it."""
    heard = Xmp().handwriting(path.read_bytes())
    assert Xmp().handwriting(Xmp().merge(path.read_bytes(), ABOUT)) == heard
    assert bool(heard.caption) == (path.stem in CAPTIONED)
    assert bool(heard.title) == (path.stem in TITLED)
    assert heard.taken_back == Handwriting().taken_back


def test_the_caption_is_read_back(path):
    """After a loss of the index a merged sidecar tells captiond's caption, and no person's."""
    assert Xmp().read(path.read_bytes()) is None
    reading = Xmp().read(Xmp().merge(path.read_bytes(), ABOUT))
    assert (reading is None) == (path.stem in CAPTIONED)
    if reading is not None:
        assert reading.caption.description.caption == "Two ferries"
        assert reading.caption.digest == "d" * 64


def test_a_namespace_has_one_prefix(path):
    """No namespace gets a second prefix, no prefix a second namespace; the frame stays."""
    before, after = path.read_bytes(), Xmp().merge(path.read_bytes(), ABOUT)
    names = prefixes(after)
    assert all(len(bound) == 1 for bound in names.values())
    assert len({next(iter(bound)) for bound in names.values()}) == len(names)
    assert prefixes(before).items() <= names.items()
    assert after.startswith(before[:3])
    assert after[-8:] == before[-8:]
    assert (b"\r\n" in after) == (b"\r\n" in before)
    assert after.count(b"\n") == after.count(b"\r\n") or b"\r\n" not in before
