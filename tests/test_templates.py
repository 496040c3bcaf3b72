"""Variables of prompts: what is filled, what is a mistake."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import templates


def test_variables_are_filled_and_doubled_braces_are_braces():
    """A known variable becomes its value; `{{` and `}}` become braces."""
    filled = templates.fill('In {folder}: {{"a": 1}} {date}', {"folder": "Rome", "date": ""})
    assert filled == 'In Rome: {"a": 1} '


def test_a_value_is_not_read_again():
    """A value that looks like a variable stays as it is."""
    assert templates.fill("{name}", {"name": "{folder} {{", "folder": "x"}) == "{folder} {{"


def test_a_template_fixed_in_part_is_still_a_template():
    """Fixing one variable leaves the others, and doubled braces, for later."""
    fixed = templates.fix("{language}: {{x}} {folder}", {"language": "{de}"})
    assert fixed == "{{de}}: {{x}} {folder}"
    assert templates.fill(fixed, {"folder": "Rome"}) == "{de}: {x} Rome"


@given(st.text())
def test_any_text_can_be_written_literally(text):
    """Whatever a text holds, its literal has no mistakes and gives it back."""
    assert not list(templates.mistakes(templates.literal(text)))
    assert templates.fill(templates.literal(text), {"folder": "x"}) == text


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{foldr}", ["{foldr} is no variable; did you mean {folder}?"]),
        ("{Place}", ["{Place} is no variable; did you mean {place}?"]),
        ("{foldr} {foldr} {kewords}", ["{foldr} is no", "{kewords} is no"]),
        ("{ship}", ["{ship} is no variable; there are {folder}, {name}, {date}, "]),
        ('Answer as\n{"ship": ""}', ['the "{" in line 2 belongs to no variable; write {{ and }}']),
        ("a } b", ['the "}" in line 1']),
        ("{folder", ['the "{" in line 1']),
        ("{} {0}", ['the "{" in line 1']),
    ],
)
def test_mistakes_are_told_all_at_once(template, told):
    """Each unknown variable is told with what may be meant, a stray brace once, with its line."""
    found = list(templates.mistakes(template))
    assert len(found) == len(told)
    assert all(start in sentence for start, sentence in zip(told, found, strict=True))


def test_every_variable_is_known():
    """The variables that are promised are no mistakes."""
    promised = "{folder} {name} {date} {place} {people} {keywords} {language}"
    assert not list(templates.mistakes(promised))
