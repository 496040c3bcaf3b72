"""Reads the configuration, once: flag > `CAPTIOND_*` environment > TOML file > default.

Every mistake is told at once, each with its key path; an unknown key is a mistake with a
did-you-mean. msgspec rather than pydantic checks the values: `captiond search` has 100 ms in all,
and importing pydantic takes most of them (0.45x the start, measured pair by pair). This is the
only module that reads the environment.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from captiond.errors import ConfigError

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
SidecarKind = Literal["xmp", "txt", "json"]


class IndexSettings(Struct, frozen=True, kw_only=True):
    """Where the index lies; "" is the state directory of the service or of the user."""

    path: str = ""


class CaptionerSettings(Struct, frozen=True, kw_only=True):
    """Who captions, in which language, by which prompt."""

    backend: Literal["gemini", "offline"] = "gemini"
    language: Annotated[str, Meta(min_length=2, max_length=40)] = "en"
    prompt: str = ""
    prompt_file: str = ""


class GeminiSettings(Struct, frozen=True, kw_only=True):
    """How Gemini is asked; deadlines under 10 s are refused by the API itself."""

    model: Annotated[str, Meta(min_length=1)] = "gemini-3.5-flash-lite"
    api_key_file: str = ""
    base_url: str = ""
    api_version: Annotated[str, Meta(min_length=1)] = "v1beta"
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8
    timeout_seconds: Annotated[float, Meta(ge=10)] = 60.0
    thinking: Literal["", "minimal", "low", "medium", "high"] = ""
    media_resolution: Literal["", "low", "medium", "high", "ultra_high"] = ""


class WatchSettings(Struct, frozen=True, kw_only=True):
    """When a file counts as finished, how often the scan looks, what is never looked at."""

    settle_seconds: Annotated[float, Meta(ge=0.1)] = 2.0
    scan_interval_minutes: Seconds = 60.0
    ignore: list[str] = []


class ImageSettings(Struct, frozen=True, kw_only=True):
    """How large an image is sent, and what a decoder may cost."""

    max_edge_px: Annotated[int, Meta(ge=64, le=8192)] = 1536
    max_megapixels: Count = 250
    decode_seconds: Seconds = 60.0
    decode_megabytes: Annotated[int, Meta(ge=256)] = 2048


class LogSettings(Struct, frozen=True, kw_only=True):
    """How much is logged to stderr, and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class FolderSettings(Struct, frozen=True, kw_only=True):
    """One watched folder; "" means as in `[captioner]`."""

    path: Annotated[str, Meta(min_length=1)]
    recursive: bool = True
    sidecars: list[SidecarKind] = ["xmp", "txt"]
    language: str = ""
    prompt: str = ""


class Settings(Struct, frozen=True, kw_only=True):
    """The whole configuration, checked; every path absolute; `source` is the file it came from."""

    index: IndexSettings = IndexSettings()
    captioner: CaptionerSettings = CaptionerSettings()
    gemini: GeminiSettings = GeminiSettings()
    watch: WatchSettings = WatchSettings()
    images: ImageSettings = ImageSettings()
    log: LogSettings = LogSettings()
    folders: list[FolderSettings] = []
    source: str | None = None


SECTIONS: dict[str, type[Struct]] = {
    "index": IndexSettings,
    "captioner": CaptionerSettings,
    "gemini": GeminiSettings,
    "watch": WatchSettings,
    "images": ImageSettings,
    "log": LogSettings,
}
_ENVIRONMENT_ONLY = {"CAPTIOND_CONFIG", "CAPTIOND_FOLDERS"}


@dataclass(frozen=True, slots=True)
class ServiceEnvironment:
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

    Raises ConfigError with every problem found.
    """
    problems: list[str] = []
    source = _find_file(path, environ, problems)
    base = source.parent if source else Path.cwd()
    document = _read_toml(source, problems)
    for section, key, text in _environment_values(environ, problems):
        document.setdefault(section, {})[key] = text
    for dotted, value in (overrides or {}).items():
        section, _, key = dotted.partition(".")
        document.setdefault(section, {})[key] = value
    if "CAPTIOND_FOLDERS" in environ:
        paths = [p for p in environ["CAPTIOND_FOLDERS"].split(os.pathsep) if p]
        document["folders"] = [{"path": p} for p in paths]
    settings = _check(document, base, environ, problems)
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(settings, source=str(source) if source else None)


def read_api_key(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the Gemini key: systemd credential, else `api_key_file`, else the environment.

    Raises ConfigError for a key file that cannot be read or is empty.
    """
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(credentials, "gemini-api-key") if credentials else None
    if credential and credential.is_file():
        return _read_key(credential)
    if settings.gemini.api_key_file:
        return _read_key(Path(settings.gemini.api_key_file))
    return environ.get("GEMINI_API_KEY") or environ.get("GOOGLE_API_KEY") or None


def service_environment(environ: Mapping[str, str] = os.environ) -> ServiceEnvironment:
    """Return what systemd says of notification and watchdog."""
    usec = environ.get("WATCHDOG_USEC", "")
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return ServiceEnvironment(
        environ.get("NOTIFY_SOCKET") or None, int(usec) if usec.isdigit() and mine else None
    )


