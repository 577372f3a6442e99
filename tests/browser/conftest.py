"""
A real Chromium in front of the real portal, with a real worker behind it.

The machine may be slow, and busy with other things. So that a test holds there all the same:

- it waits for facts, with `expect`, and never for a time; every wait of Playwright ends after
  `tests.PATIENCE`, and none has an end of its own. What is not on the page, or comes only with a
  reload, `steps.wait_until` asks for;
- `click` and `Locator.press` wait for the page that they lead to; `tap` and `page.keyboard` do
  not, nor does a click that htmx answers: expect a fact of what comes, before the page is checked
  or its script is needed;
- texts are looked for in a part of the page (`site.main`, `#notices`, a table), as whatever has
  been announced stands once more in `#live`, below `main`; what is announced is looked for there;
- further browsers come from `site`, which watches them.

`tests/architecture/test_tests.py` finds what goes another way.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from playwright.sync_api import BrowserContext, Locator, Page, expect

from partners import tenancy
from portal.templatetags.portal_ui import icon
from tests import PATIENCE, factories
from tools.browser import ARGUMENTS

# Playwright runs a loop in this thread, so Django thinks that the ORM is called from async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

expect.set_options(timeout=PATIENCE * 1000)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items):
    """Skip loudly where there is no browser; `make test` fails before it gets here in CI."""
    if os.environ.get("CHROMIUM"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="NO BROWSER: run make test, or set CHROMIUM"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Start the browser that `make test` found."""
    return browser_type_launch_args | {
        "executable_path": os.environ.get("CHROMIUM"),
        "args": list(ARGUMENTS),
    }


@pytest.fixture
def new_context(new_context):
    """Make a browser that knows nothing of who is signed in, and is as patient as `expect`."""

    def make(**options):
        context = new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        return context

    return make


@pytest.fixture
def outbox(tmp_path) -> Path:
    """The folder that the worker's mails are written to."""
    folder = tmp_path / "mail"
    folder.mkdir()
    return folder


@pytest.fixture
def worker(transactional_db, live_server, outbox, tmp_path):
    """A Celery worker of both queues on the test database; it is gone after the test."""
    log = (tmp_path / "worker.log").open("w")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-A", "portal", "worker"),
            *("-Q", "interactive,bulk", "--concurrency", "1", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ],
        cwd=settings.ROOT,
        env=os.environ
        | {
            "DATABASE_URL": database_url(),
            "KEYS_DIR": str(settings.KEYS_DIR),
            "EMAIL_URL": f"file://{outbox}",
            "BASE_URL": live_server.url,
            "CELERY_WORKER": "1",
        },
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    yield process
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    log.close()


def database_url() -> str:
    """The address of the test database, for a process of its own."""
    it = connection.settings_dict
    return f"postgres://{it['USER']}:{it['PASSWORD']}@{it['HOST']}:{it['PORT']}/{it['NAME']}"


@dataclass
class Site:
    """The portal as a browser sees it, with what went wrong in its console."""

    page: Page
    url: str
    problems: list[str]
    new_context: Callable[..., BrowserContext]

    @property
    def main(self) -> Locator:
        """What the page is about, without what is announced."""
        return self.page.locator("main")

    @contextmanager
    def another_browser(self, **options) -> Iterator[Page]:
        """Another person's browser: it knows nothing of who is signed in, and is watched as well."""
        context = self.new_context(**options)
        yield self.watch(context.new_page())
        context.close()

    def without_scripts(self) -> AbstractContextManager[Page]:
        """Another browser of the one who is signed in, which runs no scripts."""
        return self.another_browser(
            java_script_enabled=False, storage_state=self.page.context.storage_state()
        )

    def watch(self, page: Page) -> Page:
        """Take down what the browser complains of on this page, CSP included."""
        page.on(
            "console",
            lambda message: (
                self.problems.append(f"{page.url}: {message.text}")
                if message.type == "error"
                else None
            ),
        )
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        return page

    def open(self, path: str) -> None:
        """Go to an address of the portal."""
        self.page.goto(self.url + path)

    def sign_in(self, member) -> None:
        """Sign in as the member through the page."""
        self.open("/accounts/login/")
        self.page.locator("[name=login]").fill(member.email)
        self.page.locator("[name=password]").fill(factories.PASSWORD)
        self.page.locator("form[action*=login] button, main form button.primary").first.click()
        expect(self.page.locator("nav#side")).to_be_attached()
        # Keys work once the scripts are there.
        self.page.wait_for_load_state()

    def check(self, at: str = "") -> None:
        """
        Nobody is shut out of the page as it stands, and nothing sticks out of it.

        After a step that leaves the page, `at` is how the address of the next one ends: a click
        is over before the page is, and the one that is left would be looked at, or none.
        """
        if at:
            expect(self.page).to_have_url(re.compile(rf"{re.escape(at)}$"))
        assert findings(self.page) == []


UNTIL_STILL = """() => Promise.allSettled(document.getAnimations()
  .filter(it => it.effect.getComputedTiming().endTime != Infinity).map(it => it.finished))"""


def findings(page: Page, rules: list[str] | dict = RULES) -> list[tuple]:
    """What axe finds fault with on the page, and whether it is wider than its window."""
    # On a page that still loads, axe finds no document; what still fades in has no color yet.
    page.wait_for_load_state()
    page.evaluate(UNTIL_STILL)
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
    wrong = [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in found.response["violations"]
        if violation["id"] != "target-size" or any(is_small(page, it) for it in violation["nodes"])
    ]
    return wrong + too_wide(page)


def is_small(page: Page, node: dict) -> bool:
    """Whether a target is too small also in the middle of the window, where no bar covers it."""
    (selector,), top = node["target"], page.evaluate("scrollY")
    page.locator(selector).evaluate("it => it.scrollIntoView({block: 'center'})")
    found = Axe().run(page, selector, options={"runOnly": ["target-size"]})
    page.evaluate(f"scrollTo(0, {top})")
    return bool(found.response["violations"])


def too_wide(page: Page) -> list[tuple]:
    """Whether the page scrolls sideways in the window as it is."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    width = page.viewport_size["width"]
    return [("too wide", f"{page.url} by {wide} px of {width}")] if wide > 0 else []


@pytest.fixture
def site(page: Page, new_context, live_server, settings) -> Site:
    """The portal in English; what the browser complains of fails the test."""
    settings.BASE_URL = live_server.url
    settings.ALLOWED_HOSTS = ["*"]
    # Django's live server finds files by their own names only, not by those with a hash.
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": plain}}
    # It keeps the name that the tests before have asked for.
    icon.cache_clear()
    # Every test signs in from the same address, which may do so thirty times a minute.
    cache.clear()
    site = Site(page, live_server.url, [], new_context)
    site.watch(page)
    yield site
    icon.cache_clear()
    # An answer of 4xx is no fault of the page; the browser reports it as an error all the same.
    assert [text for text in site.problems if "Failed to load resource" not in text] == []


@pytest.fixture
def shoot(site):
    """Take a picture, where PICTURES names a folder for those who want to look at them."""

    def take(name):
        if folder := os.environ.get("PICTURES"):
            site.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take


@contextmanager
def inside_of(partner):
    """Read and write as the partner, in a transaction."""
    with tenancy.tenant(partner.pk), transaction.atomic():
        yield
