"""In narrow windows: each act of the bar of chosen users is reached, and no text falls apart."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from imports.operations.check import receive_file
from partners import tenancy
from tests import factories
from tests.browser.conftest import inside_of, too_wide
from tests.workers import check_upload

pytestmark = pytest.mark.django_db(transaction=True)

WIDTHS = (320, 360, 390, 768, 820, 1024)
# The number of lines of each text in the bar, and what of the bar lies outside of it or the window.
READ = """bar => {
    const box = bar.getBoundingClientRect();
    const lines = {};
    for (const part of bar.querySelectorAll(".n, .btn")) {
        const range = document.createRange();
        range.selectNodeContents(part);
        const tops = [...range.getClientRects()].filter(one => one.width > 0 && one.height < 30);
        const texts = tops.map(one => Math.round(one.top));
        const text = part.textContent.trim();
        lines[text] = new Set(texts).size - part.querySelectorAll("svg").length;
    }
    const outside = [...bar.querySelectorAll(".n, .btn")].filter(part => {
        const one = part.getBoundingClientRect();
        return !one.width || one.left < Math.max(box.left, 0) || one.bottom > innerHeight
            || one.right > Math.min(box.right, innerWidth) || part.scrollWidth > part.clientWidth + 1;
    }).map(part => part.textContent.trim());
    return [lines, outside];
}"""


@pytest.mark.parametrize("tab", ["", "?tab=deleted"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_each_act_of_the_bar_is_reached(site, northwind, alice, contoso, language, tab):
    gone = {"deleted_at": timezone.now(), "purge_at": timezone.now() + timedelta(days=9)}
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
        for number in range(12):
            factories.user(contoso, f"Ann {number:02}", **(gone if tab else {}))
    site.sign_in(alice)
    page = site.page
    bar = page.locator(".bulkbar")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        site.open(f"/customers/contoso/users/{tab}")
        page.locator("[data-select-row]").nth(0).check()
        page.locator("[data-select-row]").nth(1).check()
        expect(bar).to_be_visible()
        # It rises as it appears.
        bar.evaluate("bar => Promise.all(bar.getAnimations().map(one => one.finished))")

        lines, outside = bar.evaluate(READ)
        assert outside == [], width
        assert len(lines) == (6 if tab else 8), lines
        most = 1 if language == "zh-hans" else 2
        assert max(lines.values()) <= most, (width, lines)
        assert too_wide(page) == []

        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        last = page.locator("#users tbody tr").last.bounding_box()
        assert last["y"] + last["height"] <= bar.bounding_box()["y"], width

        bar.locator("[data-select-none]").click()
        expect(bar).to_be_hidden()
    site.check()


@pytest.fixture
def planned(northwind, alice, contoso):
    """The plan of an import with long names and an error in each row."""
    with inside_of(northwind):
        content = "First name,Last name,User name\n" + "".join(
            f"Ann{number},{'Verylongname' * 3},{'a' * 40}{number}@contoso.example\n"
            for number in range(3)
        )
        content += "Bo,Bo,bo@elsewhere.example\n"
        batch = receive_file(
            customer=contoso, name="people.csv", parts=[content.encode()], options={}, by=alice
        )
    with tenancy.tenant(northwind.pk):
        check_upload(batch_id=batch.pk)
    return batch


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_table_that_scrolls_leaves_the_page_as_wide_as_the_window(
    site, northwind, alice, planned, language
):
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    site.sign_in(alice)
    site.page.set_viewport_size({"width": 820, "height": 700})

    site.open(f"/customers/contoso/batches/{planned.pk}/")

    wrap = site.page.locator("#lines .tablewrap")
    assert wrap.evaluate("one => one.scrollWidth > one.clientWidth")
    assert too_wide(site.page) == []


# Texts that stand in three lines or more with two or three characters in each.
BROKEN = """() => {
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim();
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        const boxes = [...range.getClientRects()].filter(box => box.width > 0);
        const lines = new Set(boxes.map(box => Math.round(box.top))).size;
        if (lines >= 3 && text.length / lines < 3) found.push(text);
    }
    return found;
}"""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_no_text_on_a_phone_stands_one_character_a_line(
    site, northwind, alice, contoso, office, planned, language
):
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
        factories.user(contoso, "欧阳娜娜", is_blocked=True)
    site.sign_in(alice)
    at = "/customers/contoso"
    pages = [
        f"{at}/{name}/" for name in ("users", "batches", "activity", "subscriptions", "domains")
    ]
    pages += ["/customers/", "/batches/", "/activity/", "/catalog/", "/members/", f"{at}/", "/"]
    pages += [f"{at}/batches/{planned.pk}/"]
    for width in (320, 390):
        site.page.set_viewport_size({"width": width, "height": 800})
        for address in pages:
            site.open(address)
            assert site.page.evaluate(BROKEN) == [], (width, address)
            assert too_wide(site.page) == [], (width, address)
