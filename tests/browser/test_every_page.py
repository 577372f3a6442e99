"""Every page of the portal in every look: nobody is shut out, nothing sticks out, no complaint."""

from collections.abc import Iterator
from pprint import pformat
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page, expect

from batches.models import Batch
from customers.models import Customer
from demo import catalog, seed
from handover.models import Handover
from handover.operations.mail import mail_users
from imports.models import Upload
from imports.operations.selection import select_named
from imports.operations.split import receive_multi_upload
from licensing.models import Product, Subscription
from partners.models import Member, Partner
from tests import factories
from tests.architecture import walk
from tests.browser.conftest import findings, inside_of, too_wide
from tests.handover.handing_over import add
from tests.workers import split_file
from users import passwords
from users.acts.add import finish_set
from users.models import CustomerUser, Selection
from users.rules.named import read_lines

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
# The narrowest window in which a page must not scroll sideways (WCAG 1.4.10).
NARROWEST = {"width": 320, "height": 640}
SLUG = "jiangnan-design"
OF_COLOR = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


@pytest.fixture
def demo(transactional_db):
    """The demo with few users, and a batch whose passwords can be opened."""
    seed.seed_demo(max_users=12)
    partner = Partner.objects.get(slug=catalog.PARTNER[0])
    with inside_of(partner):
        customer = Customer.objects.get(slug=SLUG)
        mira = Member.objects.get(email=catalog.MEMBERS[0].email)
        # Long and foreign names are what makes a page too wide.
        factories.user(customer, "Wolfeschlegelsteinhausenbergerdorff " * 2)
        batch = add(customer, mira, "ann", "wang", display_name="王建国")
        finish_set(batch=batch, by=mira)
        mail_users(batch=batch, kind=Handover.Kind.USER_LINK, by=mira)
        rows = f"Customer,User name,Display name\n{customer.name},zoe,Zoe\nNobody,bo,Bo\n"
        upload = receive_multi_upload(
            name="all.csv", parts=[rows.encode()], options={"mode": "good"}, by=mira
        )
        split_file(upload_id=upload.pk)
        entries = list(read_lines("Wolfeschlegelsteinhausenbergerdorff " * 4 + "\nann\n王建国"))
        select_named(customer=customer, entries=entries, by=mira)
    return partner


# What comes after the page: it can be used meanwhile, so that a click may find no answer.
LATE = """
window.late = [];
document.addEventListener("load", ({target}) => {
    if (target.localName !== "script" || document.readyState === "loading") return;
    late.push(target.src.split("/").pop());
}, true);
"""
MAY_BE_LATE = {"htmx.min.js", "combobox.js", "live.js"}


class Walk:
    """A walk through the portal, by day and by night, which takes down what is wrong."""

    def __init__(self, site, size: dict):
        """Look at the portal through a window of this size."""
        self.page: Page = site.page
        self.url = site.url
        self.problems = site.problems
        self.wrong: list = []
        self.size = size
        self.late: set[str] = set()
        self.page.set_viewport_size(size)
        self.page.add_init_script(LATE)

    def sign_in(self, member: Member) -> None:
        """Be the member from now on."""
        client = Client()
        client.force_login(member)
        self.page.context.clear_cookies()
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
        self.page.context.add_cookies(
            [{"name": cookie.key, "value": cookie.value, "url": self.url}]
        )

    def look(self, name: str, *, is_covered: bool = False) -> None:
        """
        Look at the page as it stands; by night only the colors are others, and nothing but its
        width on the smallest phone.

        What lies over a page leaves slivers of things under it, which are no targets then.
        """
        self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        found = findings(self.page)
        found = [one for one in found if not is_covered or one[0] != "target-size"]
        self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += [("dark", *one) for one in findings(self.page, OF_COLOR)]
        if self.size == SIZES["phone"]:
            self.page.set_viewport_size(NARROWEST)
            found += too_wide(self.page)
            self.page.set_viewport_size(self.size)
        self.late.update(self.page.evaluate("late"))
        found += [text for text in self.problems if "Failed to load resource" not in text]
        self.problems.clear()
        if found:
            self.wrong.append((name, found))

    def open(self, path: str, status: int = 200) -> None:
        """Open the page and look at it."""
        answer = self.page.goto(self.url + path)
        assert answer.status == status, (path, answer.status)
        self.look(f"{status} {path}")

    def send(self, path: str, button: str = "main form button.primary") -> None:
        """Send the form of the page as it is, and look at what it says."""
        self.page.goto(self.url + path)
        with self.page.expect_response(lambda response: response.request.method == "POST") as sent:
            self.page.locator(button).first.click()
        self.page.wait_for_load_state()
        self.look(f"{sent.value.status} POST {path} {button}")


