"""
Pictures of every page of the demo, under .local/screens/: `make screens`.

Wide and narrow, light and dark, English and Chinese; the sheets as they are printed. With
arguments only the pages whose name contains one of them: `make screens ARGS="users sheet"`.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

from tests import PATIENCE
from tools.browser import ARGUMENTS

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".local" / "screens"
MANAGE = [sys.executable, "manage.py"]

# The demo's customer with the most users.
SCHOOLS = "brightwater-schools"

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}
TALLEST = 2000

# name of the picture, size, color scheme, language
LOOKS = [
    ("wide-light", WIDE, "light", "en"),
    ("wide-dark", WIDE, "dark", "en"),
    ("phone-light", NARROW, "light", "en"),
    ("phone-dark", NARROW, "dark", "en"),
    ("wide-chinese", WIDE, "light", "zh-CN"),
    ("phone-chinese", NARROW, "light", "zh-CN"),
]


@contextmanager
def portal() -> Iterator[str]:
    """Fill the database with the demo, and serve it; gives the address."""
    environment = os.environ | {"LOCAL_DEMO": "1"}
    for command in (["migrate", "--database", "owner", "--verbosity=0"], ["seed_demo"]):
        subprocess.run([*MANAGE, *command], cwd=ROOT, env=environment, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "portal.web"],
        cwd=ROOT,
        env=environment | {"BASE_URL": url, "PORT": str(port)},
    )
    try:
        wait_for(f"{url}/readyz")
        yield url
    finally:
        server.terminate()
        server.wait()


def wait_for(url: str) -> None:
    """Return when the server answers; it may not listen yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=PATIENCE)
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def addresses() -> dict[str, str]:
    """The pages by the name of their picture, as the demo's owner finds them."""
    from django.db import transaction

    from batches.models import Batch
    from demo import catalog
    from licensing.models import Subscription
    from partners import tenancy
    from partners.models import Partner
    from users.models import CustomerUser

    partner = Partner.objects.get(slug=catalog.PARTNER[0])
    with tenancy.tenant(partner.pk), transaction.atomic():
        at = f"/customers/{SCHOOLS}"
        found = {
            "dashboard": "/",
            "customers": "/customers/",
            "search": "/search/?q=wang",
            "profile": "/profile/",
            "profile-address": "/profile/address/",
            "second-factor": "/accounts/2fa/",
            "batches": "/batches/",
            "batches-filtered": "/batches/?q=people&kind=import&customer=brightwater-schools",
            "batches-none": "/batches/?q=zzzz&show=done",
            "activity": "/activity/",
            "activity-none": "/activity/?q=zzzz",
            "staff": "/members/",
            "staff-roles": "/members/roles/",
            "staff-invite": "/members/invite/",
            "not-found": "/customers/nobody/",
            "customer": f"{at}/",
            "users": f"{at}/users/",
            "users-filtered": f"{at}/users/?q=王",
            "users-none": f"{at}/users/?q=zzzz",
            "users-deleted": f"{at}/users/?tab=deleted",
            "add-user": f"{at}/users/add/",
            "import": f"{at}/users/import/",
            "import-many": "/import/",
            "paste": f"{at}/users/import/paste/",
            "select": f"{at}/users/select/",
            "customer-batches": f"{at}/batches/",
            "customer-activity": f"{at}/activity/",
            "add-customer": "/customers/add/",
            "settings": f"{at}/settings/",
            "edit-details": f"{at}/settings/details/",
            "change-policies": f"{at}/settings/policies/",
            "edit-notes": f"{at}/settings/notes/",
            "archive-customer": f"{at}/settings/archive/",
            "archived-customer": "/customers/wexford-print/settings/",
            "domains": f"{at}/domains/",
            "add-domain": f"{at}/domains/add/",
            "subscriptions": f"{at}/subscriptions/",
            "subscriptions-suspended": "/customers/severny-mayak/subscriptions/",
            "add-subscription": f"{at}/subscriptions/add/",
            "catalog": "/catalog/",
            "add-product": "/catalog/add/",
            "activity-deleting": "/activity/?group=deleting",
            "activity-clinics": "/customers/sunrise-clinics/activity/",
        }
        bought = Subscription.objects.filter(customer__slug=SCHOOLS).order_by("pk").first()
        found["change-subscription"] = f"{at}/subscriptions/{bought.pk}/"
        found["product"] = f"/catalog/{bought.product_id}/"
        found["edit-product"] = f"/catalog/{bought.product_id}/edit/"
        users = CustomerUser.objects.filter(customer__slug=SCHOOLS)
        found["user"] = f"{at}/users/{users.filter(deleted_at=None).first().pk}/"
        found["edit-user"] = f"{found['user']}edit/"
        found["user-deleted"] = f"{at}/users/{users.exclude(deleted_at=None).first().pk}/"
        colleague = partner.members.exclude(role="owner").first()
        found["staff-member"] = f"/members/{colleague.pk}/"
        found["staff-factor"] = f"/members/{colleague.pk}/factor/"
        found["staff-customers"] = f"/members/{colleague.pk}/customers/"
        former = partner.members.filter(is_active=False).first()
        found["staff-deactivated"] = f"/members/{former.pk}/"
        for batch in Batch.objects.select_related("customer").order_by("kind", "state", "pk"):
            lacks = batch.lines.filter(state__in=["partly", "failed"]).exists()
            name = f"batch-{batch.kind}-{batch.state}{'-in-part' if lacks else ''}"
            found.setdefault(name, f"/customers/{batch.customer.slug}/batches/{batch.pk}/")
            if batch.has_secrets:
                found.setdefault("mail-sheet", f"{found[name]}sheet/mail/")
        listed = Batch.objects.select_related("customer").get(source_name="staff-2026.csv")
        found["import-list"] = f"/customers/{listed.customer.slug}/batches/{listed.pk}/"
        found["import-list-settings"] = f"{found['import-list']}settings/"
    return found


