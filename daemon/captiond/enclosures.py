"""Reads the texts that go with the configuration: its prompts, its vocabulary, files it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from captiond import templates
from captiond.errors import ConfigError
from captiond.settings import CaptionerSettings, Settings
from captiond.visible import without_hidden

PROMPT_CHARACTERS = 20_000
"""About 5,000 tokens with every photo: four times what the photo itself costs."""
VOCABULARY_WORDS = 100_000
VOCABULARY_BYTES = 8 << 20
WORD_CHARACTERS = 64

_COMMENT = re.compile(r"(?:^|[ \t])#.*", re.MULTILINE)
_LONGEST_UTF8 = 4
_TOLD = 5
"""Lines with the same mistake are told one by one up to here."""


def enclosed(settings: Settings, problems: list[str]) -> Settings:
    """Return the settings with prompt and vocabulary in them; what is wrong goes to `problems`."""
    captioner = _with_vocabulary(_with_prompt(settings.captioner, problems), problems)
    for at, folder in enumerate(settings.folders):
        problems += prompt_mistakes(folder.prompt, f"folders[{at}].prompt")
    return msgspec.structs.replace(settings, captioner=captioner)


def read_text(path: Path, where: str, *, limit_bytes: int | None = None) -> str:
    """Return a UTF-8 file's text, without a byte order mark; with a limit it is a plain file.

    Raises ConfigError.
    """
    try:
        if limit_bytes is not None and path.exists() and not path.is_file():
            raise ConfigError([f"{where} is no plain file"])
        with path.open("rb") as file:
            data = file.read(-1 if limit_bytes is None else limit_bytes + 1)
    except FileNotFoundError as error:
        raise ConfigError([f"{where} does not exist"]) from error
    except OSError as error:
        raise ConfigError([f"{where} cannot be read: {error.strerror}"]) from error
    if limit_bytes is not None and len(data) > limit_bytes:
        raise ConfigError([f"{where} is too large: over {limit_bytes:,} bytes"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{where} is not UTF-8 text (byte {error.start})"]) from error


def prompt_mistakes(prompt: str, where: str) -> Iterator[str]:
    """Say what is wrong with a prompt."""
    if len(prompt) > PROMPT_CHARACTERS:
        yield f"{where}: is too long: {len(prompt):,} characters, over {PROMPT_CHARACTERS:,}"
    for mistake in templates.mistakes(prompt):
        yield f"{where}: {mistake}"


def cleaned(words: Iterable[str]) -> list[str]:
    """Return the words of a vocabulary without what is not seen, and without empty ones."""
    return [word for word in map(_clean, words) if word]


def _with_prompt(captioner: CaptionerSettings, problems: list[str]) -> CaptionerSettings:
    if not captioner.prompt_file:
        problems += prompt_mistakes(captioner.prompt, "captioner.prompt")
        return captioner
    if captioner.prompt:
        problems.append("captioner.prompt: give either prompt or prompt_file, not both")
        return captioner
    where = f"captioner.prompt_file: {captioner.prompt_file}"
    text = _enclosure(captioner.prompt_file, where, PROMPT_CHARACTERS * _LONGEST_UTF8, problems)
    if text is None:
        return captioner
    prompt = text.strip()
    problems += prompt_mistakes(prompt, where) if prompt else [f"{where} is empty"]
    return msgspec.structs.replace(captioner, prompt=prompt)


def _with_vocabulary(captioner: CaptionerSettings, problems: list[str]) -> CaptionerSettings:
    before, given = len(problems), captioner.vocabulary
    if captioner.vocabulary_file and given:
        problems.append("captioner.vocabulary: give either vocabulary or vocabulary_file, not both")
    elif captioner.vocabulary_file:
        given = _listed(captioner.vocabulary_file, problems)
    words = cleaned(given)
    if captioner.vocabulary_mode == "strict" and not words and len(problems) == before:
        problems.append(
            "captioner.vocabulary_mode: strict allows the words of a vocabulary alone, "
            "and there is none; give vocabulary or vocabulary_file"
        )
    return msgspec.structs.replace(captioner, vocabulary=words)


def _listed(path: str, problems: list[str]) -> list[str]:
    """Return the words of a file, one on each line; `#` after a blank begins a comment."""
    where = f"captioner.vocabulary_file: {path}"
    text = _enclosure(path, where, VOCABULARY_BYTES, problems)
    if text is None:
        return []
    bare = _COMMENT.sub("", text) if "#" in text else text
    rows = [row.strip() for row in bare.splitlines()]
    long = [at for at, row in enumerate(rows, 1) if len(row) > WORD_CHARACTERS]
    problems += [f"{where}: line {at} is over {WORD_CHARACTERS} characters" for at in long[:_TOLD]]
    if len(long) > _TOLD:
        problems.append(f"{where}: so are {len(long) - _TOLD:,} lines more")
    words = list(dict.fromkeys(filter(None, rows)))
    if not words:
        problems.append(f"{where} holds no words")
    if len(words) > VOCABULARY_WORDS:
        problems.append(f"{where} holds {len(words):,} words, over {VOCABULARY_WORDS:,}")
    return words


def _enclosure(path: str, where: str, limit_bytes: int, problems: list[str]) -> str | None:
    """Return a file's text, None when there is a problem with it."""
    try:
        return read_text(Path(path), where, limit_bytes=limit_bytes)
    except ConfigError as error:
        problems += error.problems
        return None


def _clean(word: str) -> str:
    # Every verb reads the configuration: character by character 50,000 words took 0.1 s.
    plain = word if word.isprintable() else without_hidden(word.replace("\t", " "))
    return " ".join(plain.split())
