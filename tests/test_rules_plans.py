"""What is done with the photos of each folder: the configuration, and the rules found there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from daemon_helpers import wait_until
from index_helpers import opened
from rules_helpers import write_rules

from captiond.captioners.context import FULL, PRIVATE
from captiond.errors import RulesBroken
from captiond.folderplans import FolderPlans
from captiond.index.base import Retry, Sighting
from captiond.intake.events import sort_events
from captiond.intake.folder import WatchedFolder
from captiond.intake.listing import Listing, digest_of, walk
from captiond.models import Lane, Photo, Signature
from captiond.rules.base import RULES_FILE
from captiond.settings import CaptionerSettings, FolderSettings, Settings
from captiond.sidecars.base import Layout

NOW = 1000.0


def plans_for(root: Path, *, captioner: CaptionerSettings | None = None, **folder) -> FolderPlans:
    watched = FolderSettings(path=str(root), **folder)
    return FolderPlans(Settings(captioner=captioner or CaptionerSettings(), folders=[watched]))


def finished(*files: Path) -> None:
    """Wait until no file counts as being written."""
    latest = max(file.stat().st_ctime for file in files)
    wait_until(lambda: time.time() - latest > 1.0, seconds=5)


def test_a_kind_of_sidecar_that_is_named_twice_is_written_once(tmp_path: Path):
    """A file of 64 KB has room for ten thousand, each of them a write."""
    write_rules(tmp_path, 'sidecars = ["txt", "json", "txt"]')
    assert plans_for(tmp_path).within(tmp_path).layout.kinds == ("txt", "json")


def test_rules_take_the_place_of_what_the_configuration_says(tmp_path: Path):
    """Key by key; what a file leaves out is as configured."""
    write_rules(
        tmp_path / "a",
        'language = "pt-BR"\nprompt = ""\nvocabulary = ["barco"]\n'
        'sidecars = ["json"]\nexisting = "add"',
    )
    captioner = CaptionerSettings(prompt="Mine.", vocabulary=["boat"], vocabulary_mode="strict")
    plans = plans_for(tmp_path, captioner=captioner, prompt="Ours.", language="de")
    here, above = plans.within(tmp_path / "a"), plans.within(tmp_path)
    assert (here.recipe.language, above.recipe.language) == ("pt-BR", "de")
    assert "Ours." in above.recipe.prompt
    assert "Ours." not in here.recipe.prompt
    assert "Mine." not in here.recipe.prompt
    assert (here.vocabulary.words, here.vocabulary.strict) == (("barco",), True)
    assert above.vocabulary.words == ("boat",)
    assert (here.layout, above.layout) == (Layout(("json",)), Layout(("xmp", "txt")))
    assert (here.existing, above.existing) == ("add", "adopt")


@pytest.mark.parametrize("by_link", [False, True])
@pytest.mark.parametrize("where", ["configuration", "above", "here"])
def test_what_is_private_stays_so_however_it_is_reached(tmp_path: Path, where, by_link):
    """No file below undoes it, and no link leads around it; nor does one turn context on."""
    root = tmp_path / "root"
    if where == "above":
        write_rules(root, "private = true")
    write_rules(root / "a", f"private = {'true' if where == 'here' else 'false'}")
    (tmp_path / "link").symlink_to(root / "a")
    folder = tmp_path / "link" if by_link else root / "a"
    plans = plans_for(root, private=where == "configuration")
    assert plans.within(folder).recipe.context == PRIVATE
    open_plans = plans_for(root)
    write_rules(root / "b", "context = true")
    expected = PRIVATE if where == "above" else FULL
    assert open_plans.within(root / "b").recipe.context == expected
    write_rules(root / "c", "context = false")
    assert open_plans.within(root / "c").recipe.context == ""
    none = plans_for(root, captioner=CaptionerSettings(context=False))
    assert none.within(root / "b").recipe.context == ""


def test_a_file_outside_of_all_folders_has_the_rules_of_every_folder_above(tmp_path: Path):
    """As if each were watched; ignored or not, for somebody asked for this very file."""
    write_rules(tmp_path / "a", "private = true\nignore = true")
    (tmp_path / "a" / "b").mkdir()
    plan = plans_for(tmp_path / "elsewhere").within(tmp_path / "a" / "b")
    assert plan.recipe.context == PRIVATE


def test_a_photo_is_left_alone_where_its_folder_is(tmp_path: Path):
    """By its own name, or by that of any folder above; so is one of no watched root."""
    file = write_rules(tmp_path / "a", 'ignore = ["*.png", "drafts"]')
    (tmp_path / "a" / "drafts").mkdir()
    finished(file)
    plans = plans_for(tmp_path)
    for path, is_left in {
        "a/x.jpg": False,
        "x.png": False,
        "a/x.png": True,
        "a/drafts/x.jpg": True,
        "a/gone/x.jpg": False,
    }.items():
        assert (plans.at(Photo(str(tmp_path), path)) is None) is is_left, path
    assert plans.at(Photo("/elsewhere", "x.jpg")) is None


def test_a_reply_from_a_job_is_held_to_the_words_of_its_recipe(tmp_path: Path):
    """Also after a restart, when no photo of that folder was met since; else to none."""
    write_rules(tmp_path / "a", 'vocabulary = ["boat"]')
    key = plans_for(tmp_path).within(tmp_path / "a").recipe.key
    photo = Photo(str(tmp_path), "a/x.jpg")
    plans = plans_for(tmp_path)
    assert plans.vocabulary(key, photo).words == ("boat",)
    write_rules(tmp_path / "a", "nonsense")
    assert plans.vocabulary(key, photo).words == ("boat",)
    assert plans_for(tmp_path).vocabulary(key, photo).words == ()
    with pytest.raises(RulesBroken):
        plans.within(tmp_path / "a")


def listed(watched: WatchedFolder, beneath: str = "") -> dict[str, list[str] | None]:
    """Return the photos of each folder that a walk comes to, None where it may not look."""
    found = {}
    for folder, listing in walk(watched, beneath):
        assert not isinstance(listing, OSError)
        found[folder] = listing and sorted(name for name, _, _ in listing.photos)
    return found


def test_a_walk_and_events_leave_out_what_is_ignored(tmp_path: Path):
    """Each file's patterns beneath its folder; a broken file ignores nothing."""
    for path in ("a.png", "a/a.png", "a/a.jpg", "a/b/raw/x.jpg", "a/b/x.jpg", "c/x.jpg", "d/x.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    write_rules(tmp_path / "a", 'ignore = ["*.png", "b/raw"]')
    write_rules(tmp_path / "c", "ignore = true")
    write_rules(tmp_path / "d", 'ignore = ["*.png"]\nnonsense = 1')
    watched = WatchedFolder(root=str(tmp_path))
    expected = {"": ["a.png"], "a": ["a.jpg"], "a/b": ["x.jpg"], "c": None, "d": ["x.png"]}
    assert listed(watched) == expected
    assert listed(watched, "a/b") == {"a/b": ["x.jpg"]}
    assert listed(watched, "a/b/raw") == listed(watched, "c/inner") == {}
    paths = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*") if p.is_file()]
    batch = sort_events(dict.fromkeys(paths, False), watched)
    assert sorted(batch.photos) == ["a.png", "a/a.jpg", "a/b/x.jpg", "d/x.png"]
    assert batch.ruled == {"a", "c", "d"}


def test_the_digest_of_a_folder_knows_what_is_ignored(tmp_path: Path):
    """So that one whose rules changed is compared with the index anew, as is all below."""
    (tmp_path / "a" / "b").mkdir(parents=True)

    def digests() -> list[str]:
        watched = WatchedFolder(root=str(tmp_path))
        listings = [one for _, one in walk(watched) if isinstance(one, Listing)]
        return [digest_of(one.filter.fingerprint, one.photos, one.sidecars) for one in listings]

    before = digests()
    write_rules(tmp_path / "a", 'language = "de"')
    assert digests() == before
    write_rules(tmp_path / "a", 'ignore = ["x"]')
    after = digests()
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_photos_that_wait_for_their_rules_are_found_and_woken(kind, tmp_path):
    """Those, and no others that wait; folder by folder."""
    reasons = {
        "a/x.jpg": f"/photos/a/{RULES_FILE}: language: is wrong",
        "a/b/x.jpg": f"/photos/a/{RULES_FILE}: language: is wrong",
        "a!/x.jpg": f"/photos/a!/{RULES_FILE}: language: is wrong",
        "c/x.jpg": "no answer",
    }
    async with opened(kind, tmp_path) as index:
        photos = [Photo("/photos", path) for path in reasons]
        signature = Signature(1, 1, 1, 1)
        sightings = [Sighting(photo, signature, Lane.BACKLOG) for photo in photos]
        await index.offer(sightings, now=NOW)
        await index.claim(owner="box", limit=10, now=NOW)
        later = [Retry(one, NOW + 3600, reasons[one.path], counted=False) for one in photos]
        await index.retry(later, owner="box")
        assert sorted(await index.waiting.folders("/photos", "")) == ["a", "a!", "a/b"]
        assert sorted(await index.waiting.folders("/photos", "a")) == ["a", "a/b"]
        assert await index.waiting.folders("/elsewhere", "") == []
        assert await index.waiting.wake("/photos", ["a/b", "c"], now=NOW) == 1
        (claim,) = await index.claim(owner="box", limit=10, now=NOW)
        assert (claim.photo.path, claim.attempts) == ("a/b/x.jpg", 1)
        assert await index.waiting.wake("/photos", ["a", "a!"], now=NOW) == 2
