"""Checks a configuration document against the schema: every mistake, each with its key path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from captiond.settings import SECTIONS, FolderSettings, Settings

_SHOWN_CHARACTERS = 60
_SHOWN_NUMBER = 10**15


def check(document: Mapping[str, object], problems: list[str]) -> Settings:
    """Return the document as settings; what is wrong goes to `problems` and keeps its default."""
    known = (*SECTIONS, "folders")
    problems += [
        f"{name}: no such section{_belongs(name) or did_you_mean(name, known)}"
        for name in document
        if name not in known
    ]
    sections: dict[str, Any] = {
        name: _table(document[name], kind, name, problems)
        for name, kind in SECTIONS.items()
        if name in document
    }
    folders = _folders(document.get("folders", []), problems)
    present = {name: value for name, value in sections.items() if value is not None}
    return Settings(folders=folders, **present)


def mistakes(value: object, kind: Any, where: str) -> Iterator[str]:
    """Say what is wrong with a value that should be of this annotated type."""
    bare = _bare(kind)
    if get_origin(bare) is list and isinstance(value, list):
        for at, element in enumerate(value):
            yield from mistakes(element, get_args(bare)[0], f"{where}[{at}]")
        return
    if isinstance(value, str) and "\0" in value:
        yield f"{where}: must not hold a NUL character"
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        yield f"{where}: must be {_wanted(kind)}, not {_shown(value)}{_close(value, bare)}"


def types_of(kind: type[Struct]) -> dict[str, Any]:
    """Return the keys of a section with their annotated types."""
    return get_type_hints(kind, include_extras=True)


def is_table(kind: Any) -> bool:
    """Tell whether a key of this type holds a table of keys."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word that is meant, "" if none is close."""
    close = difflib.get_close_matches(word, [k for k in known if k], n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _table(table: object, kind: type[Struct], where: str, problems: list[str]) -> Any:
    """Return the table as `kind`, None when it has problems."""
    if not isinstance(table, dict):
        problems.append(f"{where}: must be a table of keys, not {_shown(table)}")
        return None
    before, types = len(problems), types_of(kind)
    for key, value in table.items():
        if key in types and is_table(types[key]):
            _table(value, types[key], f"{where}.{key}", problems)
        elif key in types:
            problems += mistakes(value, types[key], f"{where}.{key}")
        else:
            hint = _belongs(key) or did_you_mean(key, types)
            problems.append(f"{where}.{key}: no such key{hint}")
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    problems += [f"{where}.{key}: is missing" for key in required if key not in table]
    return msgspec.convert(table, kind) if len(problems) == before else None


def _folders(tables: object, problems: list[str]) -> list[FolderSettings]:
    if not isinstance(tables, list):
        problems.append(f"folders: must be written as [[folders]] tables, not {_shown(tables)}")
        return []
    folders = {
        at: folder
        for at, table in enumerate(tables)
        if (folder := _table(table, FolderSettings, f"folders[{at}]", problems)) is not None
    }
    problems += _overlaps({at: Path(folder.path) for at, folder in folders.items()})
    return list(folders.values())


def _overlaps(paths: Mapping[int, Path]) -> Iterator[str]:
    first: dict[Path, int] = {}
    for at, path in paths.items():
        if first.setdefault(path, at) != at:
            yield f"folders[{at}].path: {path} is folders[{first[path]}] already"
    for path, at in first.items():
        outer = next((first[parent] for parent in path.parents if parent in first), None)
        if outer is not None:
            yield (
                f"folders[{at}].path: {path} lies within folders[{outer}]; "
                "each photo belongs to one folder"
            )


def _belongs(key: str) -> str:
    homes = [f"[{name}]" for name, kind in SECTIONS.items() if key in kind.__struct_fields__]
    return f"; it belongs in {' or '.join(homes)}" if homes else ""


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _wanted(kind: Any) -> str:
    """Describe an annotated type in a person's words."""
    bare = _bare(kind)
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(bare))
    if get_origin(bare) is list:
        return "a list"
    name = {str: "text", bool: "true or false", int: "a whole number"}.get(bare, "a number")
    meta = next((part for part in get_args(kind) if isinstance(part, Meta)), Meta())
    least, most = meta.ge or meta.min_length, meta.le or meta.max_length
    bounds = [
        f"{words} {bound}"
        for words, bound in (("above", meta.gt), ("at least", least), ("at most", most))
        if bound is not None
    ]
    unit = " characters" if bare is str else ""
    return f"{name} ({', '.join(bounds)}{unit})" if bounds else name


def _shown(value: object) -> str:
    """Return a value roughly as TOML writes it; never long, never failing."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return "a number too large" if abs(value) >= _SHOWN_NUMBER else str(value)
    if isinstance(value, str):
        cut = f"{value[:_SHOWN_CHARACTERS]}…" if len(value) > _SHOWN_CHARACTERS else value
        return f'"{cut}"'
    if isinstance(value, date | time):
        return value.isoformat()
    return "a table" if isinstance(value, dict) else "a list"


def _close(value: object, bare: Any) -> str:
    if get_origin(bare) is Literal and isinstance(value, str):
        return did_you_mean(value, get_args(bare))
    return ""
