import re
import smtplib
import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from audit.models import Event
from handover.models import Handover
from handover.operations.link import LinkGone, open_link
from handover.operations.mail import (
    MayNotMail,
    NoRecipients,
    mail_sheet,
    mail_users,
    send_handovers,
)
from handover.operations.sheet import NothingLeft, NotYours, hand_over
from handover.queries import find_due_emails, get_handover
from handover.routes import find_partners_with_queued_mails
from partners import tenancy
from tests import factories
from tests.handover.handing_over import add, change, secret_of, user_of
from users import passwords
from users.acts.purge import purge_due

LINK = re.compile(r"http://\S+(/link/([\w-]{32})/)")


@pytest.fixture
def batch(contoso, alice):
    return add(contoso, alice, "ann", "ben")


def send(batch, by, kind="user_link"):
    """Mail each user and return the mails, by address."""
    mail.outbox.clear()
    mail_users(batch=batch, kind=kind, by=by)
    send_handovers(batch_id=batch.pk)
    return sorted(mail.outbox, key=lambda letter: letter.to)


def link_in(letter):
    return LINK.search(letter.body)[1]


def url(batch, what=""):
    return f"/customers/contoso/batches/{batch.pk}/{what}"


# Mails


def test_each_user_gets_a_link_and_no_password(batch, alice):
    letters = send(batch, alice)

    assert [letter.to for letter in letters] == [["ann@home.example"], ["ben@home.example"]]
    for number, letter in enumerate(letters, 1):
        text = letter.message().as_string()
        assert secret_of(batch, number) not in letter.body + text
        assert f"{letter.to[0].split('@')[0]}@contoso.example" in letter.body
    assert set(Handover.objects.values_list("state", "attempts")) == {("sent", 1)}


def test_user_without_address_is_listed(contoso, alice, as_alice):
    add(contoso, alice, "ann")
    batch = add(contoso, alice, "ben", contact_email="")

    page = as_alice.get(url(batch, "sheet/mail/")).content.decode()

    assert mail_users(batch=batch, kind="user_link", by=alice) == 1
    assert "1 user has no contact address and won’t get an email" in page
    assert "<bdi>Ben</bdi>" in page


def test_no_users_with_address_shows_notice(contoso, alice, as_alice):
    batch = add(contoso, alice, "ben", contact_email="")

    answer = as_alice.post(url(batch, "sheet/mail/"), {"kind": "user_link"})

    assert answer.status_code == 422
    assert "There are no users to email" in answer.content.decode()
    assert not Handover.objects.exists()


def test_what_waits_is_not_queued_twice(batch, alice):
    mail_users(batch=batch, kind="user_link", by=alice)

    with pytest.raises(NoRecipients):
        mail_users(batch=batch, kind="user_link", by=alice)

    assert Handover.objects.count() == 2


def test_a_second_link_ends_the_first(batch, alice, client):
    first = link_in(send(batch, alice)[0])
    second = link_in(send(batch, alice)[0])

    assert first != second
    assert client.post(first).status_code == 410
    assert client.post(second).status_code == 200


def test_plain_passwords_are_mailed_only_by_policy(batch, alice, as_alice):
    with pytest.raises(MayNotMail):
        mail_users(batch=batch, kind="user_text", by=alice)
    answer = as_alice.post(url(batch, "sheet/mail/"), {"kind": "user_text"})

    assert answer.status_code == 422
    assert not Handover.objects.exists()


def test_purged_user_leaves_no_email(batch, alice):
    mail_users(batch=batch, kind="user_link", by=alice)
    change(user_of(batch, 1), deleted_at=timezone.now(), purge_at=timezone.now())

    assert purge_due() == 1

    assert [handover.to for handover in Handover.objects.all()] == ["ben@home.example"]


def test_policy_puts_password_into_mail(contoso, batch, alice):
    contoso.may_mail_passwords = True
    contoso.save()

    letters = send(batch, alice, kind="user_text")

    assert secret_of(batch, 1) in letters[0].body
    assert secret_of(batch, 2) not in letters[0].body
    assert LINK.search(letters[0].body) is None
    assert set(Handover.objects.values_list("token_hash", flat=True)) == {""}


def test_a_policy_that_was_tightened_meanwhile_counts(contoso, batch, alice):
    contoso.may_mail_passwords = True
    contoso.save()
    mail_users(batch=batch, kind="user_text", by=alice)
    contoso.may_mail_passwords = False
    contoso.save()

    assert send_handovers(batch_id=batch.pk) == 0

    assert mail.outbox == []
    assert set(Handover.objects.values_list("state", "error")) == {("failed", "outdated")}


