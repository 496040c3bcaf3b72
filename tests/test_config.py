"""The configuration: every source in its order, every mistake at once, nothing else raised."""

from __future__ import annotations

import math
import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from captiond import config
from captiond.cli.config import to_toml
from captiond.config import find_api_key, isolated_environment, load, read_api_key, to_document
from captiond.errors import ConfigError
from captiond.settings import SECTIONS
from captiond.templates import literal

KEYS = sorted({key for kind in SECTIONS.values() for key in kind.__struct_fields__})


def write(folder, text, encoding="utf-8"):
    path = folder / "config.toml"
    path.write_text(text, encoding=encoding)
    return path


def problems_of(folder, text, environ=None, overrides=None):
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), environ=environ or {}, overrides=overrides)
    return caught.value.problems


def test_flag_beats_environment_beats_file_beats_default(tmp_path):
    """Each source overrides the ones below it, key by key."""
    file = write(tmp_path, '[gemini]\nmodel = "a"\nconcurrency = 3\ntimeout_seconds = 30\n')
    environ = {"CAPTIOND_GEMINI_MODEL": "b", "CAPTIOND_GEMINI_CONCURRENCY": "4"}
    got = load(file, environ=environ, overrides={"gemini.model": "c"}).gemini
    assert (got.model, got.concurrency, got.timeout_seconds, got.api_version) == (
        "c",
        4,
        30.0,
        "v1beta",
    )


def test_five_mistakes_are_told_at_once_each_with_its_key_path(tmp_path):
    """A wrong section, an unknown key, two wrong values and a missing key make five sentences."""
    text = """
        [gemni]
        [gemini]
        modell = "x"
        concurrency = "many"
        [log]
        format = "jsno"
        [[folders]]
        recursive = true
    """
    assert problems_of(tmp_path, text) == [
        "gemni: no such section; did you mean gemini?",
        "gemini.modell: no such key; did you mean model?",
        'gemini.concurrency: must be a whole number (at least 1, at most 1000), not "many"',
        'log.format: must be one of "auto", "console", "json", not "jsno"; did you mean json?',
        "folders[0].path: is missing",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("folders = 5", "folders: must be written as [[folders]] tables, not 5"),
        ("folders = [5]", "folders[0]: must be a table of keys, not 5"),
        ('gemini = "x"', 'gemini: must be a table of keys, not "x"'),
        ("concurrency = 4", "concurrency: no such section; it belongs in [gemini]"),
        (
            "[watch]\nmax_edge_px = 5",
            "watch.max_edge_px: no such key; it belongs in [images]",
        ),
        (
            "[watch]\nsettle_seconds = nan",
            "watch.settle_seconds: must be a number (at least 0.1, at most 3600), not nan",
        ),
        (
            "[watch]\nscan_interval_minutes = 0",
            "watch.scan_interval_minutes: must be a number (above 0, at most 525600), not 0",
        ),
        (
            "[gemini]\ntimeout_seconds = inf",
            "gemini.timeout_seconds: must be a number (at least 10, at most 3600), not a num",
        ),
        (
            f"[gemini]\nconcurrency = 0x{'f' * 9000}",
            "gemini.concurrency: must be a whole number (at least 1, at most 1000), not a numb",
        ),
        ("[gemini]\nmodel = 2026-11-01", "gemini.model: must be text (at least 1 characters), not"),
        ('[gemini]\nmodel = "a\\u0000b"', "gemini.model: must not hold a NUL character"),
        ("[watch]\nignore = [1]", "watch.ignore[0]: must be text (at least 1 characters), not 1"),
        ('[watch]\nignore = "x"', 'watch.ignore: must be a list, not "x"'),
        (
            '[[folders]]\npath = "/a"\nsidecars = ["xmp", "jpg"]',
            'folders[0].sidecars[1]: must be one of "xmp", "txt", "json", not "jpg"',
        ),
        (
            '[[folders]]\npath = "/a"\nrecursive = 1',
            "folders[0].recursive: must be true or false, not 1",
        ),
        ('[captioner]\nprompt = "x"\nprompt_file = "y"', "captioner.prompt: give either prompt or"),
        ('[captioner]\nprompt_file = "y"', "captioner.prompt_file: "),
        ("a = " + "[" * 100_000, "config.toml: "),
        ("a = " + "1" * 5_000, "config.toml: "),
        ("a = ", "config.toml: Invalid value (at end of document)"),
    ],
)
def test_a_wrong_value_is_told_in_a_persons_words(tmp_path, text, problem):
    """Each kind of wrong value gives one problem that names the key and what it must be."""
    (told,) = problems_of(tmp_path, text)
    assert problem in told


