"""Runs the benchmarks: all, or those named.

python -m benchmarks [--quick] [NAME...]
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure

NAMES = ("asking", "large", "arrival", "scan", "queue", "idle", "search", "burst", "limits")
ROW = "{:<84} {:>10} {:>22} {:>8} {:>9}  {}"


def main() -> int:
    """Run and print; return 1 when an aim was not reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="smaller, for a first look")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    print(ROW.format("", "median", "[min..max]", "ratio", "aim", ""))
    missed = sum(_run(name, quick=arguments.quick) for name in arguments.names or NAMES)
    return 1 if missed else 0


def _run(name: str, *, quick: bool) -> int:
    """Run one benchmark; return how many of its aims were not reached."""
    benchmark = importlib.import_module(f"benchmarks.{name}")
    folder = Path(tempfile.mkdtemp(prefix=f"captiond-bench-{name}-"))
    began, missed = time.monotonic(), 0
    try:
        print(f"{name}: {(benchmark.__doc__ or '').splitlines()[0]}", flush=True)
        for figure in benchmark.run(folder, quick=quick):
            print(_row(figure), flush=True)
            missed += figure.reached is False
    finally:
        shutil.rmtree(folder)
    print(f"  ({time.monotonic() - began:.0f} s)", file=sys.stderr)
    return missed


def _row(figure: Figure) -> str:
    return ROW.format(
        f"  {figure.what}",
        f"{_short(figure.median)} {figure.unit}",
        f"[{_short(min(figure.values))}..{_short(max(figure.values))}]",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        str(figure.aim or ""),
        {True: "reached", False: "NOT REACHED", None: ""}[figure.reached],
    ).rstrip()


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