def test_used_password_is_not_mailed(batch, alice):
    mail_users(batch=batch, kind="user_link", by=alice)
    change(user_of(batch, 1), password_state="chosen")

    assert send_handovers(batch_id=batch.pk) == 1

    assert [letter.to for letter in mail.outbox] == [["ben@home.example"]]


def test_the_help_desk_mails_no_administrators_password(contoso, alice, helen):
    add(contoso, alice, "ann")
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])

    letters = send(batch, helen)

    assert [letter.to for letter in letters] == [["ann@home.example"]]
    with pytest.raises(NotYours):
        mail_sheet(batch=batch, to=helen.email, language="en", by=helen)


def test_a_name_cannot_break_the_header(contoso, alice):
    contoso.name = "Contoso\r\nBcc: everybody@rival.example"
    contoso.save()
    batch = add(contoso, alice, "ann")

    (letter,) = send(batch, alice)

    message = letter.message()
    assert message["Bcc"] is None
    assert message["Subject"] == "Your account at Contoso Bcc: everybody@rival.example"


def test_address_with_line_break_gets_no_mail(batch, alice):
    change(user_of(batch, 1), contact_email="ann@home.example\nBcc: x@rival.example")

    letters = send(batch, alice)

    assert [letter.to for letter in letters] == [["ben@home.example"]]


def test_names_are_not_escaped_in_plain_text(contoso, alice):
    batch = add(contoso, alice, "ann", display_name="Ann <O'Hara> & Co")

    (letter,) = send(batch, alice)

    assert "Ann <O'Hara> & Co" in letter.body


class Broken:
    """A mail server that does not take mails."""

    def __init__(self, error):
        self.error = error

    def open(self):
        pass

    def close(self):
        pass

    def send_messages(self, letters):
        raise self.error


def test_mail_is_retried_five_times_with_growing_delay(batch, alice, monkeypatch):
    change(user_of(batch, 2), contact_email="")
    mail_users(batch=batch, kind="user_link", by=alice)
    monkeypatch.setattr(mail, "get_connection", lambda: Broken(OSError("away")))
    minutes = []
    for age in range(0, 200):
        Handover.objects.update(created_at=timezone.now() - timedelta(minutes=age))
        before = Handover.objects.get().attempts
        send_handovers(batch_id=batch.pk)
        if Handover.objects.get().attempts > before:
            minutes.append(age)

    assert minutes == [0, 1, 6, 31, 156]
    assert (Handover.objects.get().state, Handover.objects.get().error) == ("failed", "unreachable")


def test_refused_address_is_not_retried(batch, alice, monkeypatch, as_alice):
    mail_users(batch=batch, kind="user_link", by=alice)
    error = smtplib.SMTPRecipientsRefused({"ann@home.example": (550, b"no")})
    monkeypatch.setattr(mail, "get_connection", lambda: Broken(error))

    send_handovers(batch_id=batch.pk)

    assert set(Handover.objects.values_list("state", "error")) == {("failed", "refused")}
    assert "The mail server refused this address" in as_alice.get(url(batch)).content.decode()


def test_sweep_wakes_workers_for_pending_mails(batch, alice):
    mail_users(batch=batch, kind="user_link", by=alice)
    assert find_partners_with_queued_mails() == []

    Handover.objects.update(created_at=timezone.now() - timedelta(seconds=20))

    assert find_partners_with_queued_mails() == [batch.partner_id]
    assert set(find_due_emails().values_list("batch_id", flat=True)) == {batch.pk}


def test_the_form_mails_the_sheet_to_oneself(batch, alice, as_alice):
    answer = as_alice.post(url(batch, "sheet/mail/"), {"kind": "sheet_link", "to": str(alice.pk)})
    send_handovers(batch_id=batch.pk)

    assert answer["Location"] == url(batch)
    (letter,) = mail.outbox
    assert letter.to == [alice.email]
    assert secret_of(batch) not in letter.body
    event = Event.objects.get(action="sheet.mailed")
    assert event.after == {"kind": "sheet_link", "mails": 1, "to": alice.email}


