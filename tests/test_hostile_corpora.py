"""The real daemon on the good, broken and strange images that other projects test with."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from corpora_helpers import corpora
from daemon_helpers import Home, counters, gemini, wait_until

from captiond.intake.filters import Filter

MOST_KB_OF_THE_DAEMON = 400 << 10
FORMATS = "JPEG|PNG|GIF|WebP|TIFF|BMP|JPEG 2000|HEIC|HEIF|AVIF|JPEG XL|Photoshop document|raw file"
SENTENCES = re.compile(
    "|".join(
        (
            "empty file",
            "not an image: the file starts like (a|an|no|HTML|XML) [ A-Za-z,-]+",
            f"the ({FORMATS}) is cut off",
            f"the ({FORMATS}) is damaged or cut off",
            f"the ({FORMATS}) is damaged, or of a rare kind that cannot be read",
            "the Photoshop document is of a rare kind that cannot be read",
            "a raw file of a kind that cannot be read, or a damaged one",
            r"too large: \d+ x \d+ pixels are \d+ megapixels, over images\.max_megapixels = 250",
            f"decoding the ({FORMATS}) needs more memory than images.decode_megabytes = 2048",
            "not decoded within images.decode_seconds = 60",
        )
    )
)
"""All that a person may be told of them: no word of a library, no path, nothing of Python."""


def laid_out(home: Home, sources: list[Path]) -> list[Path]:
    """Copy files where the daemon finds them; what has no photo's name gets one as well."""
    photos = []
    for source in sources:
        target = home.photos / source.parent.name / source.name
        target.parent.mkdir(exist_ok=True)
        if not Filter().is_photo("", source.name):
            target = target.with_name(f"{source.name}.jpg")
        shutil.copyfile(source, target)
        photos.append(target)
    return photos


@pytest.mark.slow  # 1,700 files, one of them of 200 megapixels
@pytest.mark.parametrize("one_in", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_every_file_of_the_corpora_ends_as_captioned_or_with_a_sentence(
    tmp_path: Path, one_in: int
) -> None:
    """No crash, no hang; the daemon stays small, and every reason can be understood."""
    with gemini("--answer", "offline") as url:
        home = Home(tmp_path, url, sidecars=("txt",))
        photos = laid_out(home, corpora()[::one_in])
        with home.daemon() as daemon:
            final = "select count(*) from library where state in ('captioned', 'failed', 'skipped')"
            wait_until(lambda: home.rows(final) == [(len(photos),)], seconds=300, what="the end")
            assert daemon.poll() is None
            peak = status_kb(daemon.pid, "VmHWM")
        asked = "select count(*) from captions where request is not null"
        assert counters(url)["requests"] == home.rows(asked)[0][0]
    rows = home.rows("select path, state, coalesce(reason, ''), format from library")
    assert sorted(Path(path) for path, *_ in rows) == sorted(photos)
    reasons = {reason for _, state, reason, _ in rows if state != "captioned"}
    assert [reason for reason in reasons if not SENTENCES.fullmatch(reason)] == []
    captioned = Counter(form for _, state, _, form in rows if state == "captioned")
    assert captioned.keys() >= {"jpeg", "png", "gif", "webp", "tiff", "bmp", "heic", "avif"}
    assert captioned.total() > len(photos) // 2
    assert '"photo.crashed"' not in home.log.read_text()
    assert peak < MOST_KB_OF_THE_DAEMON


def status_kb(pid: int, name: str) -> int:
    """Return a figure that the kernel keeps of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
