import re
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from handover import paper, queries
from handover.operations.sheet import (
    HandedOver,
    NeverOpened,
    NotYours,
    SheetDamaged,
    StillRunning,
    hand_over,
    open_sheet,
    read_rows,
)
from partners import tenancy
from partners.access import Refused
from partners.models import Member
from tests import factories
from tests.handover.handing_over import add, change, rows_of, secret_of, user_of
from users import passwords
from users.acts.add import finish_set
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.undo import plan_undo
from users.models import CustomerUser

PASSWORD = re.compile(r'pw">([0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3})<')


@pytest.fixture
def batch(contoso, alice):
    """A set of two users with their passwords."""
    return add(contoso, alice, "ann", "ben")


@pytest.fixture
def transactional_batch(transactional_db, contoso, alice):
    """The same where transactions end."""
    with transaction.atomic():
        return add(contoso, alice, "ann", "ben")


def url(batch, what="sheet/"):
    return f"/customers/contoso/batches/{batch.pk}/{what}"


def reasons(batch, by):
    return [row.withheld for row in rows_of(batch, by)]


def delete(*users):
    """Delete users past all operations."""
    for user in users:
        change(user, deleted_at=timezone.now(), purge_at=timezone.now() + timedelta(days=30))


def damage(batch):
    """Put the first password where the second was."""
    first = Line.objects.get(batch=batch, number=1)
    Line.objects.filter(batch=batch, number=2).update(sealed=first.sealed)


def test_sheet_shows_passwords_that_sign_in(batch, alice):
    rows = rows_of(batch, alice)

    assert [row.name for row in rows] == ["Ann", "Ben"]
    for row in rows:
        stored = CustomerUser.objects.get(pk=row.user_id).password
        assert passwords.verify_temporary(row.password.reveal(), stored)


def test_every_opening_is_recorded_with_member_and_form(batch, alice, helen):
    open_sheet(batch=batch, way="shown", by=alice)
    open_sheet(batch=batch, way="printed", by=helen)

    events = Event.objects.filter(action="sheet.opened").order_by("id")
    assert [(e.by_name, e.after["way"], e.batch_id) for e in events] == [
        ("Alice", "shown", batch.pk),
        ("Helen", "printed", batch.pk),
    ]


def test_without_the_record_there_is_no_answer(batch, alice, as_alice, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no audit")

    secret = secret_of(batch)
    monkeypatch.setattr("audit.operations.record_many", fail)
    as_alice.raise_request_exception = False

    answer = as_alice.post(url(batch))

    assert answer.status_code == 500
    assert secret not in answer.content.decode()


def test_member_without_permission_opens_nothing(batch, bob):
    with pytest.raises(Refused):
        open_sheet(batch=batch, way="shown", by=bob)

    assert not Event.objects.filter(action="sheet.opened").exists()


def test_replaced_password_is_not_shown(contoso, alice):
    batch = add(contoso, alice, "used", "replaced", "expired", "deleted", "good")
    users = [user_of(batch, number) for number in range(1, 6)]
    change(users[0], password_state="chosen")
    change(users[2], password_expires_at=timezone.now())
    delete(users[3])
    later = plan_resets(customer=contoso, users=[users[1].pk], by=alice)
    start_batch(batch=later, by=alice)

    rows = rows_of(batch, alice)

    assert [row.withheld for row in rows] == ["used", "replaced", "expired", "deleted", ""]
    assert [row.password is None for row in rows] == [True, True, True, True, False]


def test_the_help_desk_sees_no_administrators_password(contoso, alice, helen):
    add(contoso, alice, "ann")
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])

    assert reasons(batch, helen) == ["", "administrator"]
    assert reasons(batch, alice) == ["", ""]


def test_help_desk_cannot_delete_passwords_of_administrators(contoso, alice, helen):
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])

    with pytest.raises(NotYours):
        hand_over(batch=batch, by=helen)

    assert secret_of(batch)


def test_password_moved_to_another_line_does_not_open(batch, alice):
    damage(batch)

    with pytest.raises(SheetDamaged):
        open_sheet(batch=batch, way="shown", by=alice)


