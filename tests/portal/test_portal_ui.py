from types import SimpleNamespace

import pytest
from django.http import QueryDict
from django.template import Context, Template
from django.utils import translation

from portal.templatetags import portal_ui


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Amara Okafor", "AO"),
        ("amara", "A"),
        ("Ana Maria de Souza", "AS"),
        ("林建国", "林"),
        ("王 小明", "王"),
        ("", "?"),
    ],
)
def test_it_takes_the_initials_of(name, letters):
    assert portal_ui.initials(name) == letters


def test_avatar_color_depends_on_name():
    assert portal_ui.avatar("Amara Okafor") == portal_ui.avatar("Amara Okafor")


def test_it_escapes_what_a_name_smuggles_in():
    assert "<b>" not in portal_ui.avatar("<b>")
    assert portal_ui.break_at("<b>@x") == "&lt;b&gt;<wbr>@x"


def test_it_lets_an_address_break_before_the_at():
    assert portal_ui.break_at("amara@contoso.example") == "amara<wbr>@contoso.example"


def query_of(text):
    return portal_ui.filter_query({"request": SimpleNamespace(GET=QueryDict(text))})


def test_it_spells_the_same_filters_the_same():
    assert query_of("status=blocked&q=a&page=3") == query_of(
        "q=a&license=&status=blocked&sort=name"
    )
    assert query_of("q=a") != query_of("q=b")


def test_steps_are_read_from_message():
    message = SimpleNamespace(extra_tags="big undo:/customers/contoso/undo/1/ sheet:/sheet/")

    assert portal_ui.step(message, "undo") == "/customers/contoso/undo/1/"
    assert portal_ui.step(message, "sheet") == "/sheet/"
    assert portal_ui.step(SimpleNamespace(extra_tags=None), "undo") == ""


def test_it_groups_numbers_by_three_in_both_languages():
    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert Template("{{ 1234567|intcomma }}").render(Context()) == "1,234,567"


def test_it_draws_a_code_that_has_a_name():
    code = portal_ui.qr_code("otpauth://totp/x?secret=ABC", "Scan <me>")

    assert 'role="img" aria-label="Scan &lt;me&gt;"' in code
    assert "<svg" in code
    assert "style=" not in code