def to_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain data, as `config show` prints them; no secret is in them."""
    document: dict[str, Any] = msgspec.to_builtins(settings)
    return document


def _read_key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"the key file {path} cannot be read: {error}"]) from error
    if not key:
        raise ConfigError([f"the key file {path} is empty"])
    return key


def _find_file(path: Path | None, environ: Mapping[str, str], problems: list[str]) -> Path | None:
    named = path or (Path(environ["CAPTIOND_CONFIG"]) if environ.get("CAPTIOND_CONFIG") else None)
    if named:
        if not named.is_file():
            problems.append(f"there is no configuration file {named}")
            return None
        return named.absolute()
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    candidates = (home / "captiond" / "config.toml", Path("/etc/captiond/config.toml"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _read_toml(source: Path | None, problems: list[str]) -> dict[str, Any]:
    if source is None:
        return {}
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{source}: {error}")
        return {}


def _environment_values(
    environ: Mapping[str, str], problems: list[str]
) -> Iterator[tuple[str, str, object]]:
    names = {
        f"CAPTIOND_{section}_{key}".upper(): (section, key)
        for section, kind in SECTIONS.items()
        for key in kind.__struct_fields__
    }
    for name, text in environ.items():
        if not name.startswith("CAPTIOND_") or name in _ENVIRONMENT_ONLY:
            continue
        if name not in names:
            problems.append(f"{name}: no such setting{_did_you_mean(name, names)}")
            continue
        section, key = names[name]
        wanted = get_type_hints(SECTIONS[section], include_extras=True)[key]
        yield section, key, _from_text(text, wanted)


def _from_text(text: str, wanted: Any) -> object:
    if get_origin(wanted) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        converted: object = msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError:
        return text
    return converted


def _check(
    document: dict[str, Any], base: Path, environ: Mapping[str, str], problems: list[str]
) -> Settings:
    known = (*SECTIONS, "folders")
    problems += [
        f"{name}: no such section{_did_you_mean(name, known)}"
        for name in document
        if name not in known
    ]
    sections: dict[str, Any] = {
        name: _check_table(document.get(name, {}), kind, name, problems)
        for name, kind in SECTIONS.items()
    }
    folders = _check_folders(document.get("folders", []), base, problems)
    captioner: CaptionerSettings = sections["captioner"] or CaptionerSettings()
    gemini: GeminiSettings = sections["gemini"] or GeminiSettings()
    index: IndexSettings = sections["index"] or IndexSettings()
    sections["captioner"] = _with_prompt_file(captioner, base, problems)
    sections["gemini"] = msgspec.structs.replace(
        gemini, api_key_file=_absolute(gemini.api_key_file, base)
    )
    path = _absolute(index.path, base) or str(_state_directory(environ) / "index.db")
    sections["index"] = IndexSettings(path=path)
    present = {name: value for name, value in sections.items() if value is not None}
    return Settings(folders=folders, **present)


def _check_table(table: object, kind: type[Struct], where: str, problems: list[str]) -> Any:
    """Return the table as `kind`, None when it has problems; each is added with its key path."""
    if not isinstance(table, dict):
        problems.append(f"{where}: must be a table of keys")
        return None
    hints = get_type_hints(kind, include_extras=True)
    before, values = len(problems), {}
    for key, value in table.items():
        if key not in hints:
            problems.append(f"{where}.{key}: no such key{_did_you_mean(key, hints)}")
            continue
        try:
            values[key] = msgspec.convert(value, hints[key])
        except msgspec.ValidationError as error:
            problems.append(f"{where}.{key}: {_plain(error, hints[key], value)}")
    required = [f.name for f in msgspec.structs.fields(kind) if f.required]
    problems += [f"{where}.{key}: is missing" for key in required if key not in table]
    return kind(**values) if len(problems) == before else None


def _check_folders(tables: object, base: Path, problems: list[str]) -> list[FolderSettings]:
    if not isinstance(tables, list):
        problems.append("folders: must be written as [[folders]] tables")
        return []
    checked = [
        _check_table(table, FolderSettings, f"folders[{at}]", problems)
        for at, table in enumerate(tables)
    ]
    folders = [
        msgspec.structs.replace(folder, path=_absolute(folder.path, base))
        for folder in checked
        if folder is not None
    ]
    problems += _overlaps(folders)
    return folders


def _overlaps(folders: list[FolderSettings]) -> Iterator[str]:
    paths = sorted(Path(folder.path) for folder in folders)
    for at, outer in enumerate(paths):
        for inner in paths[at + 1 :]:
            if inner.is_relative_to(outer):
                yield f"folders: {inner} lies within {outer}; each photo belongs to one folder"


def _with_prompt_file(
    captioner: CaptionerSettings, base: Path, problems: list[str]
) -> CaptionerSettings:
    if not captioner.prompt_file:
        return captioner
    if captioner.prompt:
        problems.append("captioner.prompt: give either prompt or prompt_file, not both")
    path = _absolute(captioner.prompt_file, base)
    try:
        prompt = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"captioner.prompt_file: {path} cannot be read: {error}")
        return captioner
    return msgspec.structs.replace(captioner, prompt=prompt, prompt_file=path)


def _plain(error: msgspec.ValidationError, wanted: Any, value: object) -> str:
    bare = get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted
    if get_origin(bare) is Literal:
        choices = ", ".join(f'"{choice}"' for choice in get_args(bare))
        return f"must be one of {choices}, not {value!r}{_did_you_mean(str(value), get_args(bare))}"
    name = bare.__name__ if isinstance(bare, type | types.GenericAlias) else str(bare)
    sentence = str(error).replace("`", "").partition(" - at ")[0]
    return f"{sentence[:1].lower()}{sentence[1:]} (a value of type {name}, not {value!r})"


def _did_you_mean(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, [k for k in known if k], n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _absolute(path: str, base: Path) -> str:
    return os.path.normpath(base / Path(path).expanduser()) if path else ""


def _state_directory(environ: Mapping[str, str]) -> Path:
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "captiond"
