"""The log names no address by which a stranger could open something, and makes no noise."""

import logging

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

TOKEN = "bLiveTokenOfSomebody-_42"


@pytest.fixture
def written():
    """What the log's own handler would write, line by line."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    line = settings.LOGGING["formatters"]["line"].copy()
    factory = import_string(line.pop("()"))
    keep = Keep()
    keep.setFormatter(factory(line["format"], style=line["style"]))
    for name in settings.LOGGING["handlers"]["console"]["filters"]:
        keep.addFilter(import_string(settings.LOGGING["filters"][name]["()"])())
    logging.getLogger().addHandler(keep)
    yield lines
    logging.getLogger().removeHandler(keep)


@pytest.mark.parametrize("page", ["link", "invitation", "accounts/password/reset/key"])
def test_a_refused_request_is_logged_without_its_secret(db, written, page):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    # Without a token: refused before the link is read, which stays valid.
    assert client.post(f"/{page}/{TOKEN}/").status_code == 403
    client.put(f"/{page}/{TOKEN}/")
    client.get(f"/{page}/{TOKEN}/nothing?is=here")

    assert any(f"/{page}/…/" in line for line in written)
    assert TOKEN not in "\n".join(written)


def test_traceback_is_logged_without_secrets(written):
    try:
        raise RuntimeError(f"https://portal.example/link/{TOKEN}/ was not to be had")
    except RuntimeError:
        logging.getLogger("anything").exception("It failed.")

    assert "RuntimeError" in written[0]
    assert TOKEN not in written[0]


def test_other_addresses_are_logged_as_they_are(db, written, as_alice):
    as_alice.get("/customers/nobody/links/")

    assert any("/customers/nobody/links/" in line for line in written)


def test_a_refusal_is_logged_in_one_line(db, written, client, bob, contoso):
    client.force_login(bob)

    assert client.get("/customers/contoso/users/add/").status_code == 403

    (line,) = [line for line in written if "/users/add/" in line]
    assert "Traceback" not in line


def test_form_with_errors_is_not_logged(db, written, as_alice, contoso):
    assert as_alice.post("/customers/contoso/users/add/", {"first_name": "A"}).status_code == 422

    assert written == []


def test_django_writes_no_line_a_second_time():
    # Its own handler would write the secrets, too.
    assert logging.getLogger("django").handlers == []