@pytest.mark.parametrize("what", ["sheet/", "sheet/print/", "sheet/download/"])
def test_one_broken_password_stops_whole_answer(batch, as_alice, what):
    secret = secret_of(batch)
    damage(batch)

    answer = as_alice.post(url(batch, what), follow=True)

    assert answer.redirect_chain == [(url(batch, ""), 302)]
    assert "These passwords can’t be opened" in answer.content.decode()
    assert secret not in answer.content.decode()
    assert not Event.objects.filter(action="sheet.opened").exists()


def test_a_withheld_password_is_not_even_tried(batch, alice):
    damage(batch)
    change(user_of(batch, 2), password_state="chosen")

    assert reasons(batch, alice) == ["", "used"]


def test_a_running_batch_has_no_sheet_yet(batch, alice):
    Batch.objects.filter(pk=batch.pk).update(state="running")

    with pytest.raises(StillRunning):
        open_sheet(batch=batch, way="shown", by=alice)
    with pytest.raises(StillRunning):
        hand_over(batch=batch, by=alice)


def test_sheet_needs_fixed_number_of_queries(contoso, alice):
    batch = add(contoso, alice, "first")
    with CaptureQueriesContext(connection) as one:
        rows_of(batch, alice)
    add(contoso, alice, *(f"user-{number}" for number in range(12)))
    with CaptureQueriesContext(connection) as many:
        rows = rows_of(batch, alice)

    assert len([row for row in rows if row.password]) == 13
    assert len(many) == len(one)


