"""The loopback Vertex AI: the real SDK gets a token for a service account and asks with it."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from gemini_sdk_helpers import MODEL, ask, sdk
from google.auth.exceptions import RefreshError
from google.genai import errors
from google.oauth2 import credentials, service_account

from captiond.testing.gemini_limits import Limits
from captiond.testing.gemini_server import FIXED, GeminiServer

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(scope="module")
def private_key() -> str:
    return (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def account(server: GeminiServer, private_key: str, path: Path, scope: str = SCOPE):
    """Return the credentials of a service account's file, as an operator would have it."""
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "home",
                "private_key": private_key,
                "client_email": "captiond@home.iam.gserviceaccount.com",
                "token_uri": f"{server.base_url}/token",
            }
        )
    )
    return service_account.Credentials.from_service_account_file(path, scopes=[scope])


def vertex(server: GeminiServer, known, **options: object):
    place = {"enterprise": True, "project": "home", "location": "europe-west4"}
    return sdk(server, api_key=None, api_version="v1", credentials=known, **place, **options)


def fixed(bearer: str = "ya29.mine"):
    return credentials.Credentials(bearer)


async def test_a_service_account_asks_with_a_token_that_it_got(private_key, tmp_path):
    """One token serves many questions, which name project and model and carry no API key."""
    async with GeminiServer(keep=2, api_key="no bearer") as server:
        known = account(server, private_key, tmp_path / "account.json")
        async with vertex(server, known) as client:
            for _ in range(3):
                response = await ask(client, service_tier="flex")
        assert response.text == FIXED.caption
        assert response.sdk_http_response.headers["x-gemini-service-tier"] == "flex"
        assert (server.counters.tokens, server.counters.answered) == (1, 3)
        assert [(r.project, r.model) for r in server.received] == [("home", MODEL)] * 2


async def test_a_token_that_has_run_out_is_fetched_anew(private_key, tmp_path):
    """With a life shorter than the SDK's margin every question gets a token of its own."""
    async with GeminiServer(token_seconds=60) as server:
        known = account(server, private_key, tmp_path / "account.json")
        async with vertex(server, known) as client:
            await ask(client)
            await ask(client)
        assert server.counters.tokens == 2


async def test_a_wrong_scope_gets_no_token(private_key, tmp_path):
    """The exchange tells what is wrong, and nothing is asked."""
    async with GeminiServer() as server:
        known = account(server, private_key, tmp_path / "account.json", "https://else")
        async with vertex(server, known) as client:
            with pytest.raises(RefreshError, match="invalid_scope"):
                await ask(client)
        assert server.counters.requests == 0


def assertion(**claims: object) -> str:
    good = {"iss": "a", "aud": "https://oauth2.googleapis.com/token", "scope": SCOPE}
    body = json.dumps(good | {"exp": time.time() + 60} | claims).encode()
    return f"e30.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.sig"


@pytest.mark.parametrize(
    ("grant", "claims", "status"),
    [
        (GRANT, {}, 200),
        ("refresh_token", {}, 400),
        (GRANT, {"exp": 1}, 400),
        (GRANT, {"aud": "somebody"}, 400),
        (GRANT, None, 400),
    ],
)
async def test_only_a_good_assertion_gets_a_token(grant, claims, status):
    """Grant, audience and expiry are checked."""
    told = "no.token" if claims is None else assertion(**claims)
    async with (
        GeminiServer() as server,
        aiohttp.ClientSession(server.base_url) as session,
        session.post("/token", data={"grant_type": grant, "assertion": told}) as response,
    ):
        assert response.status == status
        assert ("access_token" in await response.json()) is (status == 200)


async def test_a_token_that_is_not_known_is_refused():
    """While only one key counts, another's token is a 401; that key is a token too."""
    async with GeminiServer(api_key="mine") as server:
        async with vertex(server, fixed("theirs")) as client:
            with pytest.raises(errors.ClientError) as caught:
                await ask(client)
        assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
        async with vertex(server, fixed("mine")) as client:
            await ask(client)


async def test_an_api_key_is_no_token():
    """Without a bearer token the routes of Vertex AI answer 401, with one those of Gemini 403."""
    async with GeminiServer() as server, aiohttp.ClientSession(server.base_url) as session:
        model = f"models/{MODEL}"
        for path, headers, status in (
            (f"/v1/publishers/google/{model}", {"x-goog-api-key": "k"}, 401),
            (f"/v1/{model}", {"Authorization": "Bearer k"}, 403),
        ):
            async with session.get(path, headers=headers) as response:
                assert response.status == status


async def test_models_are_looked_up_by_their_publisher():
    """One model and all of them, in pages; unknown ones are a 404."""
    async with GeminiServer() as server, vertex(server, fixed()) as client:
        assert (await client.models.get(model=MODEL)).name == f"publishers/google/models/{MODEL}"
        names = [m.name async for m in await client.models.list(config={"page_size": 3})]
        assert f"publishers/google/models/{MODEL}" in names
        assert len(names) == len(set(names)) == 11
        for ask_for in (client.models.get, lambda model: ask(client, model)):
            with pytest.raises(errors.ClientError, match="not found") as caught:
                await ask_for(model="gemini-1")
            assert caught.value.code == 404


async def test_its_limits_tell_nothing_and_no_retirement_is_told():
    """The 429 of Vertex AI is bare, and a model's status does not exist there."""
    limits = Limits(requests_per_minute=1)
    async with (
        GeminiServer(limits=limits, retires_at="2027-03-01T00:00:00Z") as server,
        vertex(server, fixed()) as client,
    ):
        assert (await ask(client)).model_status is None
        with pytest.raises(errors.ClientError, match="Resource exhausted") as caught:
            await ask(client)
        assert "details" not in caught.value.details["error"]


@pytest.mark.parametrize(("token_seconds", "status"), [(60, 200), (0, 401)])
async def test_a_token_holds_as_long_as_it_was_said(token_seconds, status):
    """An issued token opens the routes of Vertex AI until it has run out."""
    form = {"grant_type": GRANT, "assertion": assertion()}
    async with (
        GeminiServer(token_seconds=token_seconds) as server,
        aiohttp.ClientSession(server.base_url) as session,
    ):
        async with session.post("/token", data=form) as response:
            bearer = (await response.json())["access_token"]
        headers = {"Authorization": f"Bearer {bearer}"}
        async with session.get("/v1/publishers/google/models", headers=headers) as response:
            assert response.status == status
