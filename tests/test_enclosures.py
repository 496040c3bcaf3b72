"""Prompts and vocabularies: in the configuration, or in files that it names."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_helpers import House

from captiond.captioners.recipes import recipe_for, vocabulary_of
from captiond.config import load
from captiond.enclosures import PROMPT_CHARACTERS, VOCABULARY_BYTES, VOCABULARY_WORDS
from captiond.errors import ConfigError
from captiond.settings import Settings


def loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return load(tmp_path / "config.toml", environ={})


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    return caught.value.problems


def test_wrong_variables_are_told_all_at_once_with_their_keys(tmp_path):
    """Every prompt is looked at, each mistake named with its key; braces need doubling."""
    text = """
        [captioner]
        prompt = 'Of {foldr} on {dat}. Answer {"ship": ""}'
        [[folders]]
        path = "/a"
        prompt = "{people}"
        [[folders]]
        path = "/b"
        prompt = "{persons}"
    """
    one, two, three, four = problems(tmp_path, text)
    assert one == "captioner.prompt: {foldr} is no variable; did you mean {folder}?"
    assert two == "captioner.prompt: {dat} is no variable; did you mean {date}?"
    assert three.startswith('captioner.prompt: the "{" in line 1 belongs to no variable; write {{')
    assert four.startswith("folders[1].prompt: {persons} is no variable; there are {folder}, ")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(missing_ok=True), "does not exist"),
    "empty": (lambda path: path.write_text(" \n\n"), "is empty"),
    "latin": (lambda path: path.write_bytes(b"caf\xe9"), "is not UTF-8 text (byte 3)"),
    "folder": (Path.mkdir, "is no plain file"),
    "pipe": (os.mkfifo, "is no plain file"),
    "endless": (lambda path: path.symlink_to("/dev/zero"), "is no plain file"),
    "large": (lambda path: path.write_text("x" * PROMPT_CHARACTERS * 5), "is too large: over 80,0"),
    "long": (lambda path: path.write_text("x" * 20_001), ": is too long: 20,001 characters, over"),
    "variable": (
        lambda path: path.write_text("\ufeffOf {foldr}."),
        ": {foldr} is no variable; did",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_prompt_file_that_is_wrong_is_told(tmp_path, what):
    """Whatever is wrong with the file, its key and its path are told, and nothing hangs."""
    make, told = WRONG[what]
    make(tmp_path / "p.txt")
    (found,) = problems(tmp_path, '[captioner]\nprompt_file = "p.txt"')
    assert found.startswith(f"captioner.prompt_file: {tmp_path}/p.txt")
    assert told in found


def test_a_prompt_file_that_is_gone_stops_the_program_in_a_sentence(tmp_path):
    """The exit code is that of a wrong configuration."""
    house = House(tmp_path / "house")
    house.environ |= {"CAPTIOND_CAPTIONER_PROMPT_FILE": "/no/prompt.txt"}
    code, _, err = house.run("config", "check")
    assert code == os.EX_CONFIG
    assert err == "captiond: captioner.prompt_file: /no/prompt.txt does not exist\n"


def test_a_vocabulary_file_has_one_word_on_a_line(tmp_path):
    """Comments and empty lines are left out, duplicates and hidden characters, too."""
    (tmp_path / "w.txt").write_text(
        "\ufeff# ours\nboat\n\nBlack  and\twhite # style\nC#\nboat\n\u200bsea\u202e\n", "utf-8"
    )
    found = loaded(tmp_path, '[captioner]\nvocabulary_file = "w.txt"').captioner
    assert found.vocabulary == ["boat", "Black and white", "C#", "sea"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            'vocabulary = ["a"]\nvocabulary_file = "w.txt"',
            ["vocabulary: give either vocabulary or"],
        ),
        (
            'vocabulary_mode = "strict"',
            ["vocabulary_mode: strict allows the words of a vocabulary"],
        ),
        ('vocabulary_mode = "strict"\nvocabulary = []', ["vocabulary_mode: strict allows"]),
        ('vocabulary_mode = "strict"\nvocabulary = [" "]', ["vocabulary_mode: strict allows"]),
        ('vocabulary_file = "none.txt"', ["vocabulary_file: {0}/none.txt does not exist"]),
        ('vocabulary_file = "w.txt"', ["vocabulary_file: {0}/w.txt holds no words"]),
        ('vocabulary_file = "/dev/zero"', ["vocabulary_file: /dev/zero is no plain file"]),
        ('vocabulary_mode = "string"', ['vocabulary_mode: must be one of "preferred", "strict"']),
        (f'vocabulary = ["{"x" * 65}"]', ["vocabulary[0]: must be text (at least 1, at most 64"]),
    ],
)
def test_a_vocabulary_that_cannot_be_meant_is_told(tmp_path, lines, told):
    """Both keys, strict without words, files that are missing, empty or no files."""
    (tmp_path / "w.txt").write_text("# nothing yet\n\n")
    found = problems(tmp_path, f"[captioner]\n{lines}")
    assert len(found) == len(told)
    for sentence, start in zip(found, told, strict=True):
        assert sentence.startswith(f"captioner.{start.format(tmp_path)}")


def test_lines_that_are_no_words_are_told_by_number(tmp_path):
    """The first few one by one, then how many more; the number of words has a bound, too."""
    (tmp_path / "w.txt").write_text("boat\n" + ("x" * 65 + "\n") * 9)
    found = problems(tmp_path, '[captioner]\nvocabulary_file = "w.txt"')
    where = f"captioner.vocabulary_file: {tmp_path}/w.txt"
    assert found[0] == f"{where}: line 2 is over 64 characters"
    assert found[5:] == [f"{where}: so are 4 lines more"]
    (tmp_path / "w.txt").write_text("\n".join(map(str, range(VOCABULARY_WORDS + 1))))
    (many,) = problems(tmp_path, '[captioner]\nvocabulary_file = "w.txt"')
    assert many == f"{where} holds 100,001 words, over 100,000"
    (tmp_path / "w.txt").write_bytes(b"word\n" * (VOCABULARY_BYTES // 5 + 1))
    (large,) = problems(tmp_path, '[captioner]\nvocabulary_file = "w.txt"')
    assert large == f"{where} is too large: over 8,388,608 bytes"


def test_fifty_thousand_words_cost_no_token_and_little_else(tmp_path, record_property):
    """They are read in a moment, take some megabytes, and stay out of the prompt."""
    words = [f"w\u00f6rd {number}" for number in range(50_000)]
    (tmp_path / "w.txt").write_text("\n".join(words), "utf-8")
    began = time.process_time()
    settings = loaded(tmp_path, '[captioner]\nvocabulary_file = "w.txt"\n[[folders]]\npath="/p"')
    load_seconds = time.process_time() - began
    tracemalloc.start()
    try:
        vocabulary = vocabulary_of(settings)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    recipe = recipe_for(settings, settings.folders[0], vocabulary)
    record_property("load_seconds", round(load_seconds, 3))
    record_property("megabytes", round(held / 1e6, 1))
    assert load_seconds < 0.5
    assert held < 25e6
    assert recipe.prompt == recipe_for(Settings(), settings.folders[0]).prompt
    assert vocabulary.fit(["WORD 49999"]) == ("w\u00f6rd 49999",)


def test_config_check_tells_of_a_vocabulary_that_is_not_sent(tmp_path):
    """A person who wonders why the model does not heed the list finds out here."""
    house = House(tmp_path / "house")
    file = house.path / "words.txt"
    file.write_text("\n".join(f"word{n}" for n in range(50_000)))
    house.environ |= {"CAPTIOND_CAPTIONER_VOCABULARY_FILE": str(file)}
    code, _, err = house.run("config", "check")
    assert code == 0
    assert "50,000 words are too many to be sent with each photo" in err
    code, out, _ = house.run("config", "show")
    assert code == 0
    assert "word49999" not in out
    assert len(out) < 5000
