"""Tells which photos are one picture, or near enough to share a caption.

pair    a raw file and the other file that the camera wrote beside it, under the same stem
burst   one camera, seconds apart, alike
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from captiond.index.kin_base import BURST_SECONDS
from captiond.models import Facts, Photo
from captiond.suffixes import RAW_SUFFIXES

PAIR_SECONDS = 2.0
"""Both files of a pair are written of one exposure: a stem that comes again after the counter's
10,000 photos tells another time."""
BURST_BITS = 10
"""Of the 64 of a likeness, so many may differ within a burst. Of 24 photos of different things the
nearest two differ in 18. A shaking hand, another exposure, grain or a zoom of 5 % change up to 9 in
nine photos of ten; a pan of 5 % changes up to 12, one of 10 % up to 21."""

_BESIDE_RAW = ("jpg", "jpeg", "heic", "heif", "hif")
"""What cameras write beside a raw file, before all that an editor may have made of it."""


def stem_of(name: str) -> str:
    """Return what the names of a pair have in common."""
    return name.rpartition(".")[0].casefold()


def is_raw(name: str) -> bool:
    """Tell whether a file of this name is a camera's raw file."""
    return _extension(name) in RAW_SUFFIXES


def are_named_alike(one: Photo, other: Photo) -> bool:
    """Tell whether two photos may be a pair by their names: one raw, the other not."""
    beside = (one.root, one.folder, stem_of(one.name)) == (
        other.root,
        other.folder,
        stem_of(other.name),
    )
    return beside and is_raw(one.name) != is_raw(other.name)


def paired(name: str, names: Iterable[str]) -> list[str]:
    """Return which of the names in the same folder make a pair with this one.

    A raw file has one picture beside it, the camera's own before an edited one; that picture goes
    with every raw file of its stem.
    """
    alike = [other for other in names if other != name and stem_of(other) == stem_of(name)]
    raw = sorted(other for other in alike if is_raw(other))
    rest = [other for other in alike if not is_raw(other)]
    if is_raw(name):
        return sorted(rest, key=_precedence)[:1]
    return raw if all(_precedence(name) < _precedence(other) for other in rest) else []


def accompanied(names: Collection[str]) -> frozenset[str]:
    """Return the raw files among the names of a folder that make a pair with another one."""
    pictures = {stem_of(name) for name in names if not is_raw(name)}
    return frozenset(name for name in names if is_raw(name) and stem_of(name) in pictures)


def may_be_one_exposure(one: str | None, other: str | None) -> bool:
    """Tell whether two times, as in `Facts.taken_at`, speak against a pair."""
    seconds = seconds_apart(one, other)
    return seconds is None or seconds <= PAIR_SECONDS


def are_one_burst(one: Facts, other: Facts) -> bool:
    """Tell whether two pictures are of one burst."""
    if one.camera is None or one.camera != other.camera:
        return False
    seconds = seconds_apart(one.taken_at, other.taken_at)
    return seconds is not None and seconds <= BURST_SECONDS and are_alike(one, other)


def are_alike(one: Facts, other: Facts) -> bool:
    """Tell whether two pictures look the same from afar."""
    if one.likeness is None or other.likeness is None:
        return False
    return (int(one.likeness, 16) ^ int(other.likeness, 16)).bit_count() <= BURST_BITS


def seconds_apart(one: str | None, other: str | None) -> float | None:
    """Return the seconds between two times, None where one is not known.

    Where only one tells its offset, both are taken for local times of the same place.
    """
    first, second = _time(one), _time(other)
    if first is None or second is None:
        return None
    if None in (first.tzinfo, second.tzinfo):
        first, second = first.replace(tzinfo=None), second.replace(tzinfo=None)
    return abs((first - second).total_seconds())


def _time(taken_at: str | None) -> datetime | None:
    try:
        return None if taken_at is None else datetime.fromisoformat(taken_at)
    except ValueError:
        return None


def _precedence(name: str) -> tuple[int, str]:
    extension = _extension(name)
    order = _BESIDE_RAW.index(extension) if extension in _BESIDE_RAW else len(_BESIDE_RAW)
    return order, name


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower()
