"""Places: names for coordinates, offline, from a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from daemon_helpers import wait_until

from captiond.models import Facts
from captiond.places.gazetteer import Gazetteer, is_installed
from captiond.places.nearest import Town, distance_km, name_of


@pytest.fixture
async def gazetteer():
    opened = Gazetteer()
    yield opened
    await opened.aclose()


def only(*towns: Town):
    """Know these towns alone, by the number of their inhabitants."""

    def nearest(latitude: float, longitude: float, inhabitants: int) -> Town:
        large = [town for town in towns if town.city.isupper()] if inhabitants else towns
        return min(large, key=lambda t: distance_km(latitude, longitude, t.latitude, t.longitude))

    return nearest


SUBURB = Town("Suburb", "", "Land", 50.0, 10.0)
CITY = Town("CITY", "State", "Land", 50.05, 10.0)
BUOY = Town("Buoy", "", "Sea", 0.0, 0.1)


@pytest.mark.parametrize(
    ("latitude", "longitude", "name"),
    [
        (50.001, 10.0, "CITY, State, Land"),
        (49.9, 10.0, "Suburb, Land"),
        (50.0, 11.5, None),
        (0.0, 0.0, None),
        (0.0001, -0.0001, None),
        (0.0, 0.2, "Buoy, Sea"),
    ],
)
def test_a_town_is_named_from_near_and_a_large_city_before_its_suburbs(latitude, longitude, name):
    """Beyond 50 km, and at null island, there is no name."""
    assert name_of(latitude, longitude, only(SUBURB, CITY, BUOY)) == name


def test_distances_go_round_the_globe():
    """The date line is no edge."""
    assert distance_km(0, 179.9, 0, -179.9) == pytest.approx(22.2, abs=0.1)
    assert distance_km(48.8566, 2.3522, 52.52, 13.405) == pytest.approx(878, abs=2)


async def test_real_coordinates_get_the_names_people_use(gazetteer):
    """Cities by their own name, villages by theirs, nothing in the middle of the ocean."""
    assert await gazetteer.name(48.8584, 2.2945) == "Paris, Île-de-France, France"
    assert await gazetteer.name(46.62, 8.04) == "Grindelwald, Bern, Switzerland"
    assert await gazetteer.name(30.0, -40.0) is None
    assert await gazetteer.name(0.0, 0.0) is None


async def test_what_a_person_wrote_is_not_replaced(gazetteer):
    """A place in the metadata stays, and no child is started for it."""
    facts = Facts(digest="d", format="jpeg", width=1, height=1, latitude=46.62, longitude=8.04)
    assert (await gazetteer.named(facts)).place == "Grindelwald, Bern, Switzerland"
    written = Facts(
        digest="d", format="jpeg", width=1, height=1, latitude=1.0, longitude=1.0, place="Home"
    )
    assert (await gazetteer.named(written)).place == "Home"


async def test_a_child_that_dies_costs_one_name_and_no_photo(gazetteer):
    """The next question starts another child."""
    await gazetteer.name(46.62, 8.04)
    os.kill(gazetteer.pid, signal.SIGKILL)
    assert await gazetteer.name(48.137, 11.575) is None
    assert await gazetteer.name(48.137, 11.575) == "Munich, Bavaria, Germany"


async def test_a_child_that_hangs_holds_up_no_stop():
    """What is asked of it ends with it."""
    gazetteer = Gazetteer()
    await gazetteer.name(46.62, 8.04)
    os.kill(gazetteer.pid, signal.SIGSTOP)
    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gazetteer.name, 48.137, 11.575)
        tasks.start_soon(gazetteer.name, 52.52, 13.405)
        await anyio.wait_all_tasks_blocked()
        await gazetteer.aclose()
    assert gazetteer.pid is None
    assert time.monotonic() - began < 5


async def test_a_gazetteer_that_cannot_be_loaded_is_left_alone_for_a_while():
    """It costs one photo a moment, and not each."""
    gazetteer = Gazetteer(pause_seconds=1.0)
    names = []

    async def ask() -> None:
        names.append(await gazetteer.name(48.137, 11.575))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.to_thread.run_sync(wait_until, lambda: gazetteer.pid)
        os.kill(gazetteer.pid, signal.SIGKILL)
    began = time.monotonic()
    await ask()
    assert (names, gazetteer.pid) == ([None, None], None)
    await anyio.to_thread.run_sync(wait_until, lambda: time.monotonic() > began + 1)
    await ask()
    assert names[-1] == "Munich, Bavaria, Germany"
    await gazetteer.aclose()


async def test_when_memory_is_short_the_child_goes_before_the_daemon(gazetteer):
    """A photo without a place is less than a daemon that starts anew."""
    await gazetteer.name(46.62, 8.04)
    score = Path(f"/proc/{gazetteer.pid}/oom_score_adj").read_text()
    assert int(score) >= 500


async def test_an_idle_child_ends():
    """270 MB are given back when nobody asks."""
    gazetteer = Gazetteer(idle_seconds=0.1)
    await gazetteer.name(46.62, 8.04)
    await anyio.to_thread.run_sync(wait_until, lambda: gazetteer.pid is None)
    await gazetteer.aclose()


def test_without_the_extra_there_are_no_names():
    """Nothing else changes: it is looked for, not imported."""
    without = """
import sys
class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "reverse_geocode":
            sys.meta_path.remove(finder)
            sys.meta_path[:] = []
        return None
finder = Without
sys.meta_path.insert(0, Without)
from captiond.places.gazetteer import is_installed
print(is_installed())
"""
    ran = subprocess.run(
        [sys.executable, "-c", without], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
    assert is_installed()
