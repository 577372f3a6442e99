import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def form(site, northwind, alice, contoso, office):
    """The page that adds a user, opened by alice, where Amara Obi has taken a name."""
    with inside_of(northwind):
        factories.user(contoso, "Amara Obi", user_name="amara@contoso.example")
    site.sign_in(alice)
    site.open("/customers/contoso/users/add/")
    return site


def test_a_display_name_is_proposed_until_one_is_typed(form):
    page = form.page
    page.get_by_label("First name").fill("建国")
    page.get_by_label("Last name").fill("王")
    expect(page.get_by_label("Display name")).to_have_value("王建国")

    page.get_by_label("Display name").fill("J. Wang")
    page.get_by_label("Last name").fill("李")
    expect(page.get_by_label("Display name")).to_have_value("J. Wang")


def test_a_user_name_is_filled_in_until_one_is_typed(form):
    page = form.page
    field = page.get_by_label("User name")
    page.get_by_label("First name").fill("Amara")
    page.get_by_label("Last name").fill("Okafor")
    expect(field).to_have_value("amara.okafor")
    expect(page.locator("#name-said")).to_contain_text("amara.okafor@contoso.example is available.")
    form.check()
    page.get_by_label("Last name").fill("Nwosu")
    expect(field).to_have_value("amara.nwosu")

    field.fill("mara")
    expect(page.locator("#name-said")).to_contain_text("mara@contoso.example is available.")
    page.get_by_label("Last name").fill("Eze")

    expect(page.get_by_label("Display name")).to_have_value("Amara Eze")
    expect(page.locator("#name-said")).to_contain_text("mara@contoso.example is available.")
    expect(field).to_have_value("mara")
    # Who empties the field means to type another one.
    field.fill("")
    expect(page.get_by_role("button", name="Use amara.eze")).to_be_visible()
    expect(field).to_have_value("")


def test_a_name_is_checked_as_it_is_typed_and_a_suggestion_fills_it_in(form):
    page = form.page
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/name/" in request.url else 0)
    field = page.get_by_label("User name")
    page.get_by_label("First name").fill("Amara")
    page.get_by_label("Last name").fill("Okafor")
    expect(field).to_have_value("amara.okafor")
    field.select_text()
    field.press_sequentially("amara", delay=20)

    expect(page.locator("#name-said")).to_contain_text("Amara Obi already has")
    expect(field).to_have_attribute("aria-invalid", "true")
    form.check()
    page.get_by_role("button", name="Use amara.okafor", exact=True).click()

    expect(field).to_have_value("amara.okafor")
    expect(page.locator("#name-said")).to_contain_text("amara.okafor@contoso.example is available.")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    # Neither the token of the form nor anything else of it stands in an address.
    assert sent
    assert not any("token" in url or "csrf" in url or "location" in url for url in sent)


def test_two_users_are_added_one_after_another_and_handed_over(form, northwind):
    page = form.page
    page.get_by_label("First name").fill("Amara")
    page.get_by_label("Last name").fill("Okafor")
    page.get_by_label("User name").fill("amara.okafor")
    expect(page.locator("#name-said")).to_contain_text("amara.okafor@contoso.example is available.")
    form.main.get_by_text("Office E3").first.click()
    form.main.get_by_text("Service plans of Office E3").click()
    page.get_by_label("Meetings").uncheck()
    form.check()
    page.get_by_role("button", name="Add and add another").click()

    expect(page.locator("#notices")).to_contain_text("Amara Okafor was added.")
    expect(page.get_by_role("complementary", name="Added so far")).to_contain_text(
        "amara.okafor@contoso.example"
    )
    expect(page.get_by_role("checkbox", name="Office E3")).to_be_checked()
    form.check()
    page.get_by_label("Display name").fill("Bea")
    page.get_by_label("User name").fill("bea")
    page.get_by_label("User name").press("Enter")

    page.wait_for_url("**/batches/*/")
    with inside_of(northwind):
        assert CustomerUser.objects.count() == 3


def test_an_error_is_where_the_eye_and_the_keyboard_are(form):
    page = form.page
    page.get_by_label("First name").fill("Amara")
    page.get_by_label("User name").fill("amara")
    # What is said of the name moves what is below it, and with it what is being clicked.
    expect(page.locator("#name-said")).to_contain_text("Amara Obi already has")
    page.get_by_role("radio", name="Administrator").check()
    page.get_by_role("button", name="Add user", exact=True).click()

    expect(page).to_have_title("Error: Add user – Contoso – Partner Portal")
    expect(page.locator("#errors")).to_be_focused()
    expect(page.get_by_label("First name")).to_have_value("Amara")
    form.check()
    page.locator("#errors").get_by_role("link", name="Administrator permissions").click()
    expect(page.get_by_label("Global administrator")).to_be_focused()


def test_it_fits_a_phone(form):
    form.page.set_viewport_size({"width": 390, "height": 800})

    form.check()
