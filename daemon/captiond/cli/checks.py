"""Checks what captiond needs to work, one thing each; every sentence says what to do."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from captiond.config import ApiKey, find_api_key
from captiond.errors import CaptionerError, ConfigError, LibraryUnavailable, RulesBroken
from captiond.intake.folder import WatchedFolder
from captiond.intake.mounts import InotifyRoom, find_mount, is_polled, places_now, silent_mount
from captiond.places.gazetteer import is_installed
from captiond.quota.budget import unpriced
from captiond.rules.tree import RuleTree
from captiond.settings import FolderSettings, GeminiSettings, IndexSettings, Settings

SCARCE_BYTES = 200 * 1024 * 1024
FULL_SHARE = 0.8
"""Other programs of the same user take their inotify watches from the same account."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `ok` False is a fault, None is worth knowing."""

    name: str
    ok: bool | None
    sentence: str


def check_config(settings: Settings) -> Check:
    """Tell which configuration is in force, and for whom all else was looked at."""
    source = settings.source or "no file, all defaults"
    return Check("configuration", True, f"{source}; looked at as user {_user()}")


def check_folders(settings: Settings) -> Iterator[Check]:
    """Check every watched folder: there, readable, writable, with room, and what its mount does."""
    if not settings.folders:
        yield Check("folders", False, "no folder is watched; add a [[folders]] table with its path")
    for folder in settings.folders:
        yield _check_folder(folder)
        watched = WatchedFolder(root=folder.path, recursive=folder.recursive)
        silent = silent_mount(places_now(watched))
        if silent is not None:
            polled = is_polled(folder.polling or settings.watch.polling, silent)
            minutes = settings.watch.scan_interval_minutes
            every = "each minute" if polled else f"every {minutes:g} minutes"
            sentence = (
                f"{silent.point}: {silent.fs_type} sends no events for what other machines change; "
                f"a scan looks for it {every} (watch.polling)"
            )
            yield Check("network mount", None, sentence)


def check_inotify(watched: Sequence[FolderSettings], room: InotifyRoom) -> Check:
    """Check that the kernel grants a watch for every folder to be watched."""
    if room.max_user_watches is None or room.max_user_instances is None:
        return Check("inotify", None, "the kernel's limits are hidden here; nothing was counted")
    if len(watched) >= room.max_user_instances:
        wanted = 2 * len(watched) + room.max_user_instances
        sentence = f"{len(watched)} [[folders]] need as many instances; run: sysctl"
        return Check("inotify", False, f"{sentence} fs.inotify.max_user_instances={wanted}")
    folders = sum(_count_folders(folder) for folder in watched)
    told = f"folders to watch: {folders}, the kernel allows {room.max_user_watches}"
    if folders < FULL_SHARE * room.max_user_watches:
        return Check("inotify", True, told)
    full = folders >= room.max_user_watches
    raise_it = f"run: sysctl fs.inotify.max_user_watches={4 * folders}"
    return Check("inotify", False if full else None, f"{told}; {raise_it}")


def check_key(settings: Settings) -> tuple[Check, ApiKey | None]:
    """Check that there is a key where one is needed; the key itself is in no sentence."""
    if settings.captioner.backend == "offline":
        return Check("API key", None, "not needed: captioner.backend is offline"), None
    if settings.gemini.vertex.project:
        return Check("API key", None, "not needed: gemini.vertex is set"), ApiKey("", "nowhere")
    try:
        key = find_api_key(settings)
    except ConfigError as error:
        return Check("API key", False, str(error)), None
    if key is None:
        sentence = "there is none; set GEMINI_API_KEY, or gemini.api_key_file to a file with it"
        return Check("API key", False, sentence), None
    return Check("API key", True, f"found in {key.source}"), key


def check_caps(settings: Settings) -> Iterator[Check]:
    """Check that each cap can be kept, and tell the one that lets nothing be sent."""
    for problem in unpriced(settings):
        yield Check("cap", False, problem)
    for cap in ("usd_per_day", "usd_per_month"):
        if getattr(settings.limits, cap) == 0:
            yield Check("cap", None, f"limits.{cap} = 0: nothing is sent")


