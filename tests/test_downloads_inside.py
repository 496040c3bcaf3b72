"""No inside address is ever reached, whatever a name, a redirect or an answer says."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver
from web_helpers import Harbour, photo, web

from captiond.index.downloads_base import Stage

INSIDE = "it leads to an inside address: only those in [downloads] allow_private are fetched"


class Names(AbstractResolver):
    """Answers for names as its script says: the next list of addresses at each question."""

    def __init__(self, *script: list[str]) -> None:
        self.script = list(script)
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_INET):  # noqa: ARG002 as aiohttp has it
        self.asked.append(host)
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def server():
    with web() as server:
        yield server


@pytest.fixture
def closed(tmp_path):
    """A harbour that may reach no inside address at all."""
    return Harbour(tmp_path, allow_private=[])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "①②⑦.⓪.⓪.①"])
async def test_this_machine_is_not_reached_under_any_of_its_names(server, closed, host):
    """The server that listens there hears nothing."""
    server.put("/a.jpg", photo())
    (row,) = await closed.fetch(f"http://{host}:{server.port}/a.jpg")
    assert (row.state, row.reason) == (Stage.FAILED, INSIDE)
    assert server.requests == []
    assert closed.names() == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 an address to refuse, and not to listen at
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::",
    ],
)
async def test_a_name_that_resolves_to_an_inside_address_is_refused(server, closed, address):
    """Each kind of them, before a single packet."""
    url = f"http://photos.example:{server.port}/a.jpg"
    (row,) = await closed.fetch(url, resolver=Names([address]))
    assert (row.state, row.reason) == (Stage.FAILED, INSIDE)
    assert server.requests == []


async def test_several_inside_addresses_are_refused_as_one_is(closed):
    """A name with an address of each family is no way round."""
    names = Names(["127.0.0.1", "::1", "10.0.0.1"])
    (row,) = await closed.fetch("http://photos.example/a.jpg", resolver=names)
    assert (row.state, row.reason) == (Stage.FAILED, INSIDE)


async def test_the_address_that_was_judged_is_the_one_that_is_reached(tmp_path):
    """A name that answers with another address the next time (rebinding) wins nothing."""
    with web("127.0.0.1") as outer, web("127.0.0.2") as inner:
        harbour = Harbour(tmp_path, allow_private=["127.0.0.1/32"])
        outer.put("/a.jpg", photo(1))
        inner.put("/a.jpg", photo(2))
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        (row,) = await harbour.fetch(f"http://photos.example:{outer.port}/a.jpg", resolver=names)
        assert (row.state, names.asked) == (Stage.DONE, ["photos.example"])
        (headers,) = outer.asked("/a.jpg")
        assert headers["Host"] == f"photos.example:{outer.port}"
        (row,) = await harbour.fetch(f"http://photos.example:{inner.port}/a.jpg", resolver=names)
        assert (row.state, row.reason) == (Stage.FAILED, INSIDE)
        assert inner.requests == []


async def test_a_redirect_inside_is_refused(server, tmp_path):
    """Each hop is judged as the first address is."""
    with web("127.0.0.2") as inner:
        target = inner.put("/secret.jpg", photo())
        harbour = Harbour(tmp_path)
        url = server.put("/a.jpg", status=302, headers={"Location": target})
        (row,) = await harbour.fetch(url)
        assert (row.state, row.reason) == (Stage.FAILED, INSIDE)
        assert inner.requests == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("file:///etc/passwd", "redirects elsewhere: only http and https"),
        ("ftp://127.0.0.1/a.jpg", "redirects elsewhere: only http and https"),
        ("http://anna:pw@127.0.0.1/", "redirects elsewhere: addresses with a login"),
        ("http://2130706433/", "redirects elsewhere: 2130706433 is no host name"),
        ("/a.jpg", "redirects more than 5 times"),
        ("http://[::1", "redirects to no address"),
    ],
)
async def test_a_redirect_that_leads_nowhere_ends_it(server, tmp_path, location, reason):
    """Other schemes, logins, disguises, circles."""
    url = server.put("/a.jpg", status=301, headers={"Location": location})
    (row,) = await Harbour(tmp_path).fetch(url)
    assert row.state is Stage.FAILED
    assert reason in row.reason
    assert len(server.requests) == (6 if location == "/a.jpg" else 1)


async def test_five_redirects_are_followed_and_no_cookie_goes_along(server, tmp_path):
    """The name is that of the address as it was given."""
    for number in range(5):
        headers = {"Location": f"/{number + 1}", "Set-Cookie": "a=b; Path=/"}
        server.put(f"/{number}", status=307, headers=headers)
    server.put("/5", photo())
    server.put("/0/boat.jpg", status=302, headers={"Location": "/1"})
    url = f"http://photos.example:{server.port}/0/boat.jpg"  # numbers get no cookies anyway
    (row,) = await Harbour(tmp_path).fetch(url, resolver=Names(["127.0.0.1"]))
    assert (row.state, row.name) == (Stage.DONE, "boat.jpg")
    assert not any("Cookie" in headers for _, headers in server.requests)


async def test_proxies_of_the_environment_are_not_used(server, tmp_path, monkeypatch):
    """A proxy would resolve the names itself, and reach what it likes."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (row,) = await Harbour(tmp_path).fetch(server.put("/a.jpg", photo()))
    assert row.state is Stage.DONE
