"""libvips alone: shrinks every photo of a folder, in as many processes as processors.

`python -m benchmarks.baseline FOLDER EDGE_PX` prints, as JSON, photos per second from the first
finished to the last: the start of the processes is not counted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"
import pyvips

from benchmarks.stage import processors


def shrink(path: Path, edge_px: int) -> float:
    """Decode, shrink and encode one photo; return when it was done, in unix seconds."""
    image = pyvips.Image.thumbnail(str(path), edge_px, height=edge_px, size="down")
    image.jpegsave_buffer(Q=85, keep="none")
    return time.time()


def main(folder: Path, edge_px: int) -> float:
    """Return photos per second."""
    photos = sorted(folder.glob("*.jpg"))
    with ProcessPoolExecutor(processors()) as pool:
        done = sorted(pool.map(shrink, photos, [edge_px] * len(photos)))
    return (len(done) - 1) / (done[-1] - done[0])


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
