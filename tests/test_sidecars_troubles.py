"""Folders that cannot be written now."""

from __future__ import annotations

from captiond.models import Photo
from captiond.sidecars.troubles import FORGET_SECONDS, TRY_LIMIT_SECONDS, TRY_SECONDS, Troubles

HERE, THERE = Photo("/photos", "here/a.jpg"), Photo("/photos", "there/b.jpg")


def test_a_trouble_is_news_once() -> None:
    """The operator is told at the first photo, not at each of ten thousand."""
    troubles = Troubles()
    assert [troubles.begin(HERE, now=float(n)) for n in range(3)] == [True, False, False]


def test_the_pause_doubles_up_to_its_limit() -> None:
    """Room is noticed soon, a read-only library costs little."""
    troubles, now = Troubles(), 0.0
    pauses = []
    for _ in range(12):
        troubles.begin(HERE, now=now)
        pauses.append(troubles.again_at(HERE, now=now) - now)
        now = troubles.again_at(HERE, now=now)
    assert pauses[0] == TRY_SECONDS
    assert pauses[-1] == TRY_LIMIT_SECONDS
    assert sorted(pauses) == pauses


def test_a_trouble_that_nobody_met_again_is_forgotten() -> None:
    """The folder that failed was deleted: the next trouble in the root is news."""
    troubles = Troubles()
    assert troubles.begin(HERE, now=0.0)
    assert troubles.begin(THERE, now=TRY_SECONDS + FORGET_SECONDS + 1)


def test_only_a_success_in_the_folder_that_failed_ends_the_trouble() -> None:
    """One read-only folder beside writable ones is told once, not at every second photo."""
    troubles = Troubles()
    troubles.begin(HERE, now=0.0)
    assert not troubles.end(THERE)
    assert troubles.end(HERE)
    assert not troubles.end(HERE)
    assert troubles.again_at(HERE, now=7.0) == 7.0
