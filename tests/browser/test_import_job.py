"""From a spreadsheet to a person who signs in with the password of the sheet."""

import os

import pytest
from playwright.sync_api import expect

from batches.models import Batch, Job
from tests.browser import steps
from tests.browser.conftest import inside_of
from tests.imports.samples import repack, workbook
from tests.users.test_files_of_others import FILES
from users.models import CustomerUser

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = ["User name", "First name", "Last name", "Display name", "Licenses", "Usage location"]
# By user name; all the others are called Person 1, Person 2 ...
NAMES = {
    "wang.xiaoming": ("小明", "王", "王小明"),
    "fatima": ("فاطمة", "الزهراء", "فاطمة الزهراء"),
    "zoe": ("Zoë", "Ångström-Núñez", "Zoë Ångström-Núñez"),
    "olga": ("Ольга", "Щербакова", "Ольга Щербакова"),
    "obrien": ("Siobhán", "O'Brien", "Siobhán O'Brien"),
}
PEOPLE = NAMES | {f"person{n}": ("Person", str(n), f"Person {n}") for n in range(1, 56)}
# What is wrong with each, and in which line of the file it stands.
BAD = [
    ["two words", "Two", "Words", "Two Words", "", "US"],
    ["elsewhere@rival.example", "Else", "Where", "Else Where", "", "US"],
    ["", "No", "Name", "No Name", "", "US"],
    ["zoe", "Zoe", "Again", "Zoe Again", "", "US"],
    ["nosuch", "No", "Such", "No Such", "Office E99", "US"],
    ["nowhere", "No", "Where", "No Where", "", "Atlantis"],
]


@pytest.fixture
def start(site, worker, alice, contoso, office):
    """The page that imports, opened by alice; the worker runs."""
    site.sign_in(alice)
    steps.go_to_users(site.page, "contoso")
    site.page.locator(".page-head a[href$='/users/import/']").click()
    return site.page


def checked(page) -> None:
    """Wait until the file has been checked, one way or the other."""
    expect(page.locator("#batch progress")).to_have_count(0)


def imported(page) -> dict[str, str]:
    """Start the import, wait for its end and open the sheet; gives passwords by user name."""
    page.locator("button[form=start]").click()
    expect(page.locator("#handover > footer")).to_be_visible()
    return steps.show_passwords(page)


def test_people_from_a_spreadsheet_sign_in_with_the_password_of_the_sheet(site, start, northwind):
    page = start
    good = [
        [name, *person, "Office E3" if name == "fatima" else "", "US"]
        for name, person in PEOPLE.items()
    ]
    site.check()
    steps.upload(page, "people.xlsx", workbook([HEADER, *good, *BAD]))
    checked(page)
    site.check()

    # Every line that is wrong is named, with a sentence; none of the others is.
    page.locator(".tabs a[hx-get*='show=errors']").click()
    wrong = page.locator("#lines tbody tr")
    expect(wrong).to_have_count(len(BAD))
    first = len(PEOPLE) + 2
    assert wrong.locator("td.num").all_text_contents() == [
        str(line) for line in range(first, first + len(BAD))
    ]
    assert all(row.locator(".msg").count() for row in wrong.all())
    site.check()
    with inside_of(northwind):
        assert CustomerUser.objects.count() == 0

    secrets = imported(page)
    with inside_of(northwind):
        # More than 50 are the worker's, piece by piece.
        assert set(Job.objects.values_list("state", flat=True)) == {"done"}
        found = dict(CustomerUser.objects.values_list("user_name", "display_name"))
    assert found == {f"{name}@contoso.example": person[2] for name, person in PEOPLE.items()}
    assert set(secrets) == set(found)
    for _first, _last, display_name in NAMES.values():
        expect(page.locator("#sheet")).to_contain_text(display_name)
    site.check()

    with site.another_browser() as theirs:
        fatima = "fatima@contoso.example"
        steps.sign_in_at_my(theirs, site.url, fatima, secrets[fatima])
        steps.choose_password(theirs)
        expect(theirs.locator("main")).to_contain_text("فاطمة الزهراء")
        expect(theirs.locator("main")).to_contain_text("Office E3")
        steps.sign_out_of_my(theirs)
        steps.sign_in_at_my(theirs, site.url, fatima, secrets[fatima])
        expect(theirs.locator("#errors")).to_be_focused()
        steps.sign_in_at_my(theirs, site.url, fatima, steps.OWN_PASSWORD)
        expect(theirs.locator("#licenses-title")).to_be_visible()


def test_the_templates_are_imported_as_they_are(site, start, northwind, tmp_path):
    page = start
    for name, people in [
        ("en.csv", {"Amy Parker", "David Chen"}),
        ("zh-hans.xlsx", {"王建国", "李小红"}),
    ]:
        site.open("/customers/contoso/users/import/")
        with page.expect_download() as download:
            page.locator(f"a[href$='/template/{name}']").click()
        download.value.save_as(tmp_path / name)
        steps.upload(page, name, (tmp_path / name).read_bytes())
        checked(page)

        assert len(imported(page)) == 2
        with inside_of(northwind):
            assert people <= set(CustomerUser.objects.values_list("display_name", flat=True))


def bomb() -> bytes:
    """A workbook of a megabyte that unpacks to hundreds."""
    return repack(
        workbook([HEADER]),
        lambda name, content: b" " * 300_000_000 if name.endswith("sheet1.xml") else content,
    )


def test_hostile_files_are_refused_with_a_sentence(site, start, northwind):
    page = start
    files = [
        ("garbage.xlsx", os.urandom(20_000)),
        ("garbage.csv", b"\x00\x01\x02\xff\xfe" * 4_000),
        ("bomb.xlsx", bomb()),
    ]
    for number, (name, content) in enumerate(files, 1):
        site.open("/customers/contoso/users/import/")
        steps.upload(page, name, content)
        checked(page)

        said = page.locator("#batch .callout[data-tone=bad]")
        expect(said).to_be_visible()
        assert len(said.text_content().split()) > 8, said.text_content()
        with inside_of(northwind):
            assert Batch.objects.filter(state=Batch.State.REFUSED).count() == number
            assert CustomerUser.objects.count() == 0
    site.check()


# Of the second file, one user comes in blocked, which is said.
@pytest.mark.parametrize(("name", "ready"), [("microsoft_365", 3), ("entra", 2)])
def test_the_file_of_another_system_is_uploaded_as_it_is(site, start, northwind, name, ready):
    page = start
    steps.upload(page, "users.csv", FILES[name].encode())
    checked(page)
    expect(page.locator("#lines tbody .status[data-tone=ok]")).to_have_count(ready)
    site.check()

    secrets = imported(page)

    assert "jianguo.wang@contoso.example" in secrets
    with inside_of(northwind):
        names = CustomerUser.objects.values_list("display_name", flat=True)
        assert set(names) == {"Amy Parker", "王建国", "Bob"}
