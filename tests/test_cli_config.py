"""`captiond config` and `doctor`: what is in force, and whether everything is in place."""

from __future__ import annotations

import json
import os
import tomllib

import pytest
from cli_helpers import House
from daemon_helpers import KEY, gemini


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "house")


def checks(house, *arguments, code=0):
    got, out, err = house.run("doctor", "--json", *arguments)
    assert got == code, (out, err)
    return {check["name"]: check for check in json.loads(out)}


def test_config_show_prints_a_configuration_that_means_the_same(house):
    """The output is TOML: used as the file, it gives the same settings."""
    house.environ |= {"CAPTIOND_CAPTIONER_PROMPT": 'say "hi"\n\\ twice', "GEMINI_API_KEY": KEY}
    code, out, _ = house.run("config", "show")
    shown = tomllib.loads(out)
    assert code == 0
    assert shown["captioner"]["prompt"] == 'say "hi"\n\\ twice'
    assert shown["folders"][0]["path"] == str(house.photos)
    assert out.startswith(
        f"# from {house.config}\n# the API key comes from the environment variable GEMINI_API_KEY\n"
    )
    house.config.write_text(out)
    assert tomllib.loads(house.run("config", "show")[1]) == shown


def test_config_show_leaves_out_a_prompt_that_came_from_a_file(house):
    """The file is named; both together would be a mistake."""
    (house.path / "prompt.txt").write_text("Describe it.")
    house.environ |= {"CAPTIOND_CAPTIONER_PROMPT_FILE": str(house.path / "prompt.txt")}
    captioner = tomllib.loads(house.run("config", "show")[1])["captioner"]
    assert captioner["prompt_file"] == str(house.path / "prompt.txt")
    assert "prompt" not in captioner


def test_no_verb_prints_the_key(house):
    """Only the place where it was found is told."""
    house.environ |= {"GEMINI_API_KEY": KEY, "CAPTIOND_CAPTIONER_BACKEND": "gemini"}
    for verb in (["config", "show"], ["config", "show", "--json"], ["doctor", "--offline"]):
        _, out, err = house.run(*verb)
        assert "GEMINI_API_KEY" in out
        assert KEY not in out + err


def test_config_show_tells_every_mistake_in_the_rules_of_a_folder(house):
    """Each on a line with the file, so that one look is enough to mend it."""
    file = house.photos / ".captiond.toml"
    file.write_text('langauge = "fr"\nsidecars = "xmp"\n')
    code, out, err = house.run("config", "show", str(house.photos))
    assert (code, out) == (1, "")
    assert [line.split(": ")[:3] for line in err.splitlines()] == [
        ["captiond", str(file), "langauge"],
        ["captiond", str(file), "sidecars"],
    ]


def test_config_show_as_json_names_the_sources(house):
    """`source` is the file, `api_key` the place of the key or null."""
    shown = house.json("config", "show")
    assert (shown["source"], shown["api_key"]) == (str(house.config), None)
    assert shown["captioner"]["backend"] == "offline"


def test_config_check_tells_ok_or_every_problem(house):
    """Exit 0 with the file's name, else 78 with a line for each problem, the key file's too."""
    assert house.run("config", "check") == (0, f"ok: {house.config}\n", "")
    house.environ |= {"CAPTIOND_GEMINI_API_KEY_FILE": "/nowhere/key"}
    code, out, err = house.run("config", "check")
    assert (code, out) == (os.EX_CONFIG, "")
    assert err == "captiond: the key file /nowhere/key does not exist\n"


def test_doctor_finds_everything_in_place(house):
    """With folder and index in order, exit 0; what is only worth knowing is no fault."""
    house.fill()
    found = checks(house)
    assert not [check for check in found.values() if check["ok"] is False]
    assert found["folder"]["ok"] is True
    assert found["index"]["sentence"] == f"{house.index} is whole: 10 photos"
    assert "not needed" in found["API key"]["sentence"]
    assert list(house.photos.iterdir()) == []


def test_doctor_names_what_is_wrong_and_what_to_do(house):
    """A missing folder, a file in its place, a missing key: each a sentence, exit 1."""
    house.photos.rmdir()
    house.environ |= {"CAPTIOND_CAPTIONER_BACKEND": "gemini"}
    found = checks(house, "--offline", code=1)
    assert found["folder"] == {
        "name": "folder",
        "ok": False,
        "sentence": f"{house.photos} is no folder; mount it, make it, or correct its "
        "[[folders]] table",
    }
    assert "set GEMINI_API_KEY" in found["API key"]["sentence"]
    assert "the first run makes it" in found["index"]["sentence"]
    house.photos.write_text("a file")
    assert checks(house, "--offline", code=1)["folder"]["ok"] is False


def test_doctor_needs_a_folder_to_watch(house):
    """A configuration without folders is not enough to run."""
    house.config.write_text('[captioner]\nbackend = "offline"\n')
    assert checks(house, code=1)["folders"]["ok"] is False


def test_doctor_tells_a_damaged_index(house):
    """An index that is no database is a fault."""
    house.index.parent.mkdir()
    house.index.write_bytes(b"no database at all" * 1000)
    assert "damaged" in checks(house, code=1)["index"]["sentence"]


def test_doctor_asks_gemini_whether_it_takes_the_key(house):
    """A right key is accepted by the model's look-up, a wrong one is a fault."""
    with gemini("--api-key", KEY) as url:
        house.environ |= {"CAPTIOND_CAPTIONER_BACKEND": "gemini", "CAPTIOND_GEMINI_BASE_URL": url}
        house.environ["GEMINI_API_KEY"] = KEY
        assert checks(house)["Gemini"]["ok"] is True
        house.environ["GEMINI_API_KEY"] = "another"
        assert checks(house, code=1)["Gemini"]["ok"] is False


def test_doctor_tells_a_cap_that_cannot_be_kept_and_one_that_lets_nothing_out(house):
    """What a start would refuse is a fault; what the operator chose is worth knowing."""
    house.environ |= {"CAPTIOND_CAPTIONER_BACKEND": "gemini", "GEMINI_API_KEY": KEY}
    house.environ |= {"CAPTIOND_LIMITS_USD_PER_DAY": "0"}
    cap = checks(house, "--offline")["cap"]
    assert (cap["ok"], cap["sentence"]) == (None, "limits.usd_per_day = 0: nothing is sent")
    house.environ |= {"CAPTIOND_LIMITS_USD_PER_DAY": "5", "CAPTIOND_GEMINI_MODEL": "gemini-99-x"}
    cap = checks(house, "--offline", code=1)["cap"]
    assert cap["ok"] is False
    assert "limits.usd_per_day: nobody knows what gemini.model 'gemini-99-x'" in cap["sentence"]


def test_doctor_speaks_to_people_too(house):
    """A line each: ok, WRONG or note, what was looked at, what was found."""
    house.photos.rmdir()
    code, out, _ = house.run("doctor")
    assert code == 1
    marks = {line.split("\t")[1]: line.split("\t")[0] for line in out.splitlines()}
    assert marks["configuration"] == "ok"
    assert marks["folder"] == "WRONG"
    assert marks["index"] == "note"