def check_places() -> Check:
    """Tell whether coordinates get names."""
    if is_installed():
        return Check("places", True, "coordinates get the names of places, offline")
    return Check("places", None, "coordinates get no names; for those install captiond[places]")


def check_rules(settings: Settings) -> Iterator[Check]:
    """Tell of broken rules: of those in watched folders, and of those that photos wait for."""
    from captiond.index.search import Library
    from captiond.index.waiting import reasons

    broken: dict[str, str] = {}
    for folder in settings.folders:
        try:
            RuleTree().at(folder.path, "")
        except (RulesBroken, OSError) as error:
            broken[str(error)] = str(error)
    with suppress(LibraryUnavailable), Library(settings.index.path) as library:
        broken |= {why: f"{why}; photos that wait: {count:,}" for why, count in reasons(library)}
    for sentence in broken.values():
        yield Check("rules", False, f"{sentence}; its folder is left alone until it is mended")


async def check_gemini(settings: GeminiSettings, key: ApiKey) -> Check:
    """Ask Gemini for the model, which costs nothing."""
    from captiond.captioners.gemini import GeminiCaptioner

    try:
        captioner = await GeminiCaptioner.open(settings, key.text)
        try:
            return Check("Gemini", True, await captioner.check())
        finally:
            await captioner.aclose()
    except CaptionerError as error:
        return Check("Gemini", False, str(error))


def check_index(settings: IndexSettings) -> Check:
    """Check that the index is whole, and that it can be written where it lies."""
    path = Path(settings.path)
    place = _nearest(path.parent)
    if trouble := _write_trouble(place):
        return Check("index", False, f"{path}: {trouble}")
    mount = find_mount(str(place))
    if mount is not None and not mount.sends_events:
        sentence = f"{path} lies on {mount.fs_type}; SQLite is safe on a local disk: set index.path"
        return Check("index", None, sentence)
    if not os.access(path, os.F_OK):
        return Check("index", None, f"{path} is not there yet; the first run makes it")
    from captiond.index.integrity import check_whole

    try:
        photos = check_whole(path)
    except LibraryUnavailable as error:
        return Check("index", False, str(error))
    return _scarce("index", place) or Check("index", True, f"{path} is whole: {photos} photos")


def _check_folder(folder: FolderSettings) -> Check:
    path = Path(folder.path)
    try:
        os.scandir(path).close()
    except (FileNotFoundError, NotADirectoryError):
        sentence = f"{path} is no folder; mount it, make it, or correct its [[folders]] table"
        return Check("folder", False, sentence)
    except OSError as error:
        return Check("folder", False, f"{path} cannot be read: {error.strerror}")
    if not folder.sidecars:
        return Check("folder", True, f"{path} is readable; no sidecars are written there")
    if trouble := _write_trouble(path):
        sentence = f"{path}: {trouble}; sidecars cannot be written, sidecars = [] goes without"
        return Check("folder", False, sentence)
    return _scarce("folder", path) or Check("folder", True, f"{path} is readable and writable")


def _count_folders(folder: FolderSettings) -> int:
    waiting, count = [folder.path], 0
    while waiting:  # os.walk calls itself, and ends at a thousand levels
        count += 1
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            inner = (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
            waiting += inner if folder.recursive else ()
    return count


def _write_trouble(folder: Path) -> str | None:
    """Say why nothing can be written here; the attempt leaves nothing, and no name to be seen."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"captiond")
    except OSError as error:
        return f"user {_user()} cannot write there: {error.strerror}"
    return None


def _scarce(name: str, folder: Path) -> Check | None:
    free = shutil.disk_usage(folder).free
    if free >= SCARCE_BYTES:
        return None
    return Check(name, None, f"{folder} has {free // 1024**2} MB left; make room")


def _nearest(folder: Path) -> Path:
    """Return the folder, or the one above in which it would be made."""
    return next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
