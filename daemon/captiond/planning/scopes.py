"""Finds out which folders a plan is about, and by which rules their photos would be captioned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from captiond.bench import Plan
from captiond.folderplans import FolderPlans
from captiond.intake.folder import WatchedFolder
from captiond.intake.ground import filter_above
from captiond.intake.look import is_folder
from captiond.settings import FolderSettings, Settings


@dataclass(frozen=True, slots=True)
class Scope:
    """The folder `beneath` a root ("" = all of it), its rules, what is done with photos.

    `configured` says whether the root is watched.
    """

    watched: WatchedFolder
    beneath: str
    plans: FolderPlans
    configured: bool

    @property
    def path(self) -> str:
        """The absolute path."""
        return self.watched.full(self.beneath)

    def plan(self, folder: str) -> Plan:
        """Return what is done with the photos of a folder beneath the root; blocks on the disk.

        Raises RulesBroken, OSError.
        """
        return self.plans.within(Path(self.watched.full(folder)))


def scopes(settings: Settings, folders: Sequence[Path]) -> tuple[list[Scope], list[str]]:
    """Return the scopes of absolute paths (none = all that is watched), and what is wrong.

    A folder that lies in another one of them is a part of that; blocks on the disk.
    """
    plans = FolderPlans(settings)
    paths = _outermost(folders or [Path(folder.path) for folder in settings.folders])
    found: list[Scope] = []
    problems: list[str] = []
    for path in paths:
        rules = _rules(settings, path)
        watched = WatchedFolder.of(rules, settings.watch)
        beneath = "" if str(path) == rules.path else path.relative_to(rules.path).as_posix()
        problem = _problem(watched, beneath)
        if problem is not None:
            problems.append(f"{path} {problem}")
            continue
        found.append(Scope(watched, beneath, plans, rules in settings.folders))
    return found, problems


def _outermost(paths: Iterable[Path]) -> list[Path]:
    once = list(dict.fromkeys(paths))
    return [path for path in once if not any(other in path.parents for other in once)]


def _rules(settings: Settings, path: Path) -> FolderSettings:
    """Return the watched folder that a path lies in, else the general settings for it."""
    inside = (folder for folder in settings.folders if path.is_relative_to(folder.path))
    return next(inside, FolderSettings(path=str(path)))


def _problem(watched: WatchedFolder, beneath: str) -> str | None:
    """Return why a folder cannot be looked into, None if it can."""
    try:
        if not is_folder(watched.root, beneath):
            exists = os.path.lexists(watched.full(beneath))
            return "is not a folder" if exists else "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if filter_above(watched, beneath) is None:
        return f"is left out by the rules of the watched folder {watched.root}"
    return None
