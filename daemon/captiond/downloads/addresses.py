"""Says which addresses may be fetched, and what of one may be told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import TypeAlias

from yarl import URL

from captiond.errors import DownloadDead
from captiond.index.downloads_base import Wanted

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST = 4096
NO_ADDRESS = (ValueError, IndexError)
"""What yarl raises for text that is no address: a number for a port, a bracket, a host."""

_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NO_SITES = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32", "3fff::/20")))
"""6to4 and Teredo, which lead to IPv4 addresses, and a block for documents."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_SIGNED = re.compile(
    r"""(?:.*[-_.])?(?:token|key|apikey|sig|sign|signature|auth|authorization|password|passwd|pwd
    |secret|credential|credentials|session|sessionid|sid|ticket|jwt|policy|hdnea|hmac|otp)
    | x-(?:amz|goog|oss|cos|ms)-.*""",
    re.VERBOSE | re.IGNORECASE,
)
_LONG_VALUE = 40
"""Nobody names a photo so in a query: this is a signature or a session under another name."""


def parse(text: str) -> URL:
    """Return an address as it is fetched: without fragment, its host in plain form.

    Raises DownloadDead with the reason for what is never fetched.
    """
    if len(text) > LONGEST:
        raise DownloadDead(f"the address is longer than {LONGEST} characters")
    if not text.isprintable() or " " in text:
        raise DownloadDead("the address holds blanks or hidden characters")
    try:
        url = URL(text)
        port = url.port  # a number beyond 65535 shows only now
    except NO_ADDRESS as error:
        raise DownloadDead("this is no address that can be fetched") from error
    if url.scheme not in _PORTS:
        raise DownloadDead("only http and https addresses are fetched")
    if url.raw_user is not None or url.raw_password is not None:
        raise DownloadDead("addresses with a login in them are not fetched")
    if not url.raw_host or not port:
        raise DownloadDead("the address names no host")
    host = _plain_host(url.raw_host)
    try:
        return url.with_host(host).with_fragment(None)
    except NO_ADDRESS as error:  # signs that no name has show only now
        raise DownloadDead("this is no address that can be fetched") from error


def follow(url: URL, location: str) -> URL:
    """Return where a redirect leads. Raises DownloadDead for where none may."""
    try:
        target = parse(str(url.join(URL(location))))
    except NO_ADDRESS as error:
        raise DownloadDead("the server redirects to no address") from error
    except DownloadDead as error:
        raise DownloadDead(f"the server redirects elsewhere: {error}") from error
    if (url.scheme, target.scheme) == ("https", "http"):
        raise DownloadDead("the server redirects from https to http")
    return target


def wanted(text: str, root: str, folder: str) -> Wanted:
    """Return what is asked for by an address, or refused."""
    try:
        url = parse(text)
    except DownloadDead as error:
        return Wanted(text[:LONGEST], "", root, folder, str(error))
    return Wanted(str(url), host_of(url), root, folder)


def host_of(url: URL) -> str:
    """Return which server an address names."""
    return f"{url.raw_host}:{url.port}"


def told(address: str) -> str:
    """Return an address as it may be kept and shown: without login, fragment, signed query."""
    try:
        url = URL(address).with_fragment(None)
        if url.raw_user is not None or url.raw_password is not None:
            url = url.with_user(None)
        signed = any(_looks_signed(key, value) for key, value in url.query.items())
    except NO_ADDRESS:
        return address.partition("?")[0].rpartition("@")[2]
    return str(url.with_query(None) if signed else url)


def is_outside(ip: IP, allowed: Collection[Network] = ()) -> bool:
    """Tell whether an address is one of the public internet's, or allowed all the same.

    IPv6 forms that carry an IPv4 address are judged by that one, and tunnels are refused.
    """
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped
        if ip in _NAT64:  # how a network without IPv4 reaches what has nothing else
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_outside(inner, allowed)
    if any(ip in network for network in allowed):
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        if ip not in _GLOBAL_UNICAST or any(ip in network for network in _NO_SITES):
            return False
    elif ip.is_multicast or ip.is_reserved:
        return False
    return ip.is_global


def _plain_host(host: str) -> str:
    """Return a host without its last dot. Raises DownloadDead for numbers in disguise.

    The C library takes 127.1, 2130706433, 0x7f.1, 0177.0.0.1 for addresses: one spelling will do.
    """
    plain = host.removesuffix(".")
    try:
        ip = ipaddress.ip_address(plain)
    except ValueError:
        last = plain.rpartition(".")[2]
        if ":" in plain or not last or _NUMBER.fullmatch(last):
            raise DownloadDead(f"{host} is no host name and no plain address") from None
        return plain
    if "%" in plain:
        raise DownloadDead("addresses of a single network interface are not fetched")
    return str(ip)


def _looks_signed(key: str, value: str) -> bool:
    return len(value) >= _LONG_VALUE or _SIGNED.fullmatch(key) is not None
