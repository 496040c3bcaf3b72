"""Reads the configuration, once: flag > `CAPTIOND_*` environment > TOML file > default.

Every mistake is told at once, each with its key path; an unknown key is a mistake with a
did-you-mean. This is the only module that reads the environment.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec
from msgspec import Struct

from captiond import validation
from captiond.coherence import contradictions, no_networks
from captiond.enclosures import enclosed, read_text
from captiond.errors import ConfigError
from captiond.secrecy import keep_secret
from captiond.settings import PATHS, SECTIONS, IndexSettings, Settings

SYSTEM_CONFIG = Path("/etc/captiond/config.toml")
SYSTEM_STATE = Path("/var/lib/captiond")

_ENVIRONMENT_ONLY = {"CAPTIOND_CONFIG", "CAPTIOND_FOLDERS"}
_KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_HANDED_OVER = {
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "STATE_DIRECTORY",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    *_KEY_VARIABLES,
}


class ApiKey(Struct, frozen=True):
    """The Gemini key, kept out of its own repr, with the place it was found in."""

    text: str
    source: str

    def __repr__(self) -> str:
        return f"ApiKey(source={self.source!r})"


class ServiceEnvironment(Struct, frozen=True):
    """What the service manager hands over."""

    notify_socket: str | None
    watchdog_usec: int | None


def load(
    path: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings in force; `overrides` maps "section.key" to a flag's value.

    Paths are relative to the file that names them, those of the environment and of flags to the
    working directory. Raises ConfigError with every problem found.
    """
    problems: list[str] = []
    source = _find_file(path, environ)
    document = _read_toml(source, problems) if source else {}
    if source:
        _make_absolute(document, source.parent)
    for section, key, value in _environment_values(environ, problems):
        _put(document, section, key, value)
    for dotted, value in (overrides or {}).items():
        section, _, key = dotted.partition(".")
        _put(document, section, key, value)
    if environ.get("CAPTIOND_FOLDERS"):
        paths = environ["CAPTIOND_FOLDERS"].split(os.pathsep)
        document["folders"] = [{"path": path} for path in paths if path]
    _make_absolute(document, Path.cwd())
    state = _state_directory(environ, source)
    settings = _completed(validation.check(document, problems), state, problems)
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(settings, source=str(source) if source else None)


def read_api_key(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the Gemini key, None when there is none; raises ConfigError as `find_api_key`."""
    key = find_api_key(settings, environ)
    return key.text if key else None


def find_api_key(settings: Settings, environ: Mapping[str, str] = os.environ) -> ApiKey | None:
    """Find the key: systemd credential, else `api_key_file`, else the environment.

    Raises ConfigError for a key file that cannot be read or does not hold one key.
    """
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials, "gemini-api-key") if credentials else None
    if credential and os.path.lexists(credential):
        return ApiKey(_read_key(credential), "the service credential gemini-api-key")
    if settings.gemini.api_key_file:
        path = Path(settings.gemini.api_key_file)
        return ApiKey(_read_key(path), f"the file {path}")
    for name in _KEY_VARIABLES:
        if text := environ.get(name, "").strip():
            return ApiKey(_one_key(text, name), f"the environment variable {name}")
    return None


def service_environment(environ: Mapping[str, str] = os.environ) -> ServiceEnvironment:
    """Return what systemd says of notification and watchdog."""
    usec = environ.get("WATCHDOG_USEC", "")
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return ServiceEnvironment(
        environ.get("NOTIFY_SOCKET") or None, int(usec) if usec.isdecimal() and mine else None
    )


def isolated_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for a child that shall obey its own configuration file alone."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("CAPTIOND_") and name not in _HANDED_OVER
    }


def to_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain data, as `config show` prints them; no secret is in them."""
    document: dict[str, Any] = msgspec.to_builtins(settings)
    return document


def _read_key(path: Path) -> str:
    return _one_key(read_text(path, f"the key file {path}"), f"the key file {path}")


def _one_key(text: str, where: str) -> str:
    """Return the one word of the text, which is secret from now on; raises ConfigError."""
    words = text.split()
    if len(words) != 1 or not text.isascii():
        raise ConfigError([f"{where} must hold one API key, nothing else"])
    keep_secret(words[0])
    return words[0]


def _find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = str(path) if path else environ.get("CAPTIOND_CONFIG")
    if named:
        return Path(_absolute(named, Path.cwd()))
    home = Path(environ.get("XDG_CONFIG_HOME") or _absolute("~/.config", Path.cwd()))
    candidates = (home / "captiond" / "config.toml", SYSTEM_CONFIG)
    return next((found for found in candidates if os.path.isfile(found)), None)  # noqa: PTH113 - Path.is_file raises for a home that may not be entered


def _read_toml(source: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(source, f"the configuration file {source}"))
    except ConfigError as error:
        problems += error.problems
    except RecursionError:
        problems.append(f"{source}: is nested too deeply")
    except ValueError as error:  # tomllib lets int() speak for itself about 5,000 digits
        problems.append(f"{source}: {error}")
    return {}


def _environment_values(
    environ: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, str, object]]:
    names = {
        f"CAPTIOND_{section}_{key}".replace(".", "_").upper(): (section, key, wanted)
        for section, kind in SECTIONS.items()
        for key, wanted in _keys(kind)
    }
    for name, text in environ.items():
        if not name.startswith("CAPTIOND_") or name in _ENVIRONMENT_ONLY:
            continue
        if name not in names:
            problems.append(f"{name}: no such setting{validation.did_you_mean(name, names)}")
            continue
        section, key, wanted = names[name]
        value = _from_text(text, wanted)
        wrong = list(validation.mistakes(value, wanted, name))
        if any("\ud800" <= character <= "\udfff" for character in text):
            wrong = [f"{name}: must be UTF-8 text"]
        problems += wrong
        if not wrong:
            yield section, key, value


