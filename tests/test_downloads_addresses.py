"""Which addresses may be fetched, and what of them may be told."""

from __future__ import annotations

import ipaddress

import pytest
from yarl import URL

from captiond.coherence import no_networks
from captiond.downloads.addresses import follow, is_outside, parse, told, wanted
from captiond.errors import DownloadDead
from captiond.settings import DownloadsSettings

REFUSED = {
    "ftp://example.com/a.jpg": "only http and https",
    "file:///etc/passwd": "only http and https",
    "gopher://example.com/": "only http and https",
    "data:image/png;base64,AA==": "only http and https",
    "//example.com/a.jpg": "only http and https",
    "a.jpg": "only http and https",
    "": "only http and https",
    "http://anna@example.com/a.jpg": "a login",
    "http://anna:secret@example.com/a.jpg": "a login",
    "http://:@example.com/a.jpg": "a login",
    "http:///a.jpg": "no address|no host",
    "http://example.com:0/a.jpg": "names no host",
    "http://example.com:99999/a.jpg": "no address",
    "http://2130706433/a.jpg": "no plain address",
    "http://127.1/a.jpg": "no plain address",
    "http://0x7f.1/a.jpg": "no plain address",
    "http://0x7f000001/a.jpg": "no plain address",
    "http://0177.0.0.1/a.jpg": "no plain address",
    "http://127.0.0.1.1/a.jpg": "no plain address",
    "http://127.0.0.0x1/a.jpg": "no plain address",
    "http://[fe80::1%25eth0]/a.jpg": "interface|no plain address|no address",
    "http://example.com/a b.jpg": "blanks",
    "http://exam\tple.com/": "blanks",
    "http://example.com/\r\nHost: x": "blanks",
    "http://example.com/\u202egpj.a": "hidden",
    "http://example.com/" + "a" * 4096: "longer than",
    "http://[::1/a.jpg": "no address",
    "http://<script>/a.jpg": "no address",
    "http://a|b/a.jpg": "no address",
    "http://127.1../a.jpg": "no plain address",
    "http://[fe80::1]\u0130@": "no address",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_never_fetched_is_refused_with_the_reason(text):
    """Other schemes, logins, numbers in disguise, hidden characters, what is no address at all."""
    with pytest.raises(DownloadDead, match=REFUSED[text]):
        parse(text)
    assert wanted(text, "/r", "").refused


@pytest.mark.parametrize(
    ("text", "fetched"),
    [
        ("https://Example.COM./a.jpg#top", "https://example.com/a.jpg"),
        ("http://bücher.example/ä.jpg", "http://xn--bcher-kva.example/%C3%A4.jpg"),
        ("http://①②⑦.⓪.⓪.①/a.jpg", "http://127.0.0.1/a.jpg"),
        ("http://8.8.8.8:8080/a.jpg?w=1", "http://8.8.8.8:8080/a.jpg?w=1"),
        ("http://[2606:4700:0:0::1]/a.jpg", "http://[2606:4700::1]/a.jpg"),
    ],
)
def test_an_address_has_one_plain_form(text, fetched):
    """Fragment and last dot go, names are as DNS has them, numbers as anyone reads them."""
    assert str(parse(text)) == fetched


INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 an address to refuse, and not to listen at
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "2001:0:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "3fff::1",
    "5f00::1",
]


@pytest.mark.parametrize("text", INSIDE)
def test_no_form_of_an_inside_address_counts_as_outside(text):
    """Private, loopback, link-local, CGNAT, multicast, reserved; IPv4 in every IPv6 dress of it."""
    assert not is_outside(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_outside(text):
    """Also IPv4 behind the NAT64 of a network that has none."""
    assert is_outside(ipaddress.ip_address(text))


def test_networks_that_the_configuration_names_may_be_reached():
    """These and no others, in whatever dress."""
    allowed = [ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fd00::/8")]
    for text in ("192.168.1.7", "::ffff:192.168.1.7", "fd00::1"):
        assert is_outside(ipaddress.ip_address(text), allowed)
    for text in ("192.168.2.7", "127.0.0.1", "fe80::1"):
        assert not is_outside(ipaddress.ip_address(text), allowed)


def test_what_names_no_network_is_a_mistake_of_the_configuration():
    """Each with its place."""
    settings = DownloadsSettings(allow_private=["10.0.0.0/8", "nas.lan", "10.0.0.1/8"])
    assert [told[:27] for told in no_networks(settings)] == [
        "downloads.allow_private[1]:",
        "downloads.allow_private[2]:",
    ]


def test_redirects_are_held_to_the_same_rules():
    """Another scheme, a login, and plain http after https lead nowhere."""
    here = URL("https://example.com/b/a.jpg")
    assert str(follow(here, "../c.jpg")) == "https://example.com/c.jpg"
    for location in (
        "http://example.com/",
        "ftp://x/",
        "https://a:b@example.com/",
        "http://[::1",
        "//[v1.x]\u0130@",
    ):
        with pytest.raises(DownloadDead):
            follow(here, location)
    assert str(follow(URL("http://a.example/"), "https://b.example/")) == "https://b.example/"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://a.example/x.jpg?w=1200&h=800", "https://a.example/x.jpg?w=1200&h=800"),
        ("https://a.example/x.jpg?X-Amz-Signature=1&w=2", "https://a.example/x.jpg"),
        ("https://a.example/x.jpg?token=1", "https://a.example/x.jpg"),
        ("https://a.example/x.jpg?access_token=1", "https://a.example/x.jpg"),
        ("https://a.example/x.jpg?sv=1&sig=2", "https://a.example/x.jpg"),
        ("https://a.example/x.jpg?q=" + "a" * 40, "https://a.example/x.jpg"),
        ("https://anna:pw@a.example/x.jpg#f", "https://a.example/x.jpg"),
        ("http://anna:pw@[::1/x.jpg?token=1", "[::1/x.jpg"),
        ("http://[v1.x]\u0130@", ""),
    ],
)
def test_nothing_secret_of_an_address_is_told(address, shown):
    """Neither logins nor signed queries stand in index, sidecar or log; sizes may."""
    assert told(address) == shown