def test_sheet_is_mailed_to_contact_or_colleague_only(
    contoso, batch, northwind, rival, as_alice, bob, helen, mallory
):
    contoso.contact_email, contoso.contact_name = "boss@contoso.example", "The Boss"
    contoso.save()
    carol = factories.member(northwind, "carol", role="admin_agent")
    limited = factories.member(northwind, "larry", role="admin_agent", is_limited=True)

    page = as_alice.get(url(batch, "sheet/mail/")).content.decode()
    offered = set(re.findall(r'<option value="([^"]+)"', page))

    assert {"contact", str(carol.pk)} < offered
    assert not {str(one.pk) for one in (bob, helen, limited, mallory)} & offered
    for to in ("contact", str(carol.pk)):
        assert (
            as_alice.post(url(batch, "sheet/mail/"), {"kind": "sheet_link", "to": to}).status_code
            == 302
        )
    refused = as_alice.post(url(batch, "sheet/mail/"), {"kind": "sheet_link", "to": str(bob.pk)})
    assert refused.status_code == 422
    assert set(Handover.objects.values_list("to", flat=True)) == {
        "boss@contoso.example",
        carol.email,
    }


# Links


def test_a_get_shows_a_button_and_opens_nothing(batch, alice, client):
    link = link_in(send(batch, alice)[0])

    pages = [client.get(link), client.get(link), client.head(link)]

    assert {page.status_code for page in pages} == {200}
    assert secret_of(batch) not in pages[0].content.decode()
    # As a word: a random token may hold the letters.
    assert not re.search(r"\bann\b", pages[0].content.decode(), re.IGNORECASE)
    assert not Event.objects.filter(action="sheet.opened").exists()
    assert client.post(link).status_code == 200


def test_a_post_shows_the_users_own_password_once(batch, alice, client):
    link = link_in(send(batch, alice)[0])

    first, second = client.post(link), client.post(link)

    page = first.content.decode()
    assert first["Cache-Control"] == "private, no-store"
    assert first["Referrer-Policy"] == "strict-origin"
    assert secret_of(batch, 1) in page
    assert secret_of(batch, 2) not in page
    assert "/my/" in page
    assert second.status_code == 410
    assert secret_of(batch, 1) not in second.content.decode()
    assert client.get(link).status_code == 410


def test_opened_link_is_recorded_and_shown(batch, alice, client):
    client.post(link_in(send(batch, alice)[0]))

    event = Event.objects.get(action="sheet.opened")
    assert (event.subject_name, event.after["way"]) == ("ann@contoso.example", "link")
    client.force_login(alice)
    page = client.get(url(batch)).content.decode()
    assert "One-time link opened: ann@contoso.example" in page
    assert "0 waiting, 1 sent, 1 opened, 0 failed" in page


def test_a_sheet_link_opens_the_slips_once(batch, alice, as_alice):
    mail_sheet(batch=batch, to=alice.email, language="en", by=alice)
    send_handovers(batch_id=batch.pk)
    link = link_in(mail.outbox[0])

    page = b"".join(as_alice.post(link)).decode()

    assert secret_of(batch, 1) in page
    assert secret_of(batch, 2) in page
    assert "/customers/" not in page
    assert as_alice.post(link).status_code == 410


def lose(batch):
    """Let every user of the batch choose a password."""
    for number in (1, 2):
        change(user_of(batch, number), password_state="chosen")


def test_empty_sheet_is_not_mailed(batch, alice, as_alice):
    lose(batch)

    page = as_alice.get(url(batch, "sheet/mail/")).content.decode()
    with pytest.raises(NothingLeft):
        mail_sheet(batch=batch, to=alice.email, language="en", by=alice)

    assert "No passwords to email" in page
    assert not Handover.objects.exists()


def test_link_to_empty_sheet_opens_nothing(batch, alice, as_alice):
    mail_sheet(batch=batch, to=alice.email, language="en", by=alice)
    send_handovers(batch_id=batch.pk)
    lose(batch)

    assert as_alice.post(link_in(mail.outbox[0])).status_code == 410
    assert not Event.objects.filter(action="sheet.opened").exists()


def test_sheet_link_shows_slips_in_one_answer(batch, alice, as_alice):
    mail_sheet(batch=batch, to=alice.email, language="en", by=alice)
    send_handovers(batch_id=batch.pk)
    secrets = [secret_of(batch, 1), secret_of(batch, 2)]

    parts = iter(as_alice.post(link_in(mail.outbox[0])))
    head = next(parts).decode()
    change(user_of(batch, 1), password_state="chosen")

    rest = b"".join(parts).decode()
    assert "Print this page now." in head
    assert [secret in rest for secret in secrets] == [False, True]


def test_mailed_link_opens_for_member_of_another_partner(batch, alice, mallory, client):
    link = link_in(send(batch, alice)[0])
    client.force_login(mallory)

    assert secret_of(batch) in client.post(link).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_link_to_replaced_password_opens_nothing(batch, alice, client, method):
    link = link_in(send(batch, alice)[0])
    change(user_of(batch, 1), password_batch=None)

    assert getattr(client, method)(link).status_code == 410


