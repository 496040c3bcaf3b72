"""What users and maintainers read is true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from captiond import config, open_index
from captiond.cli import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
README = (ROOT / "README.md").read_text()
CODE = {path: path.read_text() for path in (ROOT / "daemon").rglob("*.py")}


def test_the_readme_names_every_verb_and_no_other() -> None:
    """The table of verbs is the program's."""
    table = README.split("## Use")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `captiond (\w+)", table, re.MULTILINE))
    named |= set(re.findall(r"`captiond (\w+) \w+`", table))
    assert named == set(VERBS)


def test_every_command_shown_anywhere_exists() -> None:
    """No page tells of a verb that the program does not have."""
    for page in PAGES:
        shown = re.findall(r"^ {4}captiond (?!\S*/)(\w+)", page.read_text(), re.MULTILINE)
        assert set(shown) <= set(VERBS), page


def test_the_configuration_in_the_readme_loads(tmp_path: Path) -> None:
    """A newcomer who copies it has a configuration without a mistake."""
    snippet = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert snippet is not None
    path = tmp_path / "config.toml"
    path.write_text(snippet[1])
    loaded = config.load(path, environ={"HOME": str(tmp_path)})
    assert [folder.path for folder in loaded.folders] == ["/srv/photos"]


def test_the_script_in_the_readme_uses_what_exists() -> None:
    """`open_index` gives something with the methods shown."""
    snippet = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippet is not None
    compile(snippet[1], "README", "exec")
    library = open_index.__annotations__["return"]
    assert "Library" in str(library)
    search = (ROOT / "daemon/captiond/index/search.py").read_text()
    for method in re.findall(r"library\.(\w+)\(", snippet[1]):
        assert f"def {method}(" in search


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    """Every relative link is a file."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_architecture_names_rooms_that_exist() -> None:
    """Each file and folder in the house and in the table stands in the tree."""
    page = (ROOT / "docs/architecture.md").read_text()
    house = page.split("## The house")[1].split("Imports point down")[0]
    rooms = re.findall(r"\b[a-z]+\.py\b|^ {6}[a-z]+/", house, re.MULTILINE)
    assert len(rooms) > 20
    for path in (*(room.strip() for room in rooms), *re.findall(r"`([a-z_]+/[a-z_]+\.py)`", page)):
        assert (ROOT / "daemon/captiond" / path).exists(), path


def test_the_events_that_operators_are_told_of_are_logged() -> None:
    """Every event in the table of docs/operating.md occurs in the code."""
    page = (ROOT / "docs/operating.md").read_text()
    table = page.split("these tell of trouble")[1].split("\n\n")[1]
    events = re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", table, re.MULTILINE)
    assert len(events) > 5
    for event in events:
        assert any(f'"{event}"' in text for text in CODE.values()), event


def test_operators_are_told_of_every_warning_that_is_logged() -> None:
    """Whatever the log warns of stands in docs/operating.md."""
    page = (ROOT / "docs/operating.md").read_text()
    warned = re.compile(r"log\.(?:warning|error)\(\s*\"([a-z_]+\.[a-z_]+)\"")
    events = {event for text in CODE.values() for event in warned.findall(text)}
    assert len(events) > 30
    assert not [event for event in sorted(events) if f"`{event}`" not in page]


def test_every_setting_a_page_names_exists() -> None:
    """`[section] key` and `section.key` in pages are settings."""
    known = tomllib.loads(
        re.sub(r"^# (?=\w+ = )", "", (ROOT / "config.example.toml").read_text(), flags=re.MULTILINE)
    )
    for page in PAGES:
        for section, key in re.findall(r"`\[(\w+)\] (\w+)`", page.read_text()):
            assert key in known[section], (page.name, section, key)


def test_every_promise_names_tests_that_exist() -> None:
    """Each row of docs/reliability.md points to a test that pytest would run."""
    page = (ROOT / "docs/reliability.md").read_text()
    rows = [row for row in page.splitlines() if row.startswith("| ") and "---" not in row]
    promises = [row for row in rows if not row.startswith("| What")]
    assert len(promises) > 30
    for row in promises:
        named = re.findall(r"`(test_\w+)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            text = (ROOT / "tests" / f"{file}.py").read_text()
            assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE), (file, test)
