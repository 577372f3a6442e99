import pytest
from django.utils.translation import override

from customers import locations


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
def test_a_location_is_found_by_code_and_name(text, code):
    assert locations.find_location(text) == code


@pytest.mark.parametrize("text", ["", " ", "Atlantis", "XX", "CHNA", "\x00", "-"])
def test_what_is_no_location_is_not_found(text):
    assert locations.find_location(text) is None


def test_every_location_is_found_by_its_own_names():
    assert len(locations.LOCATIONS) == 249
    for code, names in locations.LOCATIONS.items():
        assert {code, *map(locations.find_location, [code, *names])} == {code}


def test_names_are_in_the_readers_language():
    name = locations.name_of("DE")

    with override("en"):
        assert str(name) == "Germany"
    with override("zh-hans"):
        assert str(name) == "德国"
    assert str(locations.name_of("??")) == "??"


def test_choices_are_all_locations_by_name():
    with override("en"):
        choices = locations.choices()

    assert len(choices) == 249
    assert choices[:3] == [("AF", "Afghanistan"), ("AX", "Åland Islands"), ("AL", "Albania")]
    with override("zh-hans"):
        assert dict(locations.choices())["CN"] == "中国"
