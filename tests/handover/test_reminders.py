"""Reminders about passwords that expire soon."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from batches.models import Batch
from customers.models import Scope
from handover.models import Handover
from handover.operations import mail as emails
from handover.operations.sheet import hand_over
from handover.routes import find_partners_to_remind
from partners.models import Member
from partners.roles import Role
from tests import factories
from tests.handover.handing_over import add, change, secret_of, user_of


@pytest.fixture
def batch(contoso, alice):
    """Two passwords that can be handed over for 23 of 72 hours more."""
    batch = add(contoso, alice, "ann", "ben")
    return end_in(batch, hours=23)


def end_in(batch, **left):
    Batch.objects.filter(pk=batch.pk).update(sheet_expires_at=timezone.now() + timedelta(**left))
    batch.refresh_from_db()
    return batch


def remind(batch):
    """Send the due reminders, and return the recipients."""
    emails.remind()
    emails.send_handovers(batch_id=batch.pk)
    return [address for letter in mail.outbox for address in letter.to]


def test_member_of_batch_is_reminded_once(batch, alice, settings):
    settings.BASE_URL = "https://portal.example"
    assert remind(batch) == [alice.email]
    assert remind(batch) == [alice.email]

    (letter,) = mail.outbox
    assert f"https://portal.example/customers/contoso/batches/{batch.pk}/" in letter.body
    assert letter.subject == "Passwords not handed over yet: Contoso"
    for secret in (secret_of(batch, 1), secret_of(batch, 2), "Ann", "Ben", "ann@", "/link/"):
        assert secret not in letter.body + letter.subject


def test_reminder_is_in_language_of_member(batch, alice):
    Member.objects.filter(pk=alice.pk).update(language="zh-hans")

    remind(batch)

    assert "尚未标记为已发放" in mail.outbox[0].body


@pytest.mark.parametrize(
    ("hours", "left", "is_due"),
    [(72, 25, False), (72, 24, True), (24, 13, False), (24, 12, True), (1, 0.6, False)],
)
def test_reminder_is_sent_a_day_before_or_halfway(contoso, alice, hours, left, is_due):
    contoso.sheet_hours = hours
    contoso.save(update_fields=["sheet_hours"])
    batch = end_in(add(contoso, alice, "ann"), hours=left)

    assert bool(remind(batch)) == is_due


def test_reminder_is_not_listed_among_mails(batch, alice, as_alice):
    remind(batch)

    page = as_alice.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()

    assert "<dt>Emails</dt>" not in page
    assert "emailed link" not in page


@pytest.mark.parametrize("why", ["handed over", "used", "over", "running", "archived"])
def test_empty_sheet_sends_no_reminder(batch, contoso, alice, why):
    if why == "handed over":
        hand_over(batch=batch, unopened=2, by=alice)
    elif why == "used":
        change(user_of(batch, 1), password_state="chosen")
        change(user_of(batch, 2), password_state="chosen")
    elif why == "over":
        end_in(batch, hours=-1)
    elif why == "running":
        Batch.objects.filter(pk=batch.pk).update(state="running")
    else:
        contoso.state = "archived"
        contoso.save(update_fields=["state"])

    assert remind(batch) == []


@pytest.mark.parametrize("why", ["inactive", "reader", "limited"])
def test_owners_are_reminded_without_member_access(batch, northwind, alice, why):
    factories.member(northwind, "olga", role=Role.OWNER)
    factories.member(northwind, "otto", role=Role.OWNER, is_active=False)
    changes = {
        "inactive": {"is_active": False},
        "reader": {"role": Role.READER},
        "limited": {"is_limited": True},
    }[why]
    Member.objects.filter(pk=alice.pk).update(**{"role": Role.ADMIN_AGENT} | changes)

    assert "alice" not in str(remind(batch))
    assert [letter.to[0].partition("@")[0] for letter in mail.outbox] == ["olga"]


def test_limited_member_with_access_is_reminded(batch, contoso, alice):
    Member.objects.filter(pk=alice.pk).update(is_limited=True, role=Role.ADMIN_AGENT)
    Scope.objects.create(member=alice, customer=contoso)

    assert remind(batch) == [alice.email]


def test_the_help_desk_is_not_reminded_of_administrators(contoso, northwind, alice, helen):
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])
    Batch.objects.filter(pk=batch.pk).update(by=helen)

    assert remind(end_in(batch, hours=2)) == [
        owner.email for owner in Member.objects.filter(role=Role.OWNER)
    ]


def test_sheet_with_new_end_is_reminded_again(batch, alice):
    remind(batch)

    end_in(batch, hours=3)

    assert remind(batch) == [alice.email, alice.email]


def test_beat_finds_partners_with_expiring_passwords(batch, northwind):
    assert find_partners_to_remind() == [northwind.pk]

    end_in(batch, hours=25)

    assert find_partners_to_remind() == []


def test_the_mail_that_waits_goes_with_the_sheet(batch, alice):
    emails.remind()
    hand_over(batch=batch, unopened=2, by=alice)

    assert not Handover.objects.exists()