@pytest.mark.parametrize("outer", ["/photos", "/photos/", "//photos", "/photos/./x/.."])
def test_folders_may_not_lie_within_each_other(tmp_path, outer):
    """A folder named twice, or within another, is a mistake however it is spelled."""
    text = "".join(f'[[folders]]\npath = "{p}"\n' for p in (outer, "/photos/2026", "/photos"))
    assert problems_of(tmp_path, text) == [
        "folders[2].path: /photos is folders[0] already",
        "folders[1].path: /photos/2026 lies within folders[0]; each photo belongs to one folder",
    ]


def test_paths_start_at_the_file_that_names_them_or_at_the_working_directory(tmp_path, monkeypatch):
    """A relative path of the file is its neighbour; one of the environment is relative to here."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = write(tmp_path, '[index]\npath = "i.db"\n[[folders]]\npath = "~/photos"\n')
    settings = load(file, environ={"CAPTIOND_GEMINI_API_KEY_FILE": "key"})
    assert settings.index.path == str(tmp_path / "i.db")
    assert settings.gemini.api_key_file == str(tmp_path / "here" / "key")
    assert settings.folders[0].path == str(Path.home() / "photos")
    assert settings.source == str(file)


def test_folders_of_the_environment_take_the_place_of_those_of_the_file(tmp_path):
    """CAPTIOND_FOLDERS is a list with colons."""
    file = write(tmp_path, '[[folders]]\npath = "/a"\n')
    settings = load(file, environ={"CAPTIOND_FOLDERS": "/b:/c:"})
    assert [folder.path for folder in settings.folders] == ["/b", "/c"]


def test_environment_values_become_what_the_schema_wants(tmp_path):
    """Numbers, choices and lists are read from text; an int does for a float."""
    environ = {
        "CAPTIOND_GEMINI_CONCURRENCY": "16",
        "CAPTIOND_WATCH_SETTLE_SECONDS": "3",
        "CAPTIOND_WATCH_IGNORE": "cache, *.tmp.jpg,",
        "CAPTIOND_LOG_LEVEL": "debug",
        "UNRELATED": "x",
    }
    settings = load(write(tmp_path, ""), environ=environ)
    assert settings.gemini.concurrency == 16
    assert settings.watch.settle_seconds == 3.0
    assert settings.watch.ignore == ["cache", "*.tmp.jpg"]
    assert settings.log.level == "debug"


def test_wrong_environment_values_are_told_by_the_variables_name(tmp_path):
    """A wrong variable is found beside the mistakes of the file, which do not hide it."""
    environ = {
        "CAPTIOND_GEMINI_CONCURRENCY": "many",
        "CAPTIOND_GEMINI_MODLE": "x",
        "CAPTIOND_WATCH_SETTLE_SECONDS": "nan",
        "CAPTIOND_CAPTIONER_PROMPT": os.fsdecode(b"caf\xe9"),
    }
    told = problems_of(tmp_path, 'gemini = "x"', environ)
    assert [problem.partition(":")[0] for problem in told] == [*environ, "gemini"]
    assert told[1] == "CAPTIOND_GEMINI_MODLE: no such setting; did you mean CAPTIOND_GEMINI_MODEL?"


def test_a_wrong_flag_is_told_by_its_key(tmp_path):
    """Overrides are checked as the file is."""
    assert problems_of(tmp_path, "", overrides={"gemini.concurrency": 0}) == [
        "gemini.concurrency: must be a whole number (at least 1, at most 1000), not 0"
    ]


def test_a_file_that_is_named_must_be_there_and_readable(tmp_path):
    """A missing file, a directory and text that is not UTF-8 are told apart."""
    for path, words in [
        (tmp_path / "none.toml", "does not exist"),
        (tmp_path, "cannot be read: Is a directory"),
        (write(tmp_path, "a = 'é'", "latin-1"), "is not UTF-8 text (byte 5)"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load(path, environ={})
        assert words in str(caught.value)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    """Editors on Windows write one in front."""
    file = write(tmp_path, '[log]\nlevel = "debug"\n', "utf-8-sig")
    assert load(file, environ={}).log.level == "debug"


def test_the_file_is_found_by_variable_then_in_the_users_folder(tmp_path):
    """$CAPTIOND_CONFIG comes before $XDG_CONFIG_HOME/captiond/config.toml."""
    (tmp_path / "captiond").mkdir()
    users = write(tmp_path / "captiond", "")
    named = write(tmp_path, "")
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(environ=home).source == str(users)
    assert load(environ={**home, "CAPTIOND_CONFIG": str(named)}).source == str(named)


def test_the_index_lies_in_the_state_directory(tmp_path):
    """The service's first, then the user's; a path of one's own beats both."""
    file = write(tmp_path, "")
    user = {"XDG_STATE_HOME": "/state"}
    assert load(file, environ=user).index.path == "/state/captiond/index.db"
    service = {**user, "STATE_DIRECTORY": "/var/lib/captiond:/var/lib/other"}
    assert load(file, environ=service).index.path == "/var/lib/captiond/index.db"


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("/etc/captiond/config.toml", "/var/lib/captiond"),
        ("/etc/captiond/family.toml", "/var/lib/captiond/family"),
        ("/home/ann/captiond/config.toml", "/state/captiond"),
    ],
)
def test_a_verb_finds_the_index_of_the_service(source, state):
    """The configuration of a unit leads to its state directory, also outside the unit."""
    environ = {"XDG_STATE_HOME": "/state"}
    assert config._state_directory(environ, Path(source)) == Path(state)


