import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import inside_of
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = """User name,Display name,Licenses,Usage location,Department,Password
amy,Amy Parker,Office E3,US,Sales,secret
bo b,Bob Stone,Office E3,US,Sales,
wang,王建国,Office E3,CN,Sales,
dora@elsewhere.example,Dora,Office E3,US,,
,Eve Young,Office E9,US,,
frank,Frank,Office E3,US,,
"""


@pytest.fixture
def start(site, northwind, alice, contoso, office):
    """The page that imports a file, opened by alice."""
    with inside_of(northwind):
        factories.user(contoso, "Frank Old", user_name="frank@contoso.example")
    site.sign_in(alice)
    site.open("/customers/contoso/users/import/")
    return site


def choose(page, text, name="people.csv"):
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    )


def test_a_file_goes_from_upload_to_the_result(start, worker, shoot, northwind):
    page = start.page
    start.check()
    choose(page, PEOPLE)
    expect(page.locator("[data-drop-name]")).to_have_text("people.csv")
    shoot("import-1-upload")
    page.get_by_role("button", name="Upload and check").click()

    expect(page.get_by_role("heading", name="How the file was read")).to_be_visible()
    start.check()
    shoot("import-2-plan")
    page.get_by_role("link", name="Errors 4").click()
    expect(start.main.get_by_text("amy@contoso.example")).to_have_count(0)
    expect(start.main.get_by_text("Frank Old already has this user name")).to_be_visible()

    page.get_by_role("button", name="Import 2 users").click()
    expect(page.get_by_role("heading", name="2 users added", level=1)).to_be_visible()
    start.check()
    shoot("import-3-result")
    with inside_of(northwind):
        assert CustomerUser.objects.count() == 3

    page.set_viewport_size({"width": 390, "height": 844})
    start.check()
    shoot("import-4-phone")


def test_a_large_import_shows_its_progress_until_it_is_done(start, worker, shoot):
    page = start.page
    choose(page, "User name,Display name\n" + "".join(f"u{n},U {n}\n" for n in range(4_000)))
    page.get_by_role("button", name="Upload and check").click()

    page.get_by_role("button", name="Import 4,000 users").click()
    expect(start.main.get_by_text("You can leave this page.")).to_be_visible()
    shoot("import-5-running")
    start.check()
    heading = page.get_by_role("heading", name="4,000 users added", level=1)
    expect(heading).to_be_visible()
    shoot("import-6-done")


def test_a_file_that_cannot_be_read_is_read_differently(start, worker, shoot):
    page = start.page
    choose(page, 'User name,Display name\n"amy,Amy\n')
    page.get_by_role("button", name="Upload and check").click()

    expect(start.main.get_by_text("The file cannot be read.")).to_be_visible()
    start.check()
    shoot("import-7-refused")
    page.get_by_role("link", name="Change how the file is read").click()
    start.check()
    shoot("import-8-settings")
    start.open("/batches/")
    start.check()
    shoot("import-9-batches")
