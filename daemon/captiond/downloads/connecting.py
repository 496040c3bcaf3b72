"""Opens the way to the web: to outside addresses alone.

What is judged is the address that a socket is about to be connected to: whatever a name resolved
to a moment ago, whatever a redirect says, no other address is ever reached.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver

from captiond import __version__
from captiond.downloads.addresses import Network, is_outside

CONNECT_SECONDS = 15.0
READ_SECONDS = 30.0


class InsideAddress(OSError):
    """The address is one of this machine or of a private network."""


def open_session(
    allowed: Collection[Network], resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """Return a session that knows no cookies, no proxies and no logins, and unpacks nothing."""

    def reach(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, (host, *_) = info
        if not is_outside(ipaddress.ip_address(host), allowed):
            raise InsideAddress(errno.EACCES, "the address is an inside one")
        return socket.socket(family=family, type=kind, proto=protocol)

    connector = aiohttp.TCPConnector(
        limit=0, use_dns_cache=False, resolver=resolver, socket_factory=reach
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "User-Agent": f"captiond/{__version__}",
            "Accept": "image/*, */*;q=0.5",
            "Accept-Encoding": "identity",
        },
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
        ),
        auto_decompress=False,  # what comes packed all the same is refused: no bomb goes off
        trust_env=False,
    )