def test_the_prompt_is_read_from_its_file(tmp_path):
    """The text of prompt_file becomes the prompt; an empty file is a mistake."""
    (tmp_path / "prompt.txt").write_text("\ufeffDescribe it.\n", encoding="utf-8")
    file = write(tmp_path, '[captioner]\nprompt_file = "prompt.txt"\n')
    assert load(file, environ={}).captioner.prompt == "Describe it."
    (tmp_path / "prompt.txt").write_text("\n", encoding="utf-8")
    assert problems_of(tmp_path, file.read_text()) == [
        f"captioner.prompt_file: {tmp_path}/prompt.txt is empty"
    ]


def test_the_key_comes_from_credential_then_file_then_environment(tmp_path):
    """Each place is asked in turn, and the place is told without the key."""
    (tmp_path / "gemini-api-key").write_text("credential\n")
    (tmp_path / "key").write_text("\ufefffile\n", encoding="utf-8")
    settings = load(write(tmp_path, '[gemini]\napi_key_file = "key"\n'), environ={})
    bare = load(write(tmp_path, ""), environ={})
    both = {"GEMINI_API_KEY": " first ", "GOOGLE_API_KEY": "second"}
    service = {**both, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_api_key(settings, service) == "credential"
    assert read_api_key(settings, both) == "file"
    assert read_api_key(bare, both) == "first"
    assert read_api_key(bare, {"GOOGLE_API_KEY": "second"}) == "second"
    assert read_api_key(bare, {}) is None
    found = find_api_key(settings, {})
    assert repr(found) == f"ApiKey(source='the file {tmp_path / 'key'}')"


@pytest.mark.parametrize("content", ["", "two words", "schlüssel"])
def test_a_key_file_holds_one_key(tmp_path, content):
    """An empty file, two words or a letter no key has are mistakes, told without the content."""
    (tmp_path / "key").write_text(content)
    settings = load(write(tmp_path, '[gemini]\napi_key_file = "key"\n'), environ={})
    with pytest.raises(ConfigError) as caught:
        read_api_key(settings, {})
    assert (
        str(caught.value) == f"the key file {tmp_path / 'key'} must hold one API key, nothing else"
    )


def test_an_isolated_environment_knows_nothing_of_the_operators():
    """A child with its own configuration file gets neither settings nor keys of its parent."""
    environ = {"PATH": "/bin", "CAPTIOND_LOG_LEVEL": "x", "GEMINI_API_KEY": "k", "HOME": "/h"}
    assert isolated_environment(environ) == {"PATH": "/bin", "HOME": "/h"}


SCALARS = (
    st.text(max_size=20)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.sampled_from(["xmp", "en", "~x/y", "~/a", "/a", "\0", "a/../..", "gemini", "debug"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
TABLES = st.dictionaries(st.sampled_from([*KEYS, "sidecars", "recursive", "x"]), VALUES, max_size=4)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*SECTIONS, "gemni"), TABLES) | {"folders": st.lists(TABLES)}
)


def toml_of(document):
    lines = "\n".join(to_toml(document))
    for number in (math.nan, math.inf):
        lines = lines.replace(str(number).capitalize(), str(number))
    return lines.replace("Infinity", "inf").replace("NaN", "nan")


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(DOCUMENTS.map(toml_of) | st.text())
@example('captioner = {prompt_file = "\\u0000"}')
@example('index = {path = "~nobody-here/x"}')
def test_any_document_loads_or_raises_config_error(tmp_path, text):
    """Whatever the file holds, there are settings or there is a list of problems."""
    try:
        settings = load(write(tmp_path, text), environ={})
    except ConfigError:
        return
    assert to_document(settings)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_settings_written_as_toml_load_to_the_same(tmp_path, prompt):
    """`config show` prints a document that means what is in force."""
    settings = load(
        write(tmp_path, ""),
        environ={"CAPTIOND_FOLDERS": "/a:/b"},
        overrides={"captioner.prompt": literal(prompt)},
    )
    document = to_document(settings)
    del document["source"]
    assert tomllib.loads("\n".join(to_toml(document))) == document
