"""Sheets on paper: each user once, whole, on pages of eight."""

import io
import re
from collections import Counter
from itertools import cycle, islice, product

import pytest
from django.urls import reverse
from playwright.sync_api import expect
from pypdf import PdfReader

from batches.models import Batch, Line
from handover.operations.mail import mail_sheet
from tests import factories
from tests.browser.conftest import inside_of
from tests.handover.handing_over import add, secret_of, user_of
from users import passwords

PRINTS = [("A4", "default"), ("Letter", "default"), ("A4", "none"), ("Letter", "none")]
# What a member chooses in the print dialog. "None" leaves the margins of the style sheet out.
MARGINS = {
    "default": "",
    "none": "@page, @page confidential, @page confidential-zh { margin: 0 !important }",
}
# As a member's choice does, it passes the Content-Security-Policy.
SET_STYLE = """
    text => {
        const style = new CSSStyleSheet();
        style.replaceSync(text);
        document.adoptedStyleSheets = [style];
    }
"""
NAMES = [
    "Ann Lee",
    "Maximiliane-Alexandra von Hohenstein-Wittgenstein zu Sayn-Berleburg",
    "王建国",
    "阿卜杜热西提·买买提艾力·吐尔逊江·阿不都克里木·买买提明",
    "Rosalinda María Guadalupe de los Ángeles Fernández-Etcheverry y Montalvo-Arrizabalaga"
    " de la Santísima Trinidad del Norte",
    "W" * 120,
    "国" * 120,
]
LOCALS = [
    "a",
    "ann.lee",
    "maximiliane-alexandra.von-hohenstein-wittgenstein",
    "w" * 60,
    "rosalinda-maria-guadalupe.fernandez-etcheverry-y-montalvo-ar",
]
DOMAINS = [
    "contoso.example",
    "sunrise-clinics.example",
    "administration.north-western-hospital-group.contoso.example",
    "a-department-with-a-name-of-the-greatest-length-that-a-part-has.contoso-international.example",
]
DEPARTMENTS = [
    "Sales",
    "销售部",
    "",
    "Department of Administration and Finance of the North-Western Hospital Group",
]
LICENSES = [
    "Office E3",
    "Microsoft 365 Business Standard",
    "A product whose name is as long as one hundred and twenty letters allow, and which nobody can say in a single breath",
    "协作办公套件专业版",
    "Visio Plan 2",
    "Project Plan 5",
]


def make(customer, by, number) -> Batch:
    """A batch of so many users, whose names, licenses and languages are as awkward as may be."""
    own = [factories.subscription(customer, name, seats=9) for name in LICENSES]
    batch = add(customer, by, *(f"user-{place}" for place in range(1, number + 1)))
    many = zip(cycle(NAMES), cycle(LOCALS), cycle(DOMAINS), cycle(range(7)), strict=False)
    for place, (name, local, domain, licenses) in enumerate(islice(many, number), 1):
        user = user_of(batch, place)
        user.display_name = name
        user.user_name = f"{local}{place:04}@{domain}"
        user.language = "zh-hans" if place % 2 else "en"
        user.department = DEPARTMENTS[place % 4]
        user.save(update_fields=["display_name", "user_name", "language", "department"])
        Line.objects.filter(batch=batch, number=place).update(
            result={"assigned": [str(one.pk) for one in own[:licenses]]}
        )
    return batch


def names_of(batch) -> dict[str, str]:
    """The passwords of the batch and their user names."""
    return {
        secret_of(batch, number): user_of(batch, number).user_name
        for number in batch.lines.values_list("number", flat=True)
    }


def go_to_paper(site, batch, layout):
    """Open the page that is printed, and wait for all of its rows."""
    site.open(f"/customers/contoso/batches/{batch.pk}/")
    site.page.locator(f"[name=layout][value={layout}]").first.click()
    expect(site.page.locator("article.paper")).to_be_visible()
    site.page.wait_for_load_state()


def print_page(page, paper, margins="default", *, header=False) -> list[str]:
    """Print the page, and give what can be read on each sheet of paper."""
    page.evaluate(SET_STYLE, MARGINS[margins])
    pdf = page.pdf(prefer_css_page_size=True, format=paper, display_header_footer=header)
    return [sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages]


def check_paper(pages, secrets) -> None:
    """Each password is there once, in a piece, and each user name too, but for a break at its @."""
    lines = [line.strip() for page in pages for line in page.split("\n")]
    found = Counter(word for line in lines for word in line.split() if word in secrets)
    assert found == Counter(secrets.keys())
    text = "\n".join(lines)
    for name in secrets.values():
        whole = re.escape(name).replace("@", "\n?@")
        if len(name.partition("@")[2]) > 75:
            # No paper is that wide.
            whole = whole.replace(r"\.", r"\n?\.")
        assert len(re.findall(rf"(?<![a-z0-9.-]){whole}(?![a-z0-9])", text)) == 1, name
    assert f"{len(secrets)} of {len(secrets)}" in pages[-1]
    for page in pages:
        assert any(secret in page for secret in secrets), "an empty page"


