"""The daemon's life under orders: reloads that go wrong, orders that come in a row."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from daemon_helpers import Home, counters, gemini, wait_until

from captiond.testing.photo_maker import tiny_jpeg


def told(home: Home, event: str) -> int:
    """Return how often the log says so."""
    return home.log.read_text().count(f'"{event}"')


def drop_tiny(home: Home, *numbers: int) -> dict[str, str]:
    """Drop photos that differ in their bytes; return the states they should end in."""
    for number in numbers:
        (home.photos / f"{number}.jpg").write_bytes(tiny_jpeg(number))
    return {f"{number}.jpg": "captioned" for number in numbers}


def test_a_reload_that_names_an_impossible_index_is_told_and_the_old_one_kept(
    tmp_path: Path,
) -> None:
    """What only shows when it is opened never takes a running daemon down either."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        config = tmp_path / "config.toml"
        with home.daemon() as daemon:
            config.write_text(config.read_text().replace("state/index.db", "key/index.db"))
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: told(home, "config.rejected") == 1)
            home.wait_for(drop_tiny(home, 1))
            assert daemon.poll() is None


def test_a_reload_with_a_broken_prompt_is_told_and_the_old_one_kept(tmp_path: Path) -> None:
    """A variable that is none and a prompt file that went away leave the daemon as it was."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        config, prompt = tmp_path / "config.toml", tmp_path / "prompt.txt"
        prompt.write_text("Name the ships of {folder}.")
        named = config.read_text().replace("[captioner]", f'[captioner]\nprompt_file = "{prompt}"')
        config.write_text(named)
        with home.daemon() as daemon:
            prompt.write_text("Name the ships of {foldr}.")
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: told(home, "config.rejected") == 1)
            prompt.unlink()
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: told(home, "config.rejected") == 2)
            home.wait_for(drop_tiny(home, 1))
    ((used,),) = home.rows("select prompt from recipes")
    assert used.startswith("Name the ships of {folder}.")
    assert "did you mean {folder}?" in home.log.read_text()


def test_the_manager_hears_ready_again_after_a_refused_reload(tmp_path: Path) -> None:
    """`systemctl reload` ends, instead of waiting for a READY that never comes."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url)
        with home.daemon() as daemon:
            home.told.clear()
            (tmp_path / "config.toml").write_text("[gemini]\nmodle = 'x'\n")
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: b"RELOADING=1" in home.heard() and b"READY=1" in home.heard())


def test_the_watchdog_is_fed_while_photos_in_flight_finish(tmp_path: Path) -> None:
    """A slow answer during a stop is no hang: the manager hears a pulse until the end."""
    with gemini("--answer", "fixed", "--latency", "3") as url:
        home = Home(tmp_path, url)
        with home.daemon() as daemon:
            states = drop_tiny(home, 1)
            wait_until(lambda: counters(url)["requests"] == 1)
            daemon.send_signal(signal.SIGTERM)
            wait_until(lambda: b"STOPPING=1" in home.heard())
            home.told.clear()
            assert daemon.wait(timeout=30) == 0
            assert home.heard().count(b"WATCHDOG=1") >= 2
        assert home.states() == states


def test_orders_in_a_row_lose_nothing(tmp_path: Path) -> None:
    """Reloads upon reloads with photos in flight: each is captioned, for one request each."""
    with gemini("--answer", "fixed", "--latency", "0.2") as url:
        home = Home(tmp_path, url, concurrency=2)
        with home.daemon() as daemon:
            states = drop_tiny(home, *range(20))
            for reloads in range(1, 4):
                asked = counters(url)["requests"]
                wait_until(lambda asked=asked: counters(url)["requests"] > asked)
                daemon.send_signal(signal.SIGHUP)
                daemon.send_signal(signal.SIGHUP)
                wait_until(lambda least=reloads: told(home, "service.drained") >= least)
            home.wait_for(states)
        assert counters(url)["requests"] == len(states)
        assert home.rows("select count(*) from photos where owner is not null") == [(0,)]


