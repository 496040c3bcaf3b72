"""Renders a camera's raw file: its largest preview, else its pixels at half their size."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import pyvips
import rawpy

from captiond.errors import Undecodable
from captiond.images import kinds
from captiond.images.sizes import check_size

GOOD_PREVIEW_PX = 1024
"""A preview with a shorter long edge is left for the pixels, unless it has half of theirs."""

_TURNS = {3: "d180", 5: "d270", 6: "d90"}
"""LibRaw's `flip`, as what brings the picture upright."""
_ON_ITS_SIDE = {5, 6}
_ORIENTATION = "orientation"


@dataclass(frozen=True, slots=True)
class Rendering:
    """An upright picture, the size of the photo as shown, and the preview with its metadata."""

    picture: pyvips.Image
    width: int
    height: int
    preview: bytes | None


def render(file: BinaryIO, *, max_megapixels: int) -> Rendering:
    """Return a raw file's picture; reads all of the file into memory.

    Raises Undecodable; MemoryError, EOFError, ValueError for what LibRaw says of damaged files.
    """
    file.seek(0)
    try:
        # not imread(): it imports when it is called, and a decoder child has no files by then
        with rawpy.RawPy() as raw:
            raw.open_buffer(file)
            sizes = raw.sizes
            check_size(sizes.width, sizes.height, max_megapixels=max_megapixels)
            preview = _preview(raw)
            picture = None if preview is None else _developed(preview, raw)
            if picture is None:
                picture = _half_size(raw, file.fileno())
    except rawpy.LibRawError as error:
        raise _trouble(error) from error
    size = (sizes.width, sizes.height)
    return Rendering(picture, *(size[::-1] if sizes.flip in _ON_ITS_SIDE else size), preview)


def _preview(raw: rawpy.RawPy) -> bytes | None:
    """Return the largest JPEG that the camera put in."""
    with suppress(rawpy.LibRawError):
        thumb = raw.extract_thumb()
        if thumb.format is rawpy.ThumbFormat.JPEG:
            return bytes(thumb.data)
    return None


def _developed(preview: bytes, raw: rawpy.RawPy) -> pyvips.Image | None:
    """Return the preview, upright; None where it is too small or broken.

    Some programs turn the preview and not the pixels: where one lies and the other stands, it is
    upright already.
    """
    sizes = raw.sizes
    try:
        image = pyvips.Image.jpegload_buffer(preview, fail_on="truncated").copy_memory()
    except pyvips.Error:
        return None
    longest = max(image.width, image.height)
    if longest < min(GOOD_PREVIEW_PX, max(sizes.width, sizes.height) // 2):
        return None
    lies, raw_lies = image.width > image.height, sizes.width > sizes.height
    turned = sizes.flip in _ON_ITS_SIDE and lies != raw_lies
    if image.get_typeof(_ORIENTATION):
        image.remove(_ORIENTATION)
    return image if turned or sizes.flip not in _TURNS else image.rot(_TURNS[sizes.flip])


def _half_size(raw: rawpy.RawPy, fd: int) -> pyvips.Image:
    """Return the pixels, upright, by the camera's white balance; EOFError where some are missing.

    LibRaw itself makes them up: a cut off file is all black, or all blue.
    """
    if os.fstat(fd).st_size < kinds.pixels_end(fd):
        raise EOFError("truncated")
    pixels = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")
    return image.copy(interpretation="srgb" if bands > 1 else "b-w")


def _trouble(error: rawpy.LibRawError) -> Exception:
    match error:
        case rawpy.LibRawUnsufficientMemoryError() | rawpy.LibRawMemPoolOverflowError():
            return MemoryError(str(error))
        case rawpy.LibRawIOError():
            return EOFError("truncated")
        case rawpy.LibRawFileUnsupportedError() | rawpy.NotSupportedError():
            return Undecodable("a raw file of a kind that cannot be read, or a damaged one")
        case _:
            return ValueError(str(error))
