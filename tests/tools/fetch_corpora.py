"""Fetches the image files that other projects test with, as material for captiond's tests.

    python tests/tools/fetch_corpora.py

Lays the images of the source packages in corpora.txt into the user's cache and prints where; does
nothing when they lie there already. None of them becomes part of captiond.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tarfile import TarFile
from typing import IO

LIST = Path(__file__).with_name("corpora.txt")
FOLDERS = {"images", "image", "assets", "fixtures", "data", "files", "samples"}
"""Below a folder of such a name every file is taken: crashers often have no suffix at all."""
SUFFIXES = re.compile(
    r"\.(apng|avifs?|bmp|cur|dds|dib|dng|eps|fits|fli|gif|hdr|hei[cf]|hif|icns|ico|j2k|jfif|jp[2efghx]"
    r"|jpe?g|jxl|jxr|mpo|p[bgnp]m|pcx|png|psd|ras|sgi|svg|tga|tiff?|webp|xbm|xpm)",
    re.IGNORECASE,
)


def corpora_folder() -> Path:
    """Return where the corpora lie, or would; another list has another folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    version = hashlib.sha256(LIST.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    return Path(cache) / "captiond-tests" / f"corpora-{version}"


def fetch() -> Path:
    """Return the folder with all images; raises CalledProcessError when they cannot be had."""
    target = corpora_folder()
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        packages, images = Path(scratch, "packages"), Path(scratch, "images")
        _download(packages)
        for package in sorted(packages.iterdir()):
            _unpack(package, images / package.name.rpartition("-")[0])
        images.rename(target)  # whole, or not at all
    return target


def _download(packages: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-binary", _names()]
    command = [sys.executable, "-m", "pip", "download", *options, "--require-hashes"]
    subprocess.run([*command, "--dest", packages, "--requirement", LIST], check=True)


def _names() -> str:
    """Return the packages, joined by commas: what builds them may come ready-made."""
    lines = LIST.read_text().splitlines()
    return ",".join(line.partition("==")[0] for line in lines if "==" in line)


def _unpack(package: Path, images: Path) -> None:
    for path, source in _files(package):
        if SUFFIXES.fullmatch(path.suffix) or FOLDERS.intersection(path.parts[:-1]):
            # A flat name: nothing that an archive says can lead out of the folder.
            target = images / "~".join(path.parts[1:])[-200:]
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(source, file)


def _files(package: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    if package.suffix == ".zip":
        with zipfile.ZipFile(package) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield PurePosixPath(info.filename), archive.open(info)
        return
    with TarFile.open(package) as archive:
        for member in archive:
            if member.isfile() and (source := archive.extractfile(member)):
                yield PurePosixPath(member.name), source


if __name__ == "__main__":
    sys.stdout.write(f"{fetch()}\n")