def multiply(user, number):
    """Copy this user `number` times, without operations."""
    fields = [one.column for one in CustomerUser._meta.concrete_fields if not one.generated]
    new = {"id": "gen_random_uuid()", "user_name": "n || user_name"}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO users_customeruser ({", ".join(fields)})
            SELECT {", ".join(new.get(name, name) for name in fields)}
            FROM users_customeruser, generate_series(1, %s) n WHERE id = %s
            """,
            [number, user.pk],
        )


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_users_are_read_by_key_without_statistics(
    transactional_db, rival, mallory, contoso, alice, northwind
):
    with tenancy.tenant(rival.pk), transaction.atomic():
        fabrikam = factories.customer("fabrikam", "Fabrikam", domains=("fabrikam.example",))
        multiply(user_of(add(fabrikam, mallory, "eve")), 3000)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE users_customeruser, batches_line")
    with tenancy.tenant(northwind.pk), transaction.atomic():
        batch = add(contoso, alice, "ann", "ben")
        with CaptureQueriesContext(connection) as asked:
            list(queries.find_seals(batch, may_all=True))
            queries.find_rows(batch, may_all=True)
        with connection.cursor() as cursor:
            asked_of_users = [q for q in asked.captured_queries if "batches_line" in q["sql"]]
            assert len(asked_of_users) == 2
            for query in asked_of_users:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
                assert "Index Cond: (id = l.user_id)" in plan, plan


# While it is sent


def begin(client, batch, what="sheet/print/", **data):
    """Let the answer begin; the rest of it comes as it is asked for."""
    parts = iter(client.post(url(batch, what), data))
    return next(parts).decode(), parts


def rest(parts):
    return b"".join(parts).decode()


@pytest.mark.django_db(transaction=True)
def test_opening_is_recorded_before_first_byte(transactional_batch, as_alice, northwind):
    as_alice.post(url(transactional_batch, "sheet/print/"))

    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="sheet.opened")
    assert event.after == {"way": "printed", "passwords": 2, "lines": "1-2"}


@pytest.mark.django_db(transaction=True)
def test_slow_reader_holds_no_transaction(transactional_batch, alice, northwind):
    with tenancy.tenant(northwind.pk):
        sheet = open_sheet(batch=transactional_batch, way="printed", by=alice)

    for _row in read_rows(sheet):
        assert not connection.in_atomic_block


def test_the_page_begins_before_names_are_read(batch, as_alice):
    with CaptureQueriesContext(connection) as asked:
        head, parts = begin(as_alice, batch)
    assert "<h1>Passwords to hand over</h1>" in head
    assert not [query for query in asked if "contact_email, '')" in query["sql"]]

    with CaptureQueriesContext(connection) as asked:
        rest(parts)
    assert len([query for query in asked if "contact_email, '')" in query["sql"]]) == 1


@pytest.mark.parametrize("layout", ["slips", "list"])
def test_outdated_passwords_are_not_printed(contoso, alice, as_alice, layout):
    batch = add(contoso, alice, "used", "deleted", "good")
    secrets = [secret_of(batch, number) for number in (1, 2, 3)]

    _head, parts = begin(as_alice, batch, layout=layout)
    change(user_of(batch, 1), password_state="chosen", password_expires_at=None)
    delete(user_of(batch, 2))

    assert PASSWORD.findall(rest(parts)) == secrets[2:]


def test_purged_user_is_not_printed(batch, as_alice):
    secret = secret_of(batch, 2)

    _head, parts = begin(as_alice, batch)
    delete(user_of(batch, 1))
    user_of(batch, 1).delete()

    assert PASSWORD.findall(rest(parts)) == [secret]


@pytest.mark.parametrize("what", ["sheet/print/", "sheet/download/"])
def test_sheet_handed_over_meanwhile_is_sent_completely(batch, alice, as_alice, what):
    secrets = [secret_of(batch, 1), secret_of(batch, 2)]

    _head, parts = begin(as_alice, batch, what)
    hand_over(batch=batch, by=alice)

    text = rest(parts)
    assert [secret in text for secret in secrets] == [True, True]
    assert as_alice.post(url(batch, what)).status_code == 302


def test_user_added_meanwhile_is_not_printed(batch, contoso, alice, as_alice):
    secrets = [secret_of(batch, 1), secret_of(batch, 2)]

    _head, parts = begin(as_alice, batch)
    add(contoso, alice, "cem")

    assert PASSWORD.findall(rest(parts)) == secrets


def test_slip_has_day_in_time_zone_of_member(batch, alice, as_alice):
    Member.objects.filter(pk=alice.pk).update(time_zone="Pacific/Kiritimati")
    soon = timezone.now() + timedelta(days=3)
    late = soon.replace(hour=23, minute=0)
    CustomerUser.objects.filter(password_batch=batch.pk).update(password_expires_at=late)

    page = rest(begin(as_alice, batch)[1])

    assert f"{date_format(late + timedelta(days=1), 'DATE_FORMAT')}</span>" in page
    assert f"{date_format(late, 'DATE_FORMAT')}</span>" not in page


def test_file_uses_language_and_time_zone_of_member(batch, alice, as_alice):
    Member.objects.filter(pk=alice.pk).update(language="zh-hans", time_zone="Asia/Shanghai")
    at = (timezone.now() + timedelta(days=3)).replace(hour=23, minute=5)
    CustomerUser.objects.filter(password_batch=batch.pk).update(password_expires_at=at)

    answer = as_alice.post(url(batch, "sheet/download/"))
    with translation.override("en"):
        text = body(answer)

    assert text.startswith('\ufeff"姓名","用户名"')
    assert text.count(f"{at + timedelta(hours=8):%Y-%m-%d} 07:05") == 2


# The pages


def test_the_page_covers_all_passwords_but_the_first(batch, as_alice):
    first, second = secret_of(batch, 1), secret_of(batch, 2)

    page = as_alice.post(url(batch)).content.decode()

    assert f">{first}</code>" in page
    assert f'data-secret="{second}"' in page
    assert f">{second}</code>" not in page


@pytest.mark.parametrize("what", ["sheet/", "sheet/print/", "sheet/download/"])
def test_get_request_reveals_nothing(batch, as_alice, what):
    answer = as_alice.get(url(batch, what))

    assert answer.status_code == 302
    assert answer["Location"] == url(batch, "")
    assert not Event.objects.filter(action="sheet.opened").exists()


@pytest.mark.parametrize("what", ["sheet/", "sheet/print/", "sheet/download/"])
def test_headers_forbid_cache_and_referrer(batch, as_alice, what):
    answer = as_alice.post(url(batch, what))

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "strict-origin"


def body(answer):
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def test_eight_slips_per_page_show_each_password_once(contoso, alice, as_alice):
    batch = add(contoso, alice, *(f"user-{number}" for number in range(17)))
    expected = {secret_of(batch, number) for number in range(1, 18)}

    page = body(as_alice.post(url(batch, "sheet/print/"), {"layout": "slips"}))

    assert sorted(PASSWORD.findall(page)) == sorted(expected)
    pages = page.split('class="slip-page"')[1:]
    assert [one.count('class="slip"') for one in pages] == [8, 8, 1]
    assert paper.ROWS_GO_HERE not in page
    assert "http://testserver" not in page
    assert page.rstrip().endswith("</html>")


def test_the_list_holds_every_password_once(batch, as_alice):
    expected = {secret_of(batch, 1), secret_of(batch, 2)}

    page = body(as_alice.post(url(batch, "sheet/print/"), {"layout": "list"}))

    assert sorted(PASSWORD.findall(page)) == sorted(expected)
    assert page.count("<table") == 1


def test_slip_is_in_language_of_recipient_and_english(contoso, alice, as_alice):
    add(contoso, alice, "ann")
    batch = add(contoso, alice, "wang", language="zh-hans")

    page = body(as_alice.post(url(batch, "sheet/print/"), {"layout": "slips"}))

    english, chinese = page.split('class="slip"')[1:]
    assert 'lang="zh-Hans"' not in english
    assert '<span lang="en">User name</span>' in english
    assert '<span lang="zh-Hans">' in chinese
    assert '<span lang="en">User name</span>' in chinese


def test_a_slip_leaves_no_language_behind(batch, as_alice):
    change(user_of(batch), language="zh-hans")
    answer = as_alice.post(url(batch, "sheet/print/"))
    with translation.override("en"):
        for _part in answer:
            assert translation.get_language() == "en"


def test_file_has_no_formulas_and_neutral_name(contoso, alice, as_alice):
    batch = add(contoso, alice, "ann", display_name="=cmd|' /C calc'!A0")
    secret = secret_of(batch)

    answer = as_alice.post(url(batch, "sheet/download/"))

    text = body(answer)
    assert answer["Content-Disposition"] == f'attachment; filename="passwords-{batch.pk}.csv"'
    assert answer["Content-Security-Policy"] == "sandbox"
    assert text.startswith('\ufeff"Name","User name","Temporary password"')
    assert secret in text
    assert '"=cmd' not in text
    assert "=cmd" in text


def test_a_large_sheet_is_shown_in_parts(contoso, alice, as_alice, monkeypatch):
    monkeypatch.setattr("handover.views.sheet.MAX_SHOWN", 2)
    batch = add(contoso, alice, "ann", "ben", "cem")

    first = as_alice.post(url(batch)).content.decode()
    second = as_alice.post(url(batch), {"after": "2"}).content.decode()

    assert ("Ann" in first, "Ben" in first, "Cem" in first) == (True, True, False)
    assert 'name="after" value="2"' in first
    assert ("Ben" in second, "Cem" in second) == (False, True)
    assert as_alice.post(url(batch), {"after": "²'--"}).status_code == 200


# Handed over


def test_handed_over_destroys_the_passwords_and_the_key(batch, alice):
    hand_over(batch=batch, unopened=2, by=alice)

    batch.refresh_from_db()
    assert (batch.sheet_key, batch.handed_over_by, batch.state) == ("", "Alice", "done")
    assert set(Line.objects.filter(batch=batch).values_list("sealed", flat=True)) == {None}
    with pytest.raises(HandedOver):
        open_sheet(batch=batch, way="shown", by=alice)
    event = Event.objects.get(action="sheet.handed_over")
    assert (event.by_name, event.after) == ("Alice", {"passwords": 2})


def test_user_signs_in_after_handover(batch, alice):
    secret, user = secret_of(batch), user_of(batch)

    hand_over(batch=batch, unopened=2, by=alice)

    user.refresh_from_db()
    assert passwords.verify_temporary(secret, user.password)


def unopened(batch, member):
    batch.refresh_from_db()
    return queries.get_handover(batch, member=member).counts.unopened


def test_deleting_unopened_passwords_needs_confirmation(batch, as_alice, alice):
    for data in ({}, {"unopened": ""}, {"unopened": "1"}, {"unopened": "x"}):
        answer = as_alice.post(url(batch, "sheet/handed-over/"), data, follow=True)

        assert "Nothing was deleted: some of these passwords were never" in answer.content.decode()
        assert secret_of(batch)
        assert not Event.objects.filter(action="sheet.handed_over").exists()

    answer = as_alice.post(url(batch, "sheet/handed-over/"), {"unopened": "2"}, follow=True)

    assert "This copy of the passwords has been deleted." in answer.content.decode()
    assert Event.objects.filter(action="sheet.handed_over").exists()


def test_password_added_after_question_is_not_deleted(batch, contoso, alice):
    open_sheet(batch=batch, way="printed", by=alice)
    add(contoso, alice, "cem")

    with pytest.raises(NeverOpened):
        hand_over(batch=batch, by=alice)

    assert unopened(batch, alice) == 1


def test_question_shows_number_of_unopened_passwords(contoso, alice, as_alice):
    batch = add(contoso, alice, "ann")
    assert "This password was never shown, printed or sent." in card(as_alice, batch)
    add(contoso, alice, "ben")
    assert "These 2 passwords were never shown, printed or sent." in card(as_alice, batch)

    as_alice.post(url(batch, "sheet/print/"))
    assert "passwords were never" not in card(as_alice, batch)
    assert 'name="unopened"' not in card(as_alice, batch)

    add(contoso, alice, "cem")
    text = card(as_alice, batch)
    assert "1 of these 3 passwords was never shown, printed or sent." in text
    assert "Delete anyway. 1 user will need a password reset." in text
    assert "Delete this copy of 3 passwords" in text


@pytest.mark.parametrize("way", ["shown", "printed", "downloaded"])
def test_every_form_of_sheet_counts_as_opened(batch, alice, way):
    assert unopened(batch, alice) == 2

    open_sheet(batch=batch, way=way, by=alice)

    assert unopened(batch, alice) == 0


def test_only_shown_page_counts_as_opened(contoso, alice):
    batch = add(contoso, alice, "ann", "ben", "cem", "dan")

    open_sheet(batch=batch, way="shown", after=1, limit=2, by=alice)
    assert unopened(batch, alice) == 2

    # The first one, which was not on that page.
    change(user_of(batch, 1), password_state="chosen")
    assert unopened(batch, alice) == 1


def test_what_was_withheld_was_not_opened(contoso, alice, helen):
    add(contoso, alice, "ann")
    add(contoso, alice, "chief", permissions=["global_administrator"])
    batch = add(contoso, alice, "back")
    back = user_of(batch, 3)
    delete(back)

    open_sheet(batch=batch, way="printed", by=helen)
    change(back, deleted_at=None, purge_at=None)

    assert unopened(batch, alice) == 2
    assert unopened(batch, helen) == 2


def test_sheet_is_handed_over_once(batch, alice):
    hand_over(batch=batch, unopened=2, by=alice)

    with pytest.raises(HandedOver):
        hand_over(batch=batch, by=alice)


def test_user_added_after_handover_opens_new_set(batch, contoso, alice):
    hand_over(batch=batch, unopened=2, by=alice)

    later = add(contoso, alice, "cem")

    assert later.pk != batch.pk
    assert len(rows_of(later, alice)) == 1


def test_batch_page_shows_openings_and_handover(batch, as_alice):
    as_alice.post(url(batch))
    as_alice.post(url(batch, "sheet/print/"))
    before = as_alice.get(url(batch, "")).content.decode()

    as_alice.post(url(batch, "sheet/handed-over/"))
    after = as_alice.get(url(batch, "")).content.decode()

    assert "Viewed 2 times" in before
    assert "Viewed by Alice" in before
    assert "Printed by Alice" in before
    assert "Show passwords" in before
    assert "Show passwords" not in after
    assert "by Alice. This copy of the passwords has been deleted." in after


def test_help_desk_gets_no_button_for_hidden_passwords(contoso, alice, helen, client):
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])
    client.force_login(helen)

    page = client.get(url(batch, "")).content.decode()

    assert "1 of them belongs to an administrator" in page
    assert 'id="handed-over"' not in page
    assert client.post(url(batch, "sheet/handed-over/")).status_code == 302
    assert secret_of(batch)


def card(client, batch):
    """The card on the page of the batch."""
    page = client.get(url(batch, "")).content.decode()
    return page.partition('id="handover"')[2].partition("</section>")[0]


OFFERS = [
    "Show passwords",
    "Print slips",
    "Print list",
    "Download CSV",
    "Email…",
    "Mark as handed over",
]


def offers(client, batch):
    return [offer for offer in OFFERS if offer in card(client, batch)]


def test_the_card_offers_what_there_is(batch, as_alice):
    assert offers(as_alice, batch) == OFFERS


def test_card_of_undone_import_shows_reason(batch, alice, as_alice):
    finish_set(batch=batch, by=alice)
    undo = plan_undo(batch=batch, by=alice)
    start_batch(batch=undo, by=alice)

    text = card(as_alice, batch)

    assert offers(as_alice, batch) == []
    assert "Nothing left to hand over" in text
    assert "2 users have been deleted" in text
    assert "Restored users get the same password again." in text


def test_password_of_restored_user_can_be_shown_again(batch, alice, as_alice):
    secret = secret_of(batch)
    finish_set(batch=batch, by=alice)
    undo = plan_undo(batch=batch, by=alice)
    start_batch(batch=undo, by=alice)
    back = plan_restores(customer=batch.customer, users=[user_of(batch).pk], by=alice)
    start_batch(batch=back, by=alice)

    assert offers(as_alice, batch) == OFFERS
    assert "You can show or print this password until" in card(as_alice, batch)
    assert [row.password.reveal() for row in rows_of(batch, alice) if row.password] == [secret]


def test_card_counts_unusable_passwords_by_reason(contoso, alice, as_alice):
    people = ("used", "other", "replaced", "expired", "good", "better", "promoted")
    batch = add(contoso, alice, *people)
    change(user_of(batch, 1), password_state="chosen")
    change(user_of(batch, 2), password_state="chosen")
    change(user_of(batch, 3), password_batch=None)
    change(user_of(batch, 4), password_expires_at=timezone.now())
    change(user_of(batch, 7), password_state="none", permissions=["user_administrator"])

    text = card(as_alice, batch)

    assert "You can show or print these 2 passwords until" in text
    assert re.findall("<li>(.*?)</li>", text) == [
        "2 users have chosen a password",
        "1 user has become an administrator",
        "1 password was replaced by a later reset",
        "1 password has expired",
    ]
    assert "Mark 2 passwords as handed over?" in text
    assert "is restored" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"password_state": "chosen"},
        {"password_batch": None},
        {"password_expires_at": timezone.now()},
        {"deleted_at": timezone.now(), "purge_at": timezone.now() + timedelta(days=30)},
    ],
    ids=["used", "replaced", "expired", "deleted"],
)
@pytest.mark.parametrize("what", ["sheet/", "sheet/print/", "sheet/download/"])
def test_where_nothing_is_left_nothing_is_opened(batch, as_alice, fields, what):
    change(user_of(batch, 1), **fields)
    change(user_of(batch, 2), **fields)

    answer = as_alice.post(url(batch, what), follow=True)

    assert answer.redirect_chain == [(url(batch, ""), 302)]
    assert "No passwords left to hand over" in answer.content.decode()
    assert offers(as_alice, batch) == []
    assert not Event.objects.filter(action="sheet.opened").exists()


def test_member_without_visible_passwords_gets_no_buttons(contoso, alice, helen, client):
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])
    client.force_login(helen)

    answer = client.post(url(batch), follow=True)

    assert offers(client, batch) == []
    assert "Nothing left to hand over" not in card(client, batch)
    assert "which your role can’t see" in answer.content.decode()
    assert not Event.objects.filter(action="sheet.opened").exists()


def test_member_with_hidden_passwords_cannot_hand_over(contoso, alice, helen, client):
    add(contoso, alice, "ann")
    batch = add(contoso, alice, "chief", permissions=["global_administrator"])
    client.force_login(helen)

    assert offers(client, batch) == OFFERS[:-1]


def test_a_later_page_without_passwords_is_still_shown(contoso, alice, as_alice, monkeypatch):
    monkeypatch.setattr("handover.views.sheet.MAX_SHOWN", 2)
    batch = add(contoso, alice, "ann", "ben", "cem")
    change(user_of(batch, 3), password_state="chosen")

    page = as_alice.post(url(batch), {"after": "2"}).content.decode()

    assert "The user has already chosen a password." in page


def test_a_reader_sees_no_card(batch, bob, client):
    client.force_login(bob)

    assert 'id="handover"' not in client.get(url(batch, "")).content.decode()
    assert client.post(url(batch)).status_code == 403