def dead_links(batch, alice):
    """Links that were opened, expired, handed over or replaced, and an unknown one."""
    letters = send(batch, alice)
    opened, replaced = link_in(letters[0]), link_in(letters[1])
    Client().post(opened)
    change(user_of(batch, 2), password_state="chosen")
    return {
        "opened": opened,
        "replaced": replaced,
        "unknown": f"/link/{passwords.link_token(UUID(int=7))}/",
        "broken": "/link/x%00'/",
    }


def test_ended_link_answers_like_unknown_link(batch, alice):
    answers = {name: Client().post(link) for name, link in dead_links(batch, alice).items()}

    assert {answer.status_code for answer in answers.values()} == {410}
    bodies = {
        re.sub(r'/link/[^"]*|value="[^"]*"', "", answer.content.decode())
        for answer in answers.values()
    }
    assert len(bodies) == 1


def test_a_link_ends_with_the_sheet(batch, alice, client):
    link = link_in(send(batch, alice)[0])
    hand_over(batch=batch, by=alice)

    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410


def test_a_link_ends_with_its_time(batch, alice, client):
    link = link_in(send(batch, alice)[0])
    Handover.objects.update(expires_at=timezone.now())

    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410


def test_handover_cancels_pending_mails(batch, alice):
    mail_users(batch=batch, kind="user_link", by=alice)
    hand_over(batch=batch, unopened=2, by=alice)

    assert send_handovers(batch_id=batch.pk) == 0
    assert mail.outbox == []
    assert not Handover.objects.exists()


def test_no_token_is_stored(batch, alice):
    token = LINK.search(send(batch, alice)[0].body)[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(h::text, ' ') FROM handover_handover h")
        stored = cursor.fetchone()[0]

    assert passwords.link_token_hash(token) in stored
    assert token not in stored


@pytest.mark.django_db(transaction=True)
def test_sixteen_concurrent_openings_show_password_once(contoso, alice, northwind):
    """Promise 13."""
    with transaction.atomic():
        batch = add(contoso, alice, "ann")
        mail_users(batch=batch, kind="user_link", by=alice)
        token = passwords.link_token(Handover.objects.get().pk)
        secret = secret_of(batch)
    barrier = threading.Barrier(16)
    answers = []

    def race():
        try:
            barrier.wait()
            answers.append(open_link(token=token).row.password.reveal())
        except LinkGone:
            answers.append("gone")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == sorted([secret] + ["gone"] * 15)
    with tenancy.tenant(northwind.pk), transaction.atomic():
        assert Event.objects.filter(action="sheet.opened").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_mail_once(contoso, alice, northwind):
    with transaction.atomic():
        batch = add(contoso, alice, *(f"user-{number}" for number in range(12)))
        mail_users(batch=batch, kind="user_link", by=alice)
    sent = []

    def work():
        try:
            with tenancy.tenant(northwind.pk):
                sent.append(send_handovers(batch_id=batch.pk))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sent) == 12
    assert len({letter.to[0] for letter in mail.outbox}) == len(mail.outbox) == 12


def unopened(batch, member):
    batch.refresh_from_db()
    return get_handover(batch, member=member).counts.unopened


@pytest.mark.parametrize("kind", ["user_link", "user_text"])
def test_a_password_that_was_mailed_counts_as_opened(batch, contoso, alice, kind):
    contoso.may_mail_passwords = True
    contoso.save(update_fields=["may_mail_passwords"])
    mail_users(batch=batch, kind=kind, by=alice)
    assert unopened(batch, alice) == 2

    send_handovers(batch_id=batch.pk)

    assert unopened(batch, alice) == 0


def test_ended_link_does_not_count_as_opened(batch, alice):
    send(batch, alice)
    Handover.objects.filter(line_number=1).update(expires_at=timezone.now())

    assert unopened(batch, alice) == 1


def test_a_mailed_sheet_counts_as_opened(batch, alice):
    mail_sheet(batch=batch, to="ann@home.example", language="en", by=alice)
    assert unopened(batch, alice) == 2

    send_handovers(batch_id=batch.pk)

    assert unopened(batch, alice) == 0


def test_opened_link_counts_for_its_user(batch, alice, client):
    link = link_in(send(batch, alice)[0])
    client.post(link)
    Handover.objects.exclude(state="opened").delete()

    assert unopened(batch, alice) == 1
