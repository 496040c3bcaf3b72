"""captiond watches folders for new photos and captions them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from captiond.index.search import Library

__version__ = "0.1.0"


def open_index(path: str | os.PathLike[str] | None = None) -> Library:
    """Open an index for reading, for scripts of your own; without a path, the configured one.

    Raises ConfigError, and LibraryUnavailable when there is no index there.
    """
    from captiond import config
    from captiond.index.search import Library

    return Library(config.load().index.path if path is None else path)
