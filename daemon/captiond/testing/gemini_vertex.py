"""Speaks Vertex AI's dialect: tokens for service accounts, its model resources, its refusals."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_conditions import Conditions
from captiond.testing.gemini_fault import Fault, Refused, refusal
from captiond.testing.gemini_models import GENERATE, MODELS, page

AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PREFIX = "publishers/google/models"


class Vertex:
    """The tokens that were issued, and what Vertex AI tells of its models.

    Without an `api_key` among the conditions every unknown token is accepted too.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._expires_at: dict[str, float] = {}

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Give a service account a token for its assertion; the signature is not looked at."""
        form = await request.post()
        claims = _read_claims(str(form.get("assertion", "")))
        if form.get("grant_type") != GRANT:
            return _no_grant("unsupported_grant_type", "Invalid grant_type")
        if not claims.get("iss") or claims.get("aud") != AUDIENCE:
            return _no_grant("invalid_grant", "Invalid JWT: Failed audience check.")
        if claims.get("exp", 0) < time.time():
            return _no_grant("invalid_grant", "Invalid JWT: Token must be a short-lived token.")
        if SCOPE not in str(claims.get("scope", "")).split():
            return _no_grant("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token, seconds = f"ya29.{uuid.uuid4().hex}", self._conditions.token_seconds
        self._expires_at[token] = time.monotonic() + seconds
        self._conditions.counters.tokens += 1
        told = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
        return web.json_response(told)

    def check_caller(self, headers: Mapping[str, str]) -> None:
        """Refuse a request without a bearer token that holds."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(_unauthenticated("Request is missing required authentication."))
        expires_at = self._expires_at.get(token)
        foreign = expires_at is None and self._conditions.api_key not in {None, token}
        if foreign or (expires_at is not None and expires_at <= time.monotonic()):
            message = "Request had invalid authentication credentials."
            raise Refused(_unauthenticated(f"{message} Expected OAuth 2 access token."))

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Tell of one model."""
        model = request.match_info["model"]
        if model not in MODELS:
            raise Refused(faults.not_found())
        return web.json_response(_describe(model))

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Tell of all models, page by page."""
        rows = [_describe(model) for model in MODELS]
        return web.json_response(page(rows, "publisherModels", request.query))


def find_publisher_model(names: Mapping[str, str]) -> str:
    """Return the model of a route that names project, location and model; raises Refused."""
    model = names["model"]
    if model not in MODELS or GENERATE[0] not in MODELS[model].methods:
        resource = f"projects/{names['project']}/locations/{names['location']}/{PREFIX}/{model}"
        message = (
            f"Publisher Model `{resource}` was not found or your project does not have access to "
            "it. Please ensure you are using a valid model version."
        )
        raise Refused(refusal(404, "NOT_FOUND", message))
    return model


def resource_exhausted() -> Fault:
    """Return Vertex AI's 429, which names neither a limit nor a delay."""
    message = (
        "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/"
        "vertex-ai/generative-ai/docs/error-code-429 for more details."
    )
    return refusal(429, "RESOURCE_EXHAUSTED", message)


def _describe(model: str) -> dict[str, Any]:
    return {
        "name": f"{PREFIX}/{model}",
        "versionId": "default",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "GA",
    }


def _unauthenticated(message: str) -> Fault:
    return refusal(401, "UNAUTHENTICATED", message)


def _no_grant(error: str, description: str) -> web.Response:
    told = {"error": error, "error_description": description}
    return web.json_response(told, status=400)


def _read_claims(assertion: str) -> dict[str, Any]:
    """Return the claims of a JWT, none if it is not one."""
    try:
        _, payload, _ = assertion.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
