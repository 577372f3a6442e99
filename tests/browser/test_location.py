"""The select box of countries, which can be searched in every language."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import inside_of

pytestmark = pytest.mark.django_db(transaction=True)

GERMANY = {"en": "Germany", "zh-hans": "德国"}
BOTH = pytest.mark.parametrize("language", GERMANY)


@pytest.fixture
def form(site, northwind, alice, contoso, office, language):
    """The page that adds a user, opened by alice in a language; contoso is in the US."""
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    site.sign_in(alice)
    site.open("/customers/contoso/users/add/")
    return site


@pytest.fixture
def field(form):
    return form.page.locator("#id_location")


@pytest.fixture
def select(form):
    """The select box, which is sent with the form."""
    return form.page.locator("[name=location]")


@pytest.fixture
def options(form):
    return form.page.locator("#id_location_list [role=option]")


@BOTH
@pytest.mark.parametrize("typed", ["德", "de", "ger", "deguo", "dg", "deutsch", "德國", "Ｇｅｒ"])
def test_typed_country_is_first_in_every_language(form, field, select, options, typed, language):
    field.fill(typed)
    expect(options.first).to_have_text(GERMANY[language])
    expect(options.first).to_have_attribute("aria-selected", "true")
    form.check()

    field.press("Enter")
    expect(field).to_have_value(GERMANY[language])
    expect(select).to_have_value("DE")
    expect(options.first).to_be_hidden()
    form.check()


@BOTH
def test_keys_walk_and_escape_keeps_the_country(field, select, options):
    before = field.input_value()
    expect(select).to_have_value("US")
    field.focus()
    expect(options).to_have_count(0)

    field.press("ArrowDown")
    expect(options).to_have_count(249)
    active = options.and_(field.page.locator("[aria-selected=true]"))
    expect(active).to_have_text(before)
    expect(field).to_have_attribute("aria-activedescendant", active.get_attribute("id"))
    expect(active).to_be_in_viewport()
    field.press("ArrowDown")
    expect(field).not_to_have_value(before)
    field.press("Escape")
    expect(field).to_have_value(before)
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(select).to_have_value("US")


@BOTH
def test_country_is_taken_on_leaving_the_field(field, select, options, language):
    field.fill("ger")
    field.press("Tab")
    expect(select).to_have_value("DE")
    expect(field).to_have_value(GERMANY[language])

    field.fill("Atlantis")
    expect(options).to_have_count(1)
    expect(options).to_have_attribute("aria-disabled", "true")
    expect(field.page.locator("#live")).to_have_text(options.text_content())
    field.press("Tab")
    expect(field).to_have_value(GERMANY[language])
    expect(select).to_have_value("DE")


@BOTH
def test_text_that_is_still_composed_is_not_searched(form, field, options):
    field.click()
    expect(options).to_have_count(249)
    typing = form.page.context.new_cdp_session(form.page)
    typing.send(
        "Input.imeSetComposition", {"text": "de'guo", "selectionStart": 6, "selectionEnd": 6}
    )
    expect(field).to_have_value("de'guo")
    expect(options).to_have_count(249)

    typing.send("Input.insertText", {"text": "德国"})
    expect(options).to_have_count(1)


@BOTH
def test_country_is_chosen_by_a_tap_and_sent(form, field, select, options, language):
    form.page.set_viewport_size({"width": 360, "height": 640})
    field.fill("ger")
    expect(options.first).to_have_text(GERMANY[language])
    # What the bar at the top covers in part is no smaller for that.
    form.page.evaluate("scrollTo(0, 0)")
    form.check()
    options.first.click()
    expect(field).to_have_value(GERMANY[language])
    expect(field).to_be_focused()

    form.page.locator("#id_first_name").fill("Ann")
    form.page.locator("#id_user_name").fill("ann")
    form.page.locator("[name=do][value=add]").click()
    expect(form.page).to_have_url(re.compile("/batches/"))
    form.page.go_back()
    expect(select).to_have_value("DE")
    expect(field).to_have_value(GERMANY[language])


@pytest.mark.parametrize("language", ["en"])
def test_customer_without_country_is_asked_at_the_field(form, field, select):
    form.open("/customers/add/")
    expect(field).to_have_value("")
    expect(field).to_have_attribute("placeholder", "Select one")
    form.page.locator("form .actionbar .primary").click()
    expect(form.page.locator("#errors")).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    form.page.locator("#errors a[href='#id_location']").click()
    expect(field).to_be_focused()
    form.check()


@pytest.mark.parametrize("language", ["en"])
def test_time_zone_is_found_by_its_place(form):
    form.open("/profile/")
    field = form.page.locator("#id_time_zone")
    field.fill("berl")
    field.press("Enter")
    expect(field).to_have_value("Europe/Berlin")
    form.page.locator("form .actionbar .primary").click()
    expect(form.page.locator("#notices")).to_be_visible()
    expect(form.page.locator("[name=time_zone]")).to_have_value("Europe/Berlin")


@pytest.mark.parametrize("language", ["en"])
def test_plain_select_box_without_javascript(form):
    with form.without_scripts() as page:
        page.goto(f"{form.url}/customers/contoso/users/add/")
        page.get_by_label("Usage location").select_option("DE")
        expect(page.get_by_label("Usage location")).to_have_value("DE")