def test_a_stop_right_behind_a_reload_is_obeyed(tmp_path: Path) -> None:
    """SIGTERM while the parts are closed and opened anew ends the daemon in order."""
    with gemini("--answer", "fixed", "--latency", "0.5") as url:
        home = Home(tmp_path, url)
        with home.daemon() as daemon:
            drop_tiny(home, 1, 2)
            wait_until(lambda: counters(url)["requests"] == 2)
            daemon.send_signal(signal.SIGHUP)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=20) == 0
        assert home.states() == {"1.jpg": "captioned", "2.jpg": "captioned"}


def test_a_stop_in_the_middle_of_a_scan_is_obeyed_at_once(tmp_path: Path) -> None:
    """Neither the walk of a large tree nor thousands of files that settle hold the end up."""
    home = Home(tmp_path, "http://127.0.0.1:9", settle_seconds=30)
    for number in range(4000):
        folder = home.photos / str(number % 400)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.jpg").touch()
    with home.start() as daemon:
        wait_until(lambda: "service.started" in home.log.read_text())
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=5) == 0


def test_a_reload_in_the_middle_of_the_first_scan_loses_nothing(tmp_path: Path) -> None:
    """What the scan had not come to yet is found by the next one; each photo is paid for once."""
    with gemini("--answer", "fixed") as url:
        home = Home(tmp_path, url, sidecars=(), concurrency=16)
        states = drop_tiny(home, *range(300))
        with home.start() as daemon:
            wait_until(lambda: told(home, "service.started"))
            daemon.send_signal(signal.SIGHUP)
            wait_until(lambda: counters(url)["requests"] > 100)
            daemon.send_signal(signal.SIGHUP)
            home.wait_for(states)
        assert told(home, "service.drained") == 2
        assert counters(url)["requests"] == len(states)


def test_a_second_daemon_on_one_index_is_refused(tmp_path: Path) -> None:
    """It says in one line which process owns the index, and leaves the first one alone."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    with home.daemon() as daemon:
        for verb in ("run", "scan"):
            refused = home.run(verb, check=False)
            assert refused.returncode == 1
            (line,) = refused.stderr.splitlines()
            assert line.startswith(f"captiond: captiond (process {daemon.pid}) already runs on ")
        assert daemon.poll() is None


@pytest.mark.parametrize("verb", ["run", "scan"])
def test_what_cannot_be_opened_is_told_without_a_traceback(tmp_path: Path, verb: str) -> None:
    """Mistakes that show at the start are one line each, with the exit code for them."""
    home = Home(tmp_path, "http://127.0.0.1:9")
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("state/index.db", "key/index.db"))
    refused = home.run(verb, check=False)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    config.write_text("")
    refused = home.run(verb, check=False)
    assert refused.returncode == os.EX_CONFIG
    assert [line.split(": ")[1] for line in refused.stderr.splitlines()] == ["folders", "gemini"]


def test_a_folder_that_is_named_again_goes_on_where_it_was(tmp_path: Path) -> None:
    """Photos queued in a folder are `missing` while no configuration names it, then captioned."""
    with gemini("--answer", "fixed", "--api-key", "the-right-key") as url:
        home = Home(tmp_path, url)
        (tmp_path / "good-key").write_text("the-right-key")
        (tmp_path / "elsewhere").mkdir()
        drop_tiny(home, 1, 2)
        for _ in range(2):  # the second scan finds that the index agrees with the folder
            with home.daemon():
                wait_until(lambda: "root.scanned" in home.log.read_text())
                home.wait_for({"1.jpg": "queued", "2.jpg": "queued"})
        home.write_config(api_key_file="good-key", path="elsewhere")
        with home.daemon() as daemon:
            home.wait_for({"1.jpg": "missing", "2.jpg": "missing"})
            home.write_config(api_key_file="good-key")
            daemon.send_signal(signal.SIGHUP)
            home.wait_for({"1.jpg": "captioned", "2.jpg": "captioned"}, seconds=10)
