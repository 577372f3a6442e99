"""Promise 12: a temporary password is in clear on its sheet and nowhere else, and gone after it."""

import base64
import logging
import os

import pytest
import redis
from django.conf import settings
from django.core import mail
from django.db import connections, transaction
from django.test import Client

from batches.models import Batch
from handover.models import Handover
from handover.operations.mail import send_handovers
from partners import tenancy
from tests.handover.handing_over import add, secret_of
from users import passwords


def dump() -> str:
    """Every row of every table as text, bytes included, read as the owner."""
    parts = []
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema='public'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            parts.append(f"{table}: {cursor.fetchone()[0]}")
    return "\n".join(parts)


def spellings(secret: str) -> list[str]:
    """The ways in which a secret may stand somewhere."""
    bare = secret.replace("-", "")
    return [
        secret,
        bare,
        secret.encode().hex(),
        bare.encode().hex(),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    ]


def found(secrets, text: str) -> list[str]:
    return [one for secret in secrets for one in spellings(secret) if one in text]


@pytest.fixture
def broker():
    """The test's Redis."""
    return redis.Redis.from_url(os.environ.get("REDIS_URL", settings.CELERY["broker_url"]))


def everything_in(broker) -> str:
    parts = []
    for key in broker.scan_iter():
        value = broker.lrange(key, 0, -1) if broker.type(key) == b"list" else [broker.dump(key)]
        for one in value:
            text = one.decode("utf-8", "replace")
            parts.append(text)
            # Celery's bodies are base64.
            for word in text.replace('"', " ").split():
                try:
                    parts.append(base64.b64decode(word, validate=True).decode("utf-8", "replace"))
                except ValueError:
                    continue
    return "\n".join(parts)


@pytest.fixture
def told(transactional_db, contoso, alice, northwind, broker, caplog):
    """A secret that went through everything: add, reset, shown, printed, mailed, a failure."""
    caplog.set_level(logging.DEBUG)
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    with transaction.atomic():
        batch = add(contoso, alice, "ann", "ben")
        secrets = [secret_of(batch, 1), secret_of(batch, 2)]
    base = f"/customers/contoso/batches/{batch.pk}/"
    for what in ("sheet/", "sheet/print/", "sheet/download/"):
        answer = client.post(base + what)
        shown = b"".join(answer).decode() if answer.streaming else answer.content.decode()
        assert secrets[0] in shown
    assert client.post(base + "sheet/mail/", {"kind": "user_link"}).status_code == 302
    with tenancy.tenant(northwind.pk):
        send_handovers(batch_id=batch.pk)
        with transaction.atomic():
            token = passwords.link_token(Handover.objects.order_by("line_number")[0].pk)
    assert secrets[0] in Client().post(f"/link/{token}/").content.decode()
    other_pages = [
        client.get(url).content.decode()
        for url in (base, "/batches/", "/customers/contoso/users/", "/customers/contoso/batches/")
    ]
    return batch, secrets, "\n".join(other_pages), base, client


@pytest.mark.django_db(transaction=True)
def test_password_appears_nowhere_but_on_the_sheet(told, broker, caplog):
    _batch, secrets, other_pages, _base, _client = told

    places = {
        "tables": dump(),
        "log": caplog.text,
        "broker": everything_in(broker),
        "mail": "\n".join(letter.message().as_string() + letter.body for letter in mail.outbox),
        "pages": other_pages,
    }
    assert {name: found(secrets, text) for name, text in places.items()} == dict.fromkeys(
        places, []
    )
    # The places are not merely empty.
    assert "ann@contoso.example" in places["tables"]
    assert len(mail.outbox) == 2
    assert "sheet.opened" in places["tables"]


@pytest.mark.django_db(transaction=True)
def test_the_search_finds_what_is_there(told):
    batch, secrets, *_rest = told
    with transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(reason=secrets[0])

    assert found(secrets, dump()) == [secrets[0]]


@pytest.mark.django_db(transaction=True)
def test_password_cannot_be_opened_after_handover(told):
    batch, secrets, _pages, base, client = told
    with transaction.atomic():
        sealed = [bytes(line.sealed).hex() for line in batch.lines.all()]
        key = Batch.objects.get(pk=batch.pk).sheet_key
    assert all(one in dump() for one in [*sealed, key])

    client.post(base + "sheet/handed-over/")

    kept = dump()
    assert not any(one in kept for one in [*sealed, key])
    for what in ("sheet/", "sheet/print/", "sheet/download/"):
        answer = client.post(base + what)
        assert answer.status_code == 302
        page = client.get(answer["Location"]).content.decode()
        assert found(secrets, page) == []
        assert "this copy has been deleted" in page
    with transaction.atomic():
        for handover in Handover.objects.all():
            token = passwords.link_token(handover.pk)
            assert Client().post(f"/link/{token}/").status_code == 410


@pytest.mark.django_db(transaction=True)
def test_error_on_open_sheet_reveals_no_password(told, monkeypatch, caplog):
    _batch, secrets, _pages, base, client = told

    def fail(*args, **kwargs):
        raise RuntimeError("after the opening")

    monkeypatch.setattr("handover.views.sheet.page_of", fail)
    answer = client.post(base + "sheet/")

    assert answer.status_code == 500
    assert "after the opening" in caplog.text
    assert found(secrets, answer.content.decode() + caplog.text) == []
