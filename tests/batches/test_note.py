"""A reason and a ticket that were typed beside a plan, and then something was repaired."""

import re

import pytest
from django.urls import reverse

from batches.operations.control import keep_note, start_batch
from partners.access import Refused
from tests import factories
from tests.imports.test_import import plan, show
from tests.imports.test_repair import HEADER, HTMX, typed
from users.acts.delete import plan_deletes
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores

NOTE = {"reason": "New school year", "ticket": "T-9"}
DOMAIN = {
    "code": "domain_unknown",
    "column": "user_name",
    "key": "contoso.exmaple",
    "choice": "set:contoso.example",
}


@pytest.fixture
def batch(as_alice, contoso, office):
    """A plan with a bad row and a good one."""
    return plan(as_alice, (HEADER + "amy@contoso.exmaple,Amy,,,,\r\nbob,Bob,,,,\r\n").encode())


def send(client, batch, name, *args, **data):
    return client.post(reverse(name, args=["contoso", batch.pk, *args]), data)


def note(batch):
    batch.refresh_from_db()
    return {"reason": batch.reason, "ticket": batch.ticket}


@pytest.mark.parametrize(
    ("name", "args", "data"),
    [
        ("repair_all", [], DOMAIN),
        ("repair_all", [], DOMAIN | {"choice": ""}),
        ("repair_line", [1], typed()),
        ("skip_line", [1], {}),
        ("include_line", [2], {}),
    ],
)
def test_every_repair_keeps_note(as_alice, batch, name, args, data):
    answer = send(as_alice, batch, f"imports:{name}", *args, **data, **NOTE)

    assert answer.status_code in {302, 422}
    assert note(batch) == NOTE
    page = show(as_alice, batch)
    assert 'value="New school year"' in page
    assert 'value="T-9"' in page


def test_edit_of_row_keeps_note(as_alice, batch):
    url = reverse("imports:repair_line", args=["contoso", batch.pk, 1])

    as_alice.post(url, typed() | NOTE, headers=HTMX)

    assert note(batch) == NOTE


def test_page_of_refused_choice_keeps_note(as_alice, batch):
    answer = send(as_alice, batch, "imports:repair_all", **DOMAIN | {"choice": ""}, **NOTE)

    assert 'value="New school year"' in answer.content.decode()


def test_repair_without_note_keeps_stored_note(as_alice, batch):
    send(as_alice, batch, "imports:skip_line", 2, **NOTE)

    send(as_alice, batch, "imports:include_line", 2)

    assert note(batch) == NOTE


def test_start_stores_last_note(as_alice, batch):
    send(as_alice, batch, "imports:skip_line", 1, **NOTE)

    send(as_alice, batch, "batches:start", reason="", ticket="T-10")

    assert batch.state == "planned"
    assert note(batch) == {"reason": "", "ticket": "T-10"}
    assert batch.state == "done"


@pytest.mark.parametrize("bad", [{"reason": "x" * 241}, {"ticket": "x" * 61}, {"reason": "a\0b"}])
def test_what_cannot_be_kept_is_not(as_alice, batch, bad):
    send(as_alice, batch, "imports:skip_line", 1, **NOTE | bad)

    assert note(batch) == {"reason": "", "ticket": ""}


def test_other_members_cannot_write_note(batch, helen):
    with pytest.raises(Refused):
        keep_note(batch=batch, **NOTE, by=helen)


def test_started_plan_keeps_its_note(batch, alice):
    start_batch(batch=batch, reason="First", by=alice)

    keep_note(batch=batch, **NOTE, by=alice)

    assert note(batch) == {"reason": "First", "ticket": ""}


def test_rename_of_restored_user_keeps_note(as_alice, contoso, alice):
    gone = factories.user(contoso, "Amy", user_name="amy@contoso.example")
    start_batch(batch=plan_deletes(customer=contoso, users=[gone.pk], by=alice), by=alice)
    factories.user(contoso, "Another Amy", user_name="amy@contoso.example")
    batch = plan_restores(customer=contoso, users=[gone.pk], by=alice)

    send(as_alice, batch, "users:rename_restored", number=1, local_part="amy2", **NOTE)

    assert note(batch) == NOTE


def test_note_can_be_saved_without_scripts(as_alice, batch):
    address = reverse("batches:note", args=["contoso", batch.pk])
    page = show(as_alice, batch)
    (hint,) = re.findall("<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert f'formaction="{address}"' in hint
    # Enter in a field presses the first button of the form, which must not start anything.
    assert page.index(address) < page.index('form="start"')

    answer = send(as_alice, batch, "batches:note", **NOTE)

    assert answer.status_code == 302
    assert note(batch) == NOTE
    assert batch.state == "planned"
    send(as_alice, batch, "imports:repair_line", 1, **typed())
    assert note(batch) == NOTE


def test_too_long_note_is_refused_and_kept(as_alice, batch):
    answer = send(as_alice, batch, "batches:note", reason="New school year", ticket="T" * 61)

    assert answer.status_code == 422
    assert 'value="New school year"' in answer.content.decode()
    assert note(batch) == {"reason": "", "ticket": ""}


def test_member_without_permission_saves_no_note(client, bob, batch):
    client.force_login(bob)

    assert "<noscript>" not in show(client, batch)
    assert send(client, batch, "batches:note", **NOTE).status_code == 403
    assert note(batch) == {"reason": "", "ticket": ""}


def test_plan_without_repairs_shows_no_hint(as_alice, contoso, alice):
    ann = factories.user(contoso, "Ann")
    planned = plan_resets(customer=contoso, users=[ann.pk], by=alice)

    assert "<noscript>" not in show(as_alice, planned)
