"""Arguments that name photos: which photo of which watched folder a path is."""

from __future__ import annotations

import os
from pathlib import Path

import click

from captiond.models import Photo
from captiond.settings import Settings


def photo_at(file: str, settings: Settings) -> Photo:
    """Return the photo that a path names; click.BadParameter where no folder of ours holds it."""
    path = Path(os.path.abspath(file))  # noqa: PTH100 - Path.absolute keeps ".."
    for folder in settings.folders:
        if path.is_relative_to(folder.path) and path != Path(folder.path):
            return Photo(folder.path, path.relative_to(folder.path).as_posix())
    raise click.BadParameter(f"{path} lies in no watched folder", param_hint="FILE")


def places_at(file: str, settings: Settings) -> list[Photo]:
    """Return the photo, or the folders with all beneath them, that a path names.

    `Photo.path` "" is a whole watched folder. Raises click.BadParameter as `photo_at` does.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100 - Path.absolute keeps ".."
    roots = [Path(folder.path) for folder in settings.folders]
    beneath = [Photo(str(root), "") for root in roots if root.is_relative_to(path)]
    return beneath or [photo_at(file, settings)]


def folder_at(file: str, settings: Settings) -> Photo:
    """Return the folder that a path names: its root, and its path beneath that, "" for the root.

    click.BadParameter where captiond would not see what comes there.
    """
    from captiond.intake.folder import WatchedFolder

    path = Path(os.path.abspath(file))  # noqa: PTH100 - Path.absolute keeps ".."
    folder = next((one for one in settings.folders if path.is_relative_to(one.path)), None)
    if folder is None or not path.is_dir():
        raise click.BadParameter(f"{path} is no folder within a watched one", param_hint="--to")
    inner = "" if path == Path(folder.path) else path.relative_to(folder.path).as_posix()
    watched = WatchedFolder.of(folder, settings.watch)
    if inner and not (watched.recursive and watched.enters(inner)):
        raise click.BadParameter(f"{path} is not looked into by captiond", param_hint="--to")
    return Photo(folder.path, inner)
