"""Photos captioned through Vertex AI: a service account's file, its token, its refusals."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from daemon_helpers import PROGRAM, Home, clean_environment, gemini
from kill_helpers import make_photo

from captiond.captioners.gemini_client import vertex_url


@pytest.fixture(scope="module")
def private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encoded.decode()


class Account(Home):
    """A home whose photos go to Vertex AI with a service account's credentials."""

    def give(self, private_key: str, *, token_uri: str = "") -> Path:
        """Write the account's file and the configuration; return the file."""
        document = {
            "type": "service_account",
            "project_id": "home",
            "private_key": private_key,
            "client_email": "captiond@home.iam.gserviceaccount.com",
            "token_uri": token_uri or f"{self.url}/token",
        }
        file = self.path / "account.json"
        file.write_text(json.dumps(document))
        config = (self.path / "config.toml").read_text().replace('api_key_file = "key"', "")
        config = config.replace("[gemini]", '[gemini]\nvertex = { project = "home" }')
        (self.path / "config.toml").write_text(config)
        return file

    def verb(self, *arguments: str, account: Path | str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | {"GOOGLE_APPLICATION_CREDENTIALS": str(account)}
        return subprocess.run(
            [PROGRAM, "--config", self.path / "config.toml", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=120,
        )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Account]:
    with gemini() as url:
        yield Account(tmp_path, url)


def test_photos_are_captioned_with_a_token_and_no_key(home: Account, private_key: str) -> None:
    """The whole pass runs on the account's credentials; no word of them is written anywhere."""
    account = home.give(private_key)
    (home.photos / "a.jpg").write_bytes(make_photo(1))
    done = home.verb("scan", account=account)
    assert done.returncode == 0, done.stderr
    assert home.states() == {"a.jpg": "captioned"}
    seen = done.stdout + done.stderr + home.index.read_bytes().decode("latin-1")
    assert "ya29." not in seen
    assert private_key.splitlines()[1] not in seen


def test_doctor_models_and_check_need_no_key(home: Account, private_key: str) -> None:
    """Each says that Vertex AI is asked, and asks it."""
    account = home.give(private_key)
    doctor = home.verb("doctor", account=account)
    assert "Vertex AI accepts the credentials and knows gemini-3.5-flash-lite" in doctor.stdout
    assert "not needed: gemini.vertex is set" in doctor.stdout
    assert home.verb("config", "check", account=account).returncode == 0
    assert (
        'vertex = { project = "home", location = "" }'
        in home.verb("config", "show", account=account).stdout
    )
    models = json.loads(home.verb("models", "--json", account=account).stdout)
    assert "gemini-3.5-flash-lite" in [model["model"] for model in models]


@pytest.mark.parametrize(
    ("account", "reason"), [("nowhere", "not found"), (".", "Is a directory"), ("list", "no JSON")]
)
def test_credentials_that_are_none_are_told_in_a_sentence(
    home: Account, account: str, reason: str
) -> None:
    """Whatever lies where they should be, nothing starts, and the sentence says what to do."""
    home.give("no key at all")
    (home.path / "list").write_text("[]")
    done = home.verb("scan", account=home.path / account)
    assert done.returncode == 78
    assert "set GOOGLE_APPLICATION_CREDENTIALS to a file with them" in done.stderr
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("token_uri", "sentence"),
    [
        ("/nowhere", "Google does not accept the credentials"),
        ("http://127.0.0.1:1/token", "Google gives no token now"),
    ],
)
def test_a_token_that_does_not_come_is_told(
    home: Account, private_key: str, token_uri: str, sentence: str
) -> None:
    """A refusal waits for the operator, no connection for better times; nothing crashes."""
    uri = token_uri if "://" in token_uri else home.url + token_uri
    account = home.give(private_key, token_uri=uri)
    done = home.verb("models", account=account)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("", "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_where_vertex_answers(location: str, host: str) -> None:
    """Said always, so that a stray variable sends no photo elsewhere."""
    assert vertex_url(location) == f"https://{host}"
