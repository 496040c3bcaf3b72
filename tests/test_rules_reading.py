"""One `.captiond.toml`: what it may say, and every way in which it can be wrong."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from captiond.enclosures import PROMPT_CHARACTERS
from captiond.rules.base import Rules
from captiond.rules.reading import KEYS, LIMIT_BYTES, parse

MANUAL = Path(__file__).parent.parent / "docs" / "operating.md"


def test_each_key_is_read():
    """What stands in the file is what holds."""
    text = b"""\xef\xbb\xbf
language = "pt-BR"
prompt = "Descreva {folder}."
context = false
vocabulary = ["barco", "  mar ", "\xe2\x80\x8b"]
sidecars = ["json", "txt"]
private = true
ignore = ["*.png", "drafts/"]
existing = "add"
"""
    assert parse(text) == Rules(
        language="pt-BR",
        prompt="Descreva {folder}.",
        context=False,
        vocabulary=("barco", "mar"),
        sidecars=("json", "txt"),
        private=True,
        ignore=("*.png", "drafts/"),
        existing="add",
    )


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"ignore = false", b"ignore = []"])
def test_what_says_nothing_is_no_rule(text):
    """An empty file is whole, and changes nothing."""
    assert parse(text) == Rules()


def test_all_mistakes_are_told_at_once_with_their_keys():
    """Whoever mends the file sees everything that is to be mended."""
    text = b"""
langage = "de"
language = "x"
prompt = "In {folders}, as {json"
context = "no"
vocabulary = ["boat", 3, ""]
sidecars = ["xml"]
private = 1
ignore = 3
existing = "keep"
prompt_file = "/etc/passwd"
path.to = 1
"""
    problems = parse(text)
    assert isinstance(problems, tuple)
    told = "\n".join(problems)
    assert "langage: no such key; did you mean language?" in told
    assert "prompt: {folders} is no variable; did you mean {folder}?" in told
    assert 'sidecars[0]: must be one of "xmp", "txt", "json", not "xml"; did you mean xmp?' in told
    assert "ignore: must be true or false, not 3 (or a list of patterns)" in told
    assert "prompt_file: no such key; did you mean prompt?" in told
    for key in (*KEYS, "vocabulary[1]", "vocabulary[2]", "path"):
        assert re.search(rf"^{re.escape(key)}[:\[]", told, re.MULTILINE), key


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"language = ", "Invalid value"),
        (b"language = 'de'\nlanguage = 'fr'", "Cannot overwrite a value"),
        (b"prompt = '\xff'", "is not UTF-8 text (byte 10)"),
        ("prompt = 'x'".encode("utf-16"), "is not UTF-8 text (byte 0)"),
        (b"#" * (LIMIT_BYTES + 1), "is too large: over 65,536 bytes"),
        (b"a = " + b"[" * 20_000, "is nested too deeply"),
        (b"ignore = [" + b"1" * 5000 + b"]", "Exceeds the limit"),
        (b'"\\u001b[31mred" = 1', "\\x1b[31mred: no such key"),
        (b"prompt = '" + b"x" * (PROMPT_CHARACTERS + 1) + b"'", "prompt: is too long"),
    ],
)
def test_a_file_that_is_no_toml_or_too_much_is_told_of(text, problem):
    """No bytes bring the reader down, and what is told shows all there is to see."""
    problems = parse(text)
    assert isinstance(problems, tuple)
    assert any(problem in one for one in problems), problems
    assert all(one.isprintable() for one in problems)


def test_no_file_takes_long_to_be_read():
    """What tomllib chokes on is refused before: a key of 16,000 parts took it five seconds."""
    parts = LIMIT_BYTES // 2
    lines = "\n".join(f"b{at}." + ".".join("a" * 190) + " = 1" for at in range(LIMIT_BYTES // 390))
    began = time.process_time()
    for text in (".".join("a" * parts), lines, "[a]\n" * (LIMIT_BYTES // 4), "a = {" * 9000):
        assert isinstance(parse(text.encode()), tuple)
    assert time.process_time() - began < 3


def test_problems_without_end_are_cut():
    """Ten thousand mistakes are told as twenty, and how many more."""
    problems = parse(b"vocabulary = [" + b"1," * 10_000 + b"]")
    assert len(problems) == 21
    assert problems[-1] == "and 9980 problems more"


def test_the_manual_lists_the_keys():
    """The table of the manual is the code's, no more and no less."""
    section = MANUAL.read_text().split("## Rules for a folder")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(KEYS)
