"""A name that does not resolve for a while, in a mount namespace with hosts of its own."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from daemon_helpers import PROGRAM, Home, clean_environment, counters, gemini, wait_until
from kill_helpers import make_photo, told

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="a mount namespace needs root",
)

INSIDE = """
mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2 && exec "$@"
"""


def test_a_name_that_resolves_again_is_noticed_within_seconds(tmp_path: Path) -> None:
    """No photo burns an attempt on it, nobody is asked meanwhile, then all are captioned."""
    hosts, resolver = tmp_path / "hosts", tmp_path / "resolv.conf"
    hosts.write_text("127.0.0.1 localhost\n")
    resolver.write_text("nameserver 127.0.0.1\n")
    with gemini() as url:
        home = Home(tmp_path / "home", url.replace("127.0.0.1", "gemini.test"), sidecars=("txt",))
        for number in range(20):
            (home.photos / f"{number}.jpg").write_bytes(make_photo(number))
        run = [PROGRAM, "--config", home.path / "config.toml", "run"]
        inside = ["unshare", "-m", "sh", "-c", INSIDE, "sh", hosts, resolver, *run]
        with (
            home.log.open("ab") as log,
            subprocess.Popen(inside, stderr=log, env=clean_environment()) as daemon,
        ):
            try:
                wait_until(lambda: told(home, "captioner.paused"))
                began = time.monotonic()
                wait_until(lambda: time.monotonic() - began > 5)
                assert "gemini.test" in home.log.read_text()
                assert home.rows("select max(attempts) from photos where owner is null") == [(0,)]
                hosts.write_text("127.0.0.1 localhost gemini.test\n")
                back = time.monotonic()
                wait_until(lambda: counters(url)["answered"])
                assert time.monotonic() - back < 7.0
                home.wait_for({f"{number}.jpg": "captioned" for number in range(20)})
            finally:
                daemon.terminate()
        assert counters(url)["requests"] == 20
