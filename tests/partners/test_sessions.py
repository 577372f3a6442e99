"""Sessions of members end by themselves, and nothing keeps rows of them."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners import tenancy
from partners.models import Tries
from tests.factories import PASSWORD
from users import tasks
from users.models import UserSession

POLL = {"X-Poll": "1", "HX-Request": "true"}


def age(client, **ago):
    """Let the session of the browser have been used so long ago."""
    Session.objects.filter(pk=client.session.session_key).update(
        expire_date=timezone.now() + timedelta(minutes=30) - timedelta(**ago)
    )


def is_in(client, **headers) -> bool:
    return client.get("/customers/", headers=headers).status_code == 200


def test_half_an_hour_without_use_ends_it(as_alice):
    age(as_alice, minutes=29)
    assert is_in(as_alice)
    assert Session.objects.get().expire_date > timezone.now() + timedelta(minutes=29)

    age(as_alice, minutes=30, seconds=1)

    assert not is_in(as_alice)


def test_session_ends_twelve_hours_after_sign_in(as_alice):
    session = as_alice.session
    session["began"] = timezone.now().timestamp() - 12 * 3600 + 60
    session.save()
    assert is_in(as_alice)
    assert Session.objects.get().expire_date < timezone.now() + timedelta(seconds=61)

    session["began"] = timezone.now().timestamp() - 12 * 3600
    session.save()

    assert not is_in(as_alice)


def test_polling_does_not_keep_session_alive(as_alice):
    age(as_alice, minutes=20)
    before = Session.objects.get().expire_date

    assert is_in(as_alice, **POLL)
    assert Session.objects.get().expire_date == before
    assert is_in(as_alice)
    assert Session.objects.get().expire_date > before


def test_every_polling_page_sends_header():
    wrong = []
    for path in sorted((Path(settings.ROOT) / "templates").rglob("*.html")):
        for part in path.read_text().split('hx-trigger="every')[1:]:
            headers = re.search(r"hx-headers='([^']*)'", part.partition(">")[0])
            if not headers or json.loads(headers[1]) != {"X-Poll": "1"}:
                wrong.append(path.name)

    assert wrong == []


def test_it_is_written_once_a_minute_at_most(as_alice):
    assert is_in(as_alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert is_in(as_alice)
    assert not [one for one in queries if 'UPDATE "django_session"' in one["sql"]]

    age(as_alice, minutes=1)
    with CaptureQueriesContext(connection) as queries:
        assert is_in(as_alice)
    assert len([one for one in queries if 'UPDATE "django_session"' in one["sql"]]) == 1


def test_keep_alive_does_not_revive_session(as_alice):
    age(as_alice, minutes=5)
    session = as_alice.session
    session.get("began")
    Session.objects.all().delete()

    session.keep_alive()

    assert not Session.objects.exists()


def test_session_without_beginning_is_ignored(as_alice):
    session = as_alice.session
    del session["began"]
    session.save()

    assert not is_in(as_alice)


@pytest.mark.parametrize("path", ["/accounts/login/", "/my/sign-in/", "/health/", "/", "/nowhere/"])
def test_looking_at_a_public_page_makes_no_session(db, path):
    visitor = Client()

    visitor.get(path)

    assert not Session.objects.exists()
    assert "session" not in visitor.cookies


def test_sign_in_replaces_csrf_token(alice):
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/accounts/login/").content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].partition('"')[0]
    before = browser.cookies["csrf"].value
    fields = {"login": alice.email, "password": PASSWORD}

    answer = browser.post("/accounts/login/", fields | {"csrfmiddlewaretoken": token})

    assert answer.status_code == 302
    assert browser.cookies["csrf"].value != before
    for name in ("csrf", "session"):
        assert browser.cookies[name]["httponly"]
        assert browser.cookies[name]["samesite"] == "Lax"
    assert browser.post("/accounts/logout/", {"csrfmiddlewaretoken": token}).status_code == 403


def test_sign_out_replaces_token_and_clears_site_data(as_alice):
    as_alice.get("/")
    as_alice.get("/profile/")
    before = as_alice.cookies["csrf"].value

    answer = as_alice.post("/accounts/logout/")

    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert as_alice.cookies["csrf"].value != before
    assert "Clear-Site-Data" not in as_alice.get("/accounts/login/")


def test_beat_deletes_what_has_expired_and_nothing_else(as_alice, contoso, rival):
    from tests import factories

    now = timezone.now()
    user = factories.user(contoso, "Ann")
    with tenancy.tenant(rival.pk):
        theirs = factories.user(factories.customer("fabrikam", "Fabrikam"), "Eve")
    for one in (user, theirs):
        with tenancy.tenant(one.partner_id), transaction.atomic():
            for name, seen in (("old", now - timedelta(hours=1)), ("new", now)):
                UserSession.objects.create(
                    user=one,
                    customer_id=one.customer_id,
                    token_hash=f"{name}{one.pk}",
                    seen_at=seen,
                )
    Session.objects.create(session_key="old", session_data="", expire_date=now)
    Tries.objects.create(key="old", count=1, expires_at=now)
    Tries.objects.create(key="new", count=1, expires_at=now + timedelta(minutes=1))
    cache.set("old", 1, timeout=-1)
    cache.set("new", 1)

    tasks.clean()

    assert list(Session.objects.values_list("pk", flat=True)) == [as_alice.session.session_key]
    assert list(Tries.objects.values_list("key", flat=True)) == ["new"]
    for one in (user, theirs):
        with tenancy.tenant(one.partner_id), transaction.atomic():
            assert UserSession.objects.get(user=one).token_hash.startswith("new")
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM portal_cache")
        assert cursor.fetchall() == [(":1:new",)]
    assert settings.CELERY["beat_schedule"]["clean"]["task"] == "users.clean"
