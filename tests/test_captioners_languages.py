"""Languages: a reply in the wrong one is noticed, when it is certain."""

from __future__ import annotations

import itertools
import json

import pytest

from captiond.captioners import replies
from captiond.captioners.base import Terms
from captiond.captioners.languages import is_foreign
from captiond.errors import ReplyUnusable, WrongLanguage

SAID = {
    "en": "A man in a red coat stands on a street in front of a bakery. The sign is lit.",
    "de": "Ein Mann in rotem Mantel steht auf einer Straße vor einer Bäckerei. Ein Hund wartet.",
    "fr": "Un homme en manteau rouge se tient dans une rue devant une boulangerie, la nuit.",
    "es": "Un hombre con abrigo rojo está de pie en una calle frente a una panadería de noche.",
    "it": "Un uomo con un cappotto rosso è in piedi in una strada davanti a una panetteria.",
    "pt": "Um homem de casaco vermelho está de pé em uma rua em frente a uma padaria à noite.",
    "nl": "Een man in een rode jas staat op een straat voor een bakkerij. Het bord is verlicht.",
    "pl": "Mężczyzna w czerwonym płaszczu stoi na ulicy przed piekarnią. Jest noc.",
    "sv": "En man i röd rock står på en gata framför ett bageri. Skylten ovanför dörren är tänd.",
    "ru": "Мужчина в красном пальто стоит на улице перед пекарней.",
    "ja": "赤いコートを着た男性がパン屋の前の通りに立っています。",
    "zh": "一名穿着红色外套的男子站在面包店前的街道上。",
    "ko": "빨간 코트를 입은 남자가 빵집 앞 거리에 서 있다.",
    "el": "Ένας άντρας με κόκκινο παλτό στέκεται στον δρόμο",
    "ar": "رجل يرتدي معطفا أحمر يقف في شارع أمام مخبز",
}


@pytest.mark.parametrize("language", sorted(SAID))
def test_the_right_language_is_never_suspected(language):
    """A caption in the language asked for passes, also by a regional tag."""
    assert not is_foreign(SAID[language], language)
    assert not is_foreign(SAID[language], f"{language}-XX")


@pytest.mark.parametrize(
    ("said", "asked"),
    [pair for pair in itertools.permutations(sorted(SAID), 2) if "en" in pair],
)
def test_english_instead_of_another_language_is_noticed(said, asked):
    """What happens is an answer in English, or in the language of a sign: both are noticed."""
    assert is_foreign(SAID[said], asked)


@pytest.mark.parametrize(
    ("name", "said"), [("Japanese", "en"), ("Deutsch", "en"), ("français", "de"), ("日本語", "zh")]
)
def test_a_language_may_be_named(name, said):
    """English and own names of languages are understood."""
    assert is_foreign(SAID[said], name)


@pytest.mark.parametrize("asked", ["Klingon", "gsw", "Swiss German", "la", "sr", ""])
def test_of_other_languages_nothing_is_certain(asked):
    """A language that is not known is never missed."""
    assert not is_foreign(SAID["en"], asked)


@pytest.mark.parametrize(
    "said",
    [
        "Berlin Hauptbahnhof, S-Bahn",
        "Ein Schild mit der Aufschrift “THE END OF THE ROAD IS NEAR AND THE BRIDGE IS OUT”.",
        "猫 Mona Lisa",
        "",
    ],
)
def test_names_and_quotations_are_no_evidence(said):
    """A few words, and what a caption quotes, may be in any language."""
    assert not is_foreign(said, "de")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("de", "Plakat des Films The Lord of the Rings: The Return of the King an einer Hauswand."),
        ("de", "Schild \u2018The end of the road is at the sea and it is closed\u2019 an Mauer."),
        ("fr", "Affiche du film The Wizard of Oz with Judy Garland and the Tin Man, encadrée."),
        ("fr", "Enseigne : THE KING OF THE ROAD IS THE BEST OF THE PUBS."),
        ("pt-BR", "Placa de rua: Calle de los Reyes y la Virgen del Pilar."),
        ("nl", "Filmposter van The Lord of the Rings: The Fellowship of the Ring."),
        ("en", "Cover of La vie est belle et le monde est à nous, a film de Jean de la Tour."),
        ("ja", "看板に 'EMPLOYEES MUST WASH HANDS BEFORE RETURNING TO WORK' とある。"),
        ("ja", "Microsoft Visual Studio Code Integrated Development Environment の画面。"),
        ("zh", "路牌\u2018NO PARKING ANY TIME VIOLATORS WILL BE TOWED AWAY\u2019在立柱。"),
        ("ru", "Бутылка Jack Daniel's Old No. 7 Tennessee Sour Mash Whiskey."),
    ],
)
def test_titles_brands_and_signs_are_no_evidence(asked, said):
    """A right caption may name a film, a brand or a sign at length, with no quotation marks."""
    assert not is_foreign(said, asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("ja-Latn", "Akai kubiwa o shita inu ga shibafu ni suwatte iru."),
        ("hi-Latn", "Ek kutta ghaas par baitha hai aur uske paas ek gend hai."),
        ("zh-Latn-pinyin", "Yi zhi gou zuo zai caodi shang, hen kuaile."),
    ],
)
def test_a_tag_may_name_another_script(asked, said):
    """Who asks for Hindi in Latin letters gets them; a Chinese script is still Chinese."""
    assert not is_foreign(said, asked)
    assert is_foreign(SAID["en"], "zh-Hant-TW")


def test_an_apostrophe_is_no_quotation_mark():
    """English with two of them is still English."""
    assert is_foreign("The dog's bowl stands on the floor of the king's kitchen in the sun.", "de")


def test_a_reply_in_the_wrong_language_is_unusable_once():
    """It is a reply to be asked for once more; the second one is taken as it is."""
    text = json.dumps({"caption": SAID["en"]})
    with pytest.raises(WrongLanguage, match="language asked for: de"):
        replies.read_description(text, finish_reason="STOP", terms=Terms("de", final=False))
    assert issubclass(WrongLanguage, ReplyUnusable)
    taken = replies.read_description(text, finish_reason="STOP", terms=Terms("de"))
    assert taken.caption == SAID["en"]
