import pytest
from django.utils.translation import override

from customers import locations, names


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
