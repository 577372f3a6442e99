"""A row with a problem is kept by one click, in both languages and on a phone."""

import pytest
from playwright.sync_api import expect

from imports.operations.check import receive_file
from partners import tenancy
from tests.browser.conftest import inside_of
from tests.workers import check_upload

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = [
    ",Amy Pond,,US",
    ",Rory Williams,,US",
    "info@contoso.example,Ina Fo,,US",
    *(f"u{n}@contoso.example,User {n},Office E3,US" for n in range(7)),
]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_rows_are_kept_by_one_click(
    site, northwind, alice, contoso, office, shoot, language, width
):
    with inside_of(northwind):
        type(alice).objects.filter(pk=alice.pk).update(language=language)
    with tenancy.tenant(northwind.pk):
        content = "\n".join(["User name,Display name,Licenses,Usage location", *ROWS]) + "\n"
        batch = receive_file(
            customer=contoso, name="people.csv", parts=[content.encode()], options={}, by=alice
        )
        check_upload(batch_id=batch.pk)
    site.sign_in(alice)
    page = site.page
    page.set_viewport_size({"width": width, "height": 900})
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    lines = page.locator("#lines")
    suggestions = lines.locator("[name=choice][value=suggested]")
    expect(suggestions).to_have_count(2)
    site.check()
    shoot(f"repairs-{language}-{width}")

    suggestions.first.click()
    expect(suggestions).to_have_count(1)
    expect(lines).to_contain_text("amy.pond@contoso.example")
    lines.locator("[name=choice][value=accept]").click()
    expect(lines.locator("[name=choice][value=accept]")).to_have_count(0)
    without = lines.locator("[name=choice][value=without]")
    expect(without).to_have_count(2)
    without.last.click()
    expect(without).to_have_count(1)

    kinds = page.locator("#repair li")
    expect(kinds).to_have_count(2)
    kinds.filter(has=page.locator("[value=suggested]")).locator("button").click()
    expect(kinds).to_have_count(1)
    kinds.locator("select").select_option("wait")
    kinds.locator("button").click()
    expect(kinds).to_have_count(0)
    page.locator("button[form=start]").click()
    expect(page.locator("#handover")).to_be_visible()
    with inside_of(northwind):
        assert contoso.users.count() == 10
        assert contoso.waitingseats.count() == 1