def values_of(batch: Batch) -> dict:
    """What the names in the addresses stand for, at the customer of this batch."""
    customer = batch.customer
    user = customer.users.filter(deleted_at=None).order_by("sort_key").first()
    return {
        "slug": customer.slug,
        "batch_id": batch.pk,
        "user_id": user.pk,
        "subscription_id": getattr(Subscription.objects.filter(customer=customer).first(), "pk", 0),
        "product_id": Product.objects.first().pk,
        "member_id": Member.objects.get(email=catalog.MEMBERS[2].email).pk,
        "domain_id": customer.domains.first().pk,
        "invitation_id": uuid4(),
        "upload_id": Upload.objects.get(batch=None).pk,
        "selection_id": Selection.objects.get().pk,
        "number": 1,
        "token": "nothing",
        "language": "en",
        "kind": "csv",
        "pk": 0,
        "uidb36": "0",
        "key": "nothing",
    }


def addresses() -> list[str]:
    """Every address that exists: that of a batch for each kind and state of batches."""
    batches = {}
    for batch in Batch.objects.select_related("customer").order_by("pk"):
        batches[batch.kind, batch.state, batch.has_secrets] = batch
    of_slug = Batch.objects.filter(customer__slug=SLUG).order_by("pk").last()
    deleted = CustomerUser.objects.exclude(deleted_at=None).select_related("customer").first()
    found = [
        f"/customers/{deleted.customer.slug}/users/{deleted.pk}/",
        f"/customers/{deleted.customer.slug}/users/?tab=deleted",
        f"/customers/{SLUG}/users/?q=zzzz",
        f"/customers/{SLUG}/users/?status=blocked&sort=-added",
        "/batches/?q=csv&kind=import&show=done",
        "/batches/?q=zzzz",
        "/batches/?kind=zzzz",
        "/customers/?q=zzzz",
        "/search/?q=wang",
    ]
    for door in walk.doors():
        is_batch = door.route.endswith("<uuid:batch_id>/")
        for batch in batches.values() if is_batch else [of_slug]:
            found.append(door.url(values_of(batch)))
        if "batch_id" in door.names:
            found.append(door.url(values_of(batches["import", "planned", False])))
    return list(dict.fromkeys(found))


def pages(member: Member, paths: list[str]) -> Iterator[str]:
    """Those of the addresses that answer a GET with a page."""
    client = Client()
    client.force_login(member)
    for path in paths:
        answer = client.get(path)
        assert answer.status_code < 500, path
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        if answer.status_code == 200 and is_page and b"<html" in answer.content:
            yield path


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_every_page_can_be_used_by_everybody_by_day_and_by_night(site, demo, size):
    tour = Walk(site, size)
    page = tour.page
    with inside_of(demo):
        member = Member.objects.get(email=catalog.MEMBERS[0].email)
        reader = Member.objects.get(role="reader")
        batch = Batch.objects.exclude(sheet_key="").get(customer__slug=SLUG, kind="add")
        found = addresses()
        token = passwords.link_token(Handover.objects.first().pk)
        person = CustomerUser.objects.filter(
            password_state="chosen", is_blocked=False, deleted_at=None
        ).first()
    at = f"/customers/{SLUG}"

    # Before one is known.
    tour.open("/accounts/login/")
    tour.send("/accounts/login/")
    tour.open("/link/nothing/", 410)
    tour.open(f"/link/{token}/")
    page.locator("main button").click()
    expect(page.locator("#password")).to_be_visible()
    tour.look("200 POST /link/")

    tour.sign_in(member)
    paths = list(pages(member, found))
    assert len(paths) > 30
    for path in paths:
        tour.open(path)
    tour.open("/customers/nobody/", 404)
    for path in (f"{at}/users/add/", f"{at}/users/import/", "/customers/add/"):
        tour.send(path, ".actionbar button.primary")

    # Passwords, and what lies over a page.
    for button in ("#handover > footer button.primary", "[value=slips]", "[value=list]"):
        tour.send(f"{at}/batches/{batch.pk}/", button)
    page.goto(f"{tour.url}{at}/batches/{batch.pk}/")
    page.locator("[data-dialog='#handed-over']").click()
    tour.look("the question before handing over")
    page.goto(f"{tour.url}{at}/users/")
    for box in page.locator("[data-select-row]").all()[:3]:
        box.check()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    tour.look("chosen users", is_covered=True)
    page.keyboard.press("Control+k")
    tour.look("palette", is_covered=True)
    page.keyboard.press("Escape")
    page.locator("[popovertarget=more-filters]").click()
    tour.look("more filters", is_covered=True)

    tour.sign_in(reader)
    tour.open(f"{at}/users/add/", 403)

    page.context.clear_cookies()
    tour.open("/my/sign-in/")
    tour.send("/my/sign-in/")
    page.locator("[name=user_name]").fill(person.user_name)
    page.locator("[name=password]").fill(catalog.PASSWORD)
    page.locator("main form button.primary").click()
    expect(page.locator("#licenses-title")).to_be_visible()
    tour.look("/my/")
    tour.open("/my/password/")
    tour.send("/my/password/")

    assert not tour.wrong, pformat(tour.wrong, width=180)
    assert tour.late == MAY_BE_LATE
