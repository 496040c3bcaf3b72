"""Names the extensions of photos, in small letters."""

from __future__ import annotations

_RAW = (
    "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef ptx raf raw "
    "rw2 rwl sr2 srf srw x3f"
)
_OTHERS = (
    "avif bmp gif heic heif hif j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx jxl mpo png psb psd tif "
    "tiff webp"
)

RAW_SUFFIXES = frozenset(_RAW.split())
"""Those of cameras' raw files."""

PHOTO_SUFFIXES = RAW_SUFFIXES.union(_OTHERS.split())
"""Those of all files that are looked into."""
