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