def _keys(kind: type[Struct]) -> Iterator[tuple[str, Any]]:
    """Yield each key of a section with its type; that of a table within it as "table.key"."""
    for key, wanted in validation.types_of(kind).items():
        if validation.is_table(wanted):
            yield from ((f"{key}.{inner}", type_) for inner, type_ in _keys(wanted))
        else:
            yield key, wanted


def _from_text(text: str, wanted: Any) -> object:
    if get_origin(wanted) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        converted: object = msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError:
        return text
    return converted


def _put(document: dict[str, Any], section: str, key: str, value: object) -> None:
    outer, _, inner = key.rpartition(".")
    table = document.setdefault(section, {})
    if outer and isinstance(table, dict):
        table = table.setdefault(outer, {})
    if isinstance(table, dict):  # anything else is told as a problem of the file
        table[inner] = value


def _make_absolute(document: Mapping[str, Any], base: Path) -> None:
    """Make the document's paths absolute, in place; what is no path is left for the check."""
    places = [(document.get(section), key) for section, key in PATHS]
    folders = document.get("folders")
    places += [(folder, "path") for folder in folders] if isinstance(folders, list) else []
    for table, key in places:
        if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
            table[key] = _absolute(table[key], base)


def _absolute(path: str, base: Path) -> str:
    joined = os.path.normpath(base / os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    return f"/{joined.lstrip('/')}"


def _completed(settings: Settings, state: Path, problems: list[str]) -> Settings:
    """Fill in what depends on the machine: texts in files, the index's usual place."""
    problems += [*contradictions(settings.gemini), *no_networks(settings.downloads)]
    index = settings.index
    if not index.path:
        index = IndexSettings(path=str(state / "index.db"))
    return msgspec.structs.replace(enclosed(settings, problems), index=index)


def _state_directory(environ: Mapping[str, str], source: Path | None) -> Path:
    """Return where the index lies unless the configuration says it.

    A configuration in /etc/captiond is the service's, so `captiond search` finds the index that
    the shipped units give it: their StateDirectory, by the instance's name.
    """
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if source is not None and source.parent == SYSTEM_CONFIG.parent:
        return SYSTEM_STATE if source == SYSTEM_CONFIG else SYSTEM_STATE / source.stem
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(_absolute(state, Path.cwd())) / "captiond"
