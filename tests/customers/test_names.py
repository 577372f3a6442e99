import pytest

from customers import names


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Contoso", "contoso"),
        ("Café Lumière", "cafe-lumiere"),
        ("Österberg & Löfgren Advokatbyrå", "osterberg-lofgren-advokatbyra"),
        ("O’Brien's  Ltd.", "obriens-ltd"),
        ("江南设计院", "jiang-nan-she-ji-yuan"),
        ("3M", "3m"),
        ("☃", ""),
        ("x" * 200, "x" * 60),
        ("a" * 59 + " bc", "a" * 59),
    ],
)
def test_a_short_name_is_spelled_in_plain_letters(name, slug):
    assert names.propose_slug(name) == slug
