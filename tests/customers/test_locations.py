import pytest
from django.utils.translation import override

from customers import letters, locations, names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CN", "CN"), ("cn", "CN"), ("China", "CN"), ("中国", "CN"), ("中國", "CN"), (" china ", "CN"),
        ("United States of America", "US"), ("U.S.A.", "US"), ("美国", "US"), ("UK", "GB"),
        ("Deutschland", "DE"), ("Türkiye", "TR"), ("Turkey", "TR"), ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"), ("Trinidad & Tobago", "TT"), ("香港", "HK"), ("台灣", "TW"),
        ("ＣＮ", "CN"), ("Åland Islands", "AX"),
    ],
)  # fmt: skip
def test_find_location_by_code_and_name(text, code):
    assert locations.find_location(text) == code


@pytest.mark.parametrize("text", ["", " ", "Atlantis", "XX", "CHNA", "\x00", "-"])
def test_find_location_returns_none_for_other_text(text):
    assert locations.find_location(text) is None


def test_find_location_by_each_own_name():
    assert len(locations.LOCATIONS) == 249
    for code, own in locations.LOCATIONS.items():
        assert {code, *map(locations.find_location, [code, *own])} == {code}


def test_name_in_language_of_reader():
    name = locations.name_of("DE")

    with override("en"):
        assert str(name) == "Germany"
    with override("zh-hans"):
        assert str(name) == "德国"
    assert str(locations.name_of("??")) == "??"


def test_choices_are_sorted_by_english_name():
    with override("en"):
        choices = locations.choices()

    assert len(choices) == 249
    assert choices[:3] == [("AF", "Afghanistan"), ("AX", "Åland Islands"), ("AL", "Albania")]


def test_choices_are_sorted_by_pinyin_after_china():
    with override("zh-hans"):
        first, *others = [name for _code, name in locations.choices()]

    assert first == "中国"
    assert len(others) == 248
    assert others == sorted(others, key=names.sort_key)


def test_terms_hold_names_in_all_languages_and_pinyin():
    assert locations.TERMS["DE"].split("|")[:4] == ["DE", "Germany", "德国", "de guo dg"]
    assert "Deutschland" in locations.TERMS["DE"]
    assert locations.TERMS.keys() == locations.LOCATIONS.keys()


def test_pinyin_has_a_syllable_for_each_character():
    for row in locations._ROWS:
        characters = [character for character in row["zh_hans"] if letters.is_han(character)]
        assert len(row["pinyin"].split()) == len(characters), row


@pytest.mark.parametrize(("empty", "first"), [("", ("AF", "Afghanistan")), ("None", ("", "None"))])
def test_choices_begin_with_the_empty_one(empty, first):
    with override("en"):
        assert locations.choices(empty)[0] == first
