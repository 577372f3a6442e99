"""Every component passes axe under the strict policy, and the selection keeps its rules."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.urls("tests.browser.styleguide_urls")


@pytest.fixture
def guide(site):
    site.open("/styleguide/")
    return site


def row(site, number):
    return site.page.locator("[data-select-row]").nth(number)


def count(site):
    return site.page.locator(".bulkbar .n")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("query", ["", "?errors&notice"])
def test_it_shuts_nobody_out(site, scheme, width, query):
    site.page.set_viewport_size({"width": width, "height": 900})
    site.page.emulate_media(color_scheme=scheme)
    site.open(f"/styleguide/{query}")
    # What the focus on the errors scrolled half under the bar would count as too small.
    site.page.evaluate("scrollTo(0, 0)")

    site.check()


@pytest.mark.parametrize("name", ["#s-delete", "#palette", "#keys"])
def test_it_shuts_nobody_out_of_a_dialog(guide, name):
    guide.page.evaluate("name => document.querySelector(name).showModal()", name)

    guide.check()


def test_it_asks_for_seventeen_files_at_most(site):
    asked = []
    site.page.on("request", lambda request: asked.append(request.url))
    site.open("/styleguide/")
    site.page.evaluate("document.fonts.ready")

    # While the sprite is on its way, Chromium may ask for it again.
    files = sorted(set(asked))
    assert len(files) <= 17, "\n".join(files)


def test_it_offers_no_act_without_a_selection(guide):
    expect(guide.page.locator(".bulkbar")).to_be_hidden()


def test_it_selects_a_range_with_shift_and_passes_with_the_bar_open(guide):
    row(guide, 0).click()
    row(guide, 2).click(modifiers=["Shift"])

    expect(count(guide)).to_have_text("3 selected")
    expect(guide.page.locator("#live")).to_have_text("3 selected")
    guide.check()


def test_it_keeps_the_selection_over_pages_and_sorting(guide):
    row(guide, 0).click()
    guide.page.get_by_role("link", name="Next").click()
    expect(guide.page).to_have_url(f"{guide.url}/styleguide/?page=2")
    row(guide, 1).click()
    expect(count(guide)).to_have_text("2 selected")

    guide.open("/styleguide/?sort=-name")

    expect(count(guide)).to_have_text("2 selected")
    expect(row(guide, 0)).to_be_checked()
    expect(guide.page.locator("#bulk [name=ids]")).to_have_value("1,5")


def test_it_clears_the_selection_when_the_filter_changes_and_says_so(guide):
    row(guide, 0).click()
    guide.page.keyboard.press("/")
    guide.page.keyboard.type("a")
    expect(guide.page).to_have_url(f"{guide.url}/styleguide/?q=a")

    expect(guide.page.locator(".bulkbar")).to_be_hidden()
    expect(guide.page.locator("[data-selection-note=dropped]")).to_be_visible()
    expect(guide.page.locator("#q")).to_be_focused()
    expect(guide.page.locator("#bulk [name=ids]")).to_have_value("")


def test_it_offers_all_that_match_once_the_page_is_selected(guide):
    guide.page.locator("th [data-select-page]").click()
    guide.page.get_by_role("button", name="Select all 6 matching").click()

    expect(count(guide)).to_have_text("6 selected")
    form = guide.page.locator("#bulk")
    expect(form.locator("[name=all]")).to_have_value("1")
    expect(form.locator("[name=ids]")).to_have_value("")


def test_it_leaves_out_the_one_that_is_taken_out_of_all(guide):
    guide.page.locator("th [data-select-page]").click()
    guide.page.get_by_role("button", name="Select all 6 matching").click()
    row(guide, 0).click()

    expect(count(guide)).to_have_text("5 selected")
    expect(guide.page.locator("[data-selection-note=rest]")).to_be_visible()
    form = guide.page.locator("#bulk")
    for name, value in {"ids": "", "all": "1", "without": "1"}.items():
        expect(form.locator(f"[name={name}]")).to_have_value(value)


def test_it_forgets_the_selection_once_it_was_acted_upon(guide):
    row(guide, 0).click()
    guide.page.get_by_role("button", name="Manage licenses").click()
    guide.page.wait_for_load_state()

    expect(guide.page.locator(".bulkbar")).to_be_hidden()
    expect(row(guide, 0)).not_to_be_checked()


def test_it_keeps_the_selection_where_an_act_only_asks_first(guide):
    row(guide, 0).click()
    guide.page.get_by_role("button", name="Reset password").click()
    guide.page.wait_for_load_state()

    expect(count(guide)).to_have_text("1 selected")


def test_it_moves_and_selects_by_single_keys(guide):
    for key in "jjx":
        guide.page.keyboard.press(key)

    expect(row(guide, 1)).to_be_checked()


def test_it_leaves_single_keys_alone_where_they_are_switched_off(guide):
    guide.page.evaluate("document.documentElement.dataset.keys = 'off'")
    guide.page.keyboard.press("?")

    expect(guide.page.locator("#keys")).to_be_hidden()


def test_it_opens_the_palette_and_walks_it_by_arrows(guide):
    guide.page.keyboard.press("Control+k")
    expect(guide.page.locator("#palette-query")).to_be_focused()
    guide.page.keyboard.press("ArrowDown")

    expect(guide.page.locator("#palette li a").first).to_be_focused()


def test_it_uncovers_a_secret_only_when_asked(guide):
    secret = guide.page.locator("#s-secret")
    expect(secret).to_have_text("••••-••••-••••-••••")
    guide.page.get_by_role("button", name="Show the password of Amara Okafor").click()
    expect(secret).to_have_text("7k3m-9qxt-4vwz-2hpn")
    guide.page.get_by_role("button", name="Show the password of Amara Okafor").click()

    expect(secret).to_have_text("••••-••••-••••-••••")


def test_it_leads_from_the_summary_of_errors_to_the_fields(site):
    site.open("/styleguide/?errors")

    expect(site.page.locator("#errors")).to_be_focused()
    expect(site.page).to_have_title(re.compile("^Error: "))
    lost = site.page.evaluate(
        "[...document.querySelectorAll('#errors a')]"
        ".filter(link => !document.querySelector(link.hash)).length"
    )
    assert lost == 0


def test_it_keeps_the_list_when_the_server_fails(guide):
    guide.page.route("**/styleguide/?q=*", lambda route: route.fulfill(status=500, body="<h1>"))
    guide.page.locator("#q").fill("a")

    expect(guide.page.locator("#network-error")).to_be_visible()
    expect(guide.page.locator("[data-select-row]")).to_have_count(3)


def test_it_prints_in_the_light_and_without_the_shell(guide):
    guide.page.emulate_media(media="print", color_scheme="dark")

    expect(guide.page.locator("#side")).to_be_hidden()
    expect(guide.page.locator(".paper")).to_be_visible()
    assert guide.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
