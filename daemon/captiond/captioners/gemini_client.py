"""Builds the SDK's client, for the Gemini API or for Vertex AI."""

from __future__ import annotations

import ipaddress
import logging
import re
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import anyio

from captiond.errors import CaptiondError, CaptionerStopped, CaptionerUnreachable
from captiond.secrecy import keep_secret, redact
from captiond.settings import GeminiSettings

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.auth.exceptions import GoogleAuthError
    from google.genai import Client

GOOGLE = "https://generativelanguage.googleapis.com"
"""Said always: a stray GOOGLE_GEMINI_BASE_URL must not send photos elsewhere."""
VERTEX_VERSIONS = {"v1beta": "v1beta1"}
"""Vertex AI's names for the versions of the API where they differ."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
WHOLE_CONTINENTS = {"us", "eu"}
NO_CREDENTIALS = "Vertex AI takes no API key but Application Default Credentials"

SERVER_DEADLINE_SECONDS = 10
"""The API refuses a deadline (X-Server-Timeout) below this."""


async def open_client(
    settings: GeminiSettings, api_key: str
) -> tuple[Client, aiohttp.ClientSession]:
    """Return the one client that all workers share, and the session to close after it.

    Raises CaptionerStopped for a key that cannot be one, and for credentials that are not there.
    """
    vertex = settings.vertex.project
    if not vertex and not re.fullmatch(r"[!-~]+", api_key):
        raise CaptionerStopped("the API key is empty or holds characters that no key holds")
    keep_secret(api_key)
    _quiet_sdk()
    base_url = settings.base_url or (vertex_url(settings.vertex.location) if vertex else GOOGLE)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), trust_env=not _is_loopback(base_url)
    )
    try:
        client = await anyio.to_thread.run_sync(_build, settings, base_url, api_key, session)
    except BaseException:
        await session.close()
        raise
    return client, session


def vertex_url(location: str) -> str:
    """Return where Vertex AI answers for a location; "" is global."""
    if location in {"", "global"}:
        return "https://aiplatform.googleapis.com"
    if location in WHOLE_CONTINENTS:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


def auth_errors() -> tuple[type[GoogleAuthError], ...]:
    """Return what the way to a token can raise beside the SDK's own errors."""
    from google.auth.exceptions import GoogleAuthError

    return (GoogleAuthError,)


def map_auth_error(error: GoogleAuthError) -> CaptiondError:
    """Return what an error on the way to a token means."""
    from google.auth.exceptions import RefreshError

    said = redact(" ".join(str(error.args[0] if error.args else error).split()))[:300]
    if error.retryable or not isinstance(error, RefreshError):
        return CaptionerUnreachable(f"Google gives no token now: {said}")
    return CaptionerStopped(f"Google does not accept the credentials: {said}")


def _build(
    settings: GeminiSettings, base_url: str, api_key: str, session: aiohttp.ClientSession
) -> Client:
    from google import genai
    from google.genai import types

    seconds = max(settings.timeout_seconds, SERVER_DEADLINE_SECONDS)
    vertex, version = settings.vertex, settings.api_version
    options = types.HttpOptions(
        base_url=base_url,
        api_version=VERTEX_VERSIONS.get(version, version) if vertex.project else version,
        timeout=int(seconds * 1000),
        retry_options=types.HttpRetryOptions(attempts=1),
        aiohttp_client=session,
    )
    # `enterprise` is said always: a stray GOOGLE_GENAI_USE_VERTEXAI would reroute every call.
    if not vertex.project:
        return genai.Client(enterprise=False, api_key=api_key, http_options=options)
    return genai.Client(
        enterprise=True,
        credentials=_credentials(),
        project=vertex.project,
        location=vertex.location or "global",
        http_options=options,
    )


def _credentials() -> Credentials:
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, OSError) as error:
        told = error.args if isinstance(error, GoogleAuthError) else (error,)
        raise _no_credentials(": ".join(map(str, told))) from error
    except AttributeError as error:  # google-auth takes any JSON for an object
        raise _no_credentials("the file holds no JSON object") from error
    return credentials


def _no_credentials(reason: str) -> CaptionerStopped:
    why = redact(reason.partition(". To set up")[0])
    return CaptionerStopped(
        f"{NO_CREDENTIALS}: set GOOGLE_APPLICATION_CREDENTIALS to a file with them ({why})"
    )


def _is_loopback(url: str) -> bool:
    """Tell whether the URL stays on this machine, where HTTP_PROXY has no business."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _quiet_sdk() -> None:
    """Keep the SDK's chatter out of the log, and a warning about bodies over 1 MiB."""
    for name in ("google_genai", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "Sending a large body directly", ResourceWarning)
