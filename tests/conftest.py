"""What every room's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import index_helpers
import key_hunt
import pytest
import systemd_helpers
from systemd_helpers import CONFIG, SRV

from captiond.index.base import Index


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file in one process, and all that boot systemd: one machine serves them."""
    for item in items:
        boots = "machine" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("systemd" if boots else item.path.stem))


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio: google-genai and aiohttp need it."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _key_unseen() -> Iterator[None]:
    """After every test, failed or not: the key is in nothing that its daemons and verbs left."""
    yield
    key_hunt.look_everywhere()


@pytest.fixture(params=["sqlite", "memory"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    """Give an index, new and empty: what holds for one kind holds for the other."""
    async with index_helpers.opened(request.param, tmp_path) as index:
        yield index


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[systemd_helpers.Guest]:
    """Boot a real systemd, once, with captiond installed by the words of the manual."""
    with systemd_helpers.booted(tmp_path_factory.mktemp("systemd")) as guest:
        guest.run("groupadd", "photos")
        guest.run("useradd", "--create-home", "--groups", "photos", "anna")
        systemd_helpers.install(guest, "Install as a service")
        yield guest


@pytest.fixture
def guest(machine: systemd_helpers.Guest) -> Iterator[systemd_helpers.Guest]:
    """Give a machine with an empty /srv/photos and a unit that has not run yet."""
    machine.run("install", "-d", "-m", "2775", "-g", "photos", "/srv/photos")
    machine.write(CONFIG, systemd_helpers.configuration("/srv/photos"))
    machine.drop_in("captiond", *SRV, "RestartSec=100ms")
    yield machine
    machine.run("systemctl", "stop", "captiond", "gemini", check=False)
    machine.run("systemctl", "reset-failed", check=False)
    machine.assert_key_unseen()
    machine.run("rm", "-rf", "/srv/photos", "/var/lib/captiond")
