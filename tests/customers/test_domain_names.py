import pytest

from customers import domains


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("contoso.example", "contoso.example"),
        (" Contoso.Example. ", "contoso.example"),
        ("@contoso.example", "contoso.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("江南.example", "xn--6kr759c.example"),
        ("江南。example", "xn--6kr759c.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a.b-c.d1", "a.b-c.d1"),
    ],
)
def test_a_domain_is_stored_in_one_spelling(typed, stored):
    assert domains.to_ascii(typed) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        (" @ ", "empty"),
        ("contoso", "bad"),
        ("https://contoso.example", "bad"),
        ("ann@contoso.example", "bad"),
        ("con toso.example", "bad"),
        ("contoso..example", "bad"),
        ("-contoso.example", "bad"),
        ("con_toso.example", "bad"),
        ("10.0.0.1", "bad"),
        ("a" * 64 + ".example", "bad"),
        (".".join(["a" * 60] * 5), "bad"),
        ("contoso.example\0", "bad"),
        ("\ud800.example", "bad"),
        ("straße.example", "ambiguous"),
    ],
)
def test_what_is_no_domain_is_refused(typed, code):
    with pytest.raises(domains.BadDomain) as refusal:
        domains.to_ascii(typed)

    assert refusal.value.code == code


def test_people_read_their_own_letters():
    assert domains.to_unicode("xn--bcher-kva.example") == "bücher.example"
    assert domains.to_unicode("xn--6kr759c.example") == "江南.example"
    assert domains.to_unicode("contoso.example") == "contoso.example"
    assert domains.to_unicode("xn--\xff.example") == "xn--\xff.example"