# What of passwords, user names and codes is not all inside of its slip or cell, or wraps.
OUTSIDE = """
    () => [...document.querySelectorAll(".pw, .user-name > span, .slip .qr, .slip p:not(.slip-from)")]
        .filter(it => {
            const inner = it.getBoundingClientRect();
            const outer = it.closest(".slip, td").getBoundingClientRect();
            return inner.left < outer.left || inner.right > outer.right
                || inner.top < outer.top || inner.bottom > outer.bottom
                || (it.matches(".pw, .user-name > span") && it.getClientRects().length > 1);
        })
        .map(it => it.outerHTML)
"""


@pytest.fixture
def awkward(contoso, alice, northwind):
    """A batch of so many awkward users, in the language of their customer, with their passwords."""

    def make_batch(number, language="en"):
        with inside_of(northwind):
            contoso.language = language
            contoso.help_desk = "+49 30 1234567, help@it.contoso.example"
            contoso.save(update_fields=["language", "help_desk"])
            batch = make(contoso, alice, number)
            return batch, names_of(batch)

    return make_batch


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_user_is_on_paper_once_and_whole(site, transactional_db, awkward, alice, language):
    batch, secrets = awkward(298, language)
    site.sign_in(alice)

    for layout in ("slips", "list"):
        go_to_paper(site, batch, layout)
        for paper, margins in PRINTS:
            pages = print_page(site.page, paper, margins)

            check_paper(pages, secrets)
            assert layout == "list" or len(pages) == 38


@pytest.mark.parametrize("number", [1, 8, 9, 16, 17])
def test_slips_fill_pages_of_eight(site, transactional_db, awkward, alice, number):
    batch, secrets = awkward(number)
    site.sign_in(alice)
    go_to_paper(site, batch, "slips")

    pages = print_page(site.page, "A4", header=True)

    check_paper(pages, secrets)
    assert len(pages) == -(-number // 8)


def test_a_sheet_that_a_link_opens_is_whole_on_paper(
    site, transactional_db, awkward, alice, northwind, browser
):
    batch, secrets = awkward(17)
    with inside_of(northwind):
        mail_sheet(batch=batch, to="ann@home.example", language="en", by=alice)
        token = passwords.link_token(batch.handovers.get().pk)
    site.open(reverse("handover:link", args=[token]))
    site.page.get_by_role("main").get_by_role("button").click()
    expect(site.page.locator("article.paper")).to_be_visible()
    site.page.wait_for_load_state()

    pages = print_page(site.page, "Letter")

    check_paper(pages, secrets)
    assert len(pages) == 3


def test_what_a_slip_may_not_lose_stands_inside_it(site, transactional_db, awkward, alice):
    """Nothing that is cut off is still in the text of the PDF, so where it stands is measured."""
    batch, _secrets = awkward(70, "zh-hans")
    site.sign_in(alice)
    site.page.emulate_media(media="print")
    for width, layout in product((182, 188), ("slips", "list")):
        site.page.set_viewport_size({"width": width * 96 // 25, "height": 900})
        go_to_paper(site, batch, layout)

        assert site.page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("layout", ["slips", "list"])
def test_each_department_begins_on_a_new_page(site, transactional_db, awkward, alice, layout):
    batch, secrets = awkward(70)
    site.sign_in(alice)
    go_to_paper(site, batch, layout)
    site.page.get_by_role("button", name="Group by department").click()
    expect(site.page.get_by_role("button", name="Don’t group")).to_be_visible()
    site.page.wait_for_load_state()
    site.check()

    pages = print_page(site.page, "A4")

    check_paper(pages, secrets)
    department = {
        secret: DEPARTMENTS[int(name.partition("@")[0][-4:]) % 4]
        for secret, name in secrets.items()
    }
    found = [{department[word] for word in page.split() if word in department} for page in pages]
    assert all(len(some) == 1 for some in found)
    # By name, Chinese ones by their spelling; users without one come last.
    sales, chinese, none, long = DEPARTMENTS
    assert list(dict.fromkeys(some.pop() for some in found)) == [long, sales, chinese, none]


def test_slips_say_where_to_ask(site, transactional_db, awkward, alice):
    batch, _secrets = awkward(9)
    site.sign_in(alice)

    for layout, number in (("slips", 9), ("list", 1)):
        go_to_paper(site, batch, layout)
        text = "".join(print_page(site.page, "A4"))
        assert text.count("+49 30 1234567, help@it.contoso.example") == number
        assert text.count("Northwind Cloud") == number
