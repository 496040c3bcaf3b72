"""config.example.toml: every key of the schema, with its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from captiond.config import load
from captiond.settings import SECTIONS, FolderSettings

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"


def test_the_example_uncommented_is_the_defaults():
    """Every setting, also those commented out because they are "", has its default's value."""
    uncommented = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    document = tomllib.loads(uncommented)
    (folder,) = document.pop("folders")
    assert folder == msgspec.to_builtins(FolderSettings(path="/srv/photos"))
    assert document == {name: msgspec.to_builtins(kind()) for name, kind in SECTIONS.items()}


def test_the_example_loads_as_it_is():
    """A copy of the example is a configuration that works."""
    settings = load(EXAMPLE, environ={})
    assert [folder.path for folder in settings.folders] == ["/srv/photos"]
