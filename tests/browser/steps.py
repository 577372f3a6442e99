"""
What people do at the portal, as steps that read the same in every language of its pages.

Things are found by their names, addresses and roles, never by their English texts.
"""

import io
import re
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests import PATIENCE

OWN_PASSWORD = "purple harbor lantern seventy"


def wait_until(find: Callable[[], object]):
    """Ask until there is something, and give it: for what is not on the page, or not without a reload."""
    end = time.monotonic() + PATIENCE
    while not (found := find()):
        assert time.monotonic() < end, f"nothing after {PATIENCE} s"
        time.sleep(0.1)
    return found


def go_to_users(page: Page, slug: str) -> None:
    """Walk from wherever one is over the customers to the list of one customer's users."""
    follow(page, "/customers/")
    page.locator(f"#customers td.main a[href='/customers/{slug}/']").click()
    expect(page).to_have_url(re.compile(f"/customers/{slug}/$"))
    follow(page, f"/customers/{slug}/users/")
    expect(page.locator("#users")).to_be_visible()
    page.wait_for_load_state()


def follow(page: Page, address: str) -> None:
    """Follow a link of the navigation, out of its drawer where it is in one."""
    drawer = page.locator("[popovertarget=side]")
    if drawer.is_visible():
        drawer.click()
    page.locator(f"nav#side a[href='{address}']").click()


def open_form_to_add(page: Page) -> None:
    """Go from the list of users to the form that adds one."""
    page.locator(".page-head a[href$='/users/add/']").click()
    expect(page.locator("[name=user_name]")).to_be_visible()
    page.wait_for_load_state()


def fill_in(page: Page, **fields: str) -> None:
    """Fill in fields of the form by their names; a select takes one of its values."""
    for name, value in fields.items():
        if name == "location":
            choose_location(page, value)
            continue
        field = page.locator(f"form [name={name}]").locator("visible=true")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def choose_location(page: Page, code: str) -> None:
    """Choose a country by its code."""
    page.locator("#id_location").fill(code)
    page.locator("#id_location").press("Enter")
    expect(page.locator("[name=location]")).to_have_value(code)


def make_administrator(page: Page, permission: str) -> None:
    """Give the user that is being added a permission."""
    page.locator("[name=kind][value=administrator]").check()
    page.locator(f"[name=permissions][value={permission}]").check()


def give_license(page: Page, subscription, disabled_plans: tuple = ()) -> None:
    """Choose a license, and switch some of its service plans off."""
    page.locator(f"[name=products][value='{subscription.pk}']").check()
    if disabled_plans:
        page.locator("details.choice-more > summary").first.click()
    for plan in disabled_plans:
        page.locator(f"[name=plans][value='{plan.pk}']").uncheck()


def open_note(page: Page) -> None:
    """Unfold the reason and the ticket of a plan."""
    page.locator("#start details.folded > summary").click()


def add(page: Page, *, more: bool = False) -> None:
    """Add the user; with `more` the form comes again for another one."""
    page.locator(f"[name=do][value={'more' if more else 'add'}]").click()
    if not more:
        expect(page).to_have_url(re.compile("/batches/[0-9a-f-]+/$"))


def show_passwords(page: Page) -> dict[str, str]:
    """Open the sheet from the page of the batch; gives the password by user name."""
    page.locator("#handover > footer button.primary").click()
    return passwords_on(page)


def passwords_on(page: Page) -> dict[str, str]:
    """The passwords by user name, as they stand on the page of the sheet."""
    expect(page.locator("#sheet tbody tr").first).to_be_visible()
    # A sheet comes row by row.
    page.wait_for_load_state()
    return {
        row.locator("td.main small").text_content(): row.locator("[data-secret]").get_attribute(
            "data-secret"
        )
        for row in page.locator("#sheet tbody tr").filter(has=page.locator("[data-secret]")).all()
    }


def print_sheet(page: Page, layout: str) -> str:
    """Open the sheet as slips or list, print it, and give what can be read on the paper."""
    page.locator(f"[name=layout][value={layout}]").first.click()
    expect(page.locator("article.paper")).to_be_visible()
    # The rows come after the heading.
    page.wait_for_load_state()
    paper = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    return unspaced("".join(sheet.extract_text() for sheet in paper.pages))


def unspaced(text: str) -> str:
    """The text as one compares it with what a PDF holds: breaks and forms of signs don't count."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def wait_for_links(outbox: Path, number: int) -> dict[str, str]:
    """Wait until that number of mails with a link lie in the folder; gives the link by address."""

    def links():
        letters = "".join(
            path.read_text(errors="replace") for path in sorted(outbox.iterdir())
        ).split("-" * 79)
        found = {
            re.search(r"^To: (\S+)", letter, re.M)[1]: re.search(r"http://\S+/link/\S+/", letter)[0]
            for letter in letters
            # The worker may be writing the last one.
            if re.search(r"/link/\S+/\s", letter)
        }
        return found if len(found) >= number else None

    return wait_until(links)


def hand_over(page: Page) -> None:
    """Say that the passwords have been handed over."""
    page.locator("[data-dialog='#handed-over']").click()
    page.locator("#handed-over .danger-solid").click()
    expect(page.locator("#handover > footer")).to_have_count(0)


def sign_in_at_my(page: Page, url: str, user_name: str, password: str) -> None:
    """Try to sign in where users do."""
    page.goto(f"{url}/my/")
    fill_in(page, user_name=user_name, password=password)
    page.locator("main form button.primary").click()


def choose_password(page: Page, password: str = OWN_PASSWORD) -> None:
    """Choose the first password of one's own, which the page insists on."""
    expect(page).to_have_url(re.compile("/my/password/$"))
    fill_in(page, password=password, again=password)
    page.locator("main form button.primary").click()
    expect(page.locator("#licenses-title")).to_be_visible()


def sign_out_of_my(page: Page) -> None:
    """Sign out where users do."""
    page.locator("form[action='/my/sign-out/'] button").click()
    expect(page).to_have_url(re.compile("/my/sign-in/"))


def upload(page: Page, name: str, content: bytes) -> None:
    """Upload a file of people on the page that imports."""
    page.locator("[name=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    page.locator(".actionbar button.primary").click()