def sign_in(page: Page, url: str) -> None:
    """Sign in as the demo's owner."""
    from demo import catalog

    (email,) = [member.email for member in catalog.MEMBERS if member.role == "owner"]
    page.goto(f"{url}/accounts/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(catalog.PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{url}/")


def picture(page: Page, url: str, name: str, look: str) -> None:
    """Keep the page as it looks, from its head to its foot or to the end of a very tall screen."""
    from demo import catalog

    size = page.viewport_size
    page.goto(url)
    if "/reauthenticate/" in page.url:
        page.locator("[name=password]").fill(catalog.PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(url)
    tall = page.evaluate("document.documentElement.scrollHeight")
    # Not full_page: bars that stick to the foot of the screen would stand in the middle.
    page.set_viewport_size({"width": size["width"], "height": min(tall, TALLEST)})
    page.screenshot(path=PLACE / f"{name}-{look}.png", animations="disabled")
    page.set_viewport_size(size)


def chosen(page: Page, url: str, look: str) -> int:
    """Keep what is reached by choosing users: the bar, and the pages it leads to."""
    listed = f"{url}/customers/{SCHOOLS}/users/"
    for name in ("chosen", "licenses", "edit"):
        page.goto(listed)
        for box in page.locator("[data-select-row]").all()[:3]:
            box.check()
        if name != "chosen":
            page.locator(f"#bulk [formaction$='/{name}/']").first.evaluate(
                "button => button.click()"
            )
            page.wait_for_url(re.compile(rf"/{name}/(\?|$)"))
        page.screenshot(path=PLACE / f"users-{name}-{look}.png", animations="disabled")
    return 3


def tour(browser: Browser, url: str, wanted: list[str]) -> int:
    """Walk through every page in every look; tells how many pictures were kept."""
    taken = 0
    for look, size, scheme, language in LOOKS:
        context = browser.new_context(viewport=size, color_scheme=scheme, locale=language)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        if not wanted or any(word in "sign-in" for word in wanted):
            picture(page, f"{url}/accounts/login/", "sign-in", look)
            picture(page, f"{url}/my/sign-in/", "my-sign-in", look)
            taken += 2
        sign_in(page, url)
        for name, address in addresses().items():
            if not wanted or any(word in name for word in wanted):
                picture(page, url + address, name, look)
                taken += 1
        if not wanted or any(
            word in "users-chosen users-licenses users-location" for word in wanted
        ):
            taken += chosen(page, url, look)
        context.close()
    return taken


def main(wanted: list[str]) -> None:
    """Take the pictures."""
    if not wanted:
        shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    os.environ["LOCAL_DEMO"] = "1"
    import django

    django.setup()
    with portal() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["CHROMIUM"], args=list(ARGUMENTS)
        )
        print(f"{tour(browser, url, wanted)} pictures in {PLACE.relative_to(ROOT)}")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
