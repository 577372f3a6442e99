"""A new administrator loses the temporary password and its links, which others may have seen."""

import re

import pytest
from django.core import mail
from django.test import Client

from audit.models import Event
from batches.models import Line
from batches.operations.control import start_batch
from handover.operations.mail import mail_users, send_handovers
from tests.handover.handing_over import add, change, rows_of, secret_of, user_of
from tests.users.test_edit_user import edit
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.reset import plan_resets
from users.models import CustomerUser, UserSession
from users.my import operations
from users.my.operations import SignedOut, WrongPassword, continue_session

pytestmark = pytest.mark.django_db

ADMINISTRATOR = ["user_administrator"]


@pytest.fixture
def batch(contoso, helen):
    """Added by the help desk, which knows the password."""
    return add(contoso, helen, "ann", "ben")


def sign_in(user_name, password):
    return operations.sign_in(user_name=user_name, password=password)


def test_the_temporary_password_ends(batch, alice):
    secret, ann = secret_of(batch), user_of(batch)
    opened = sign_in(ann.user_name, secret)

    edit(ann, alice, permissions=ADMINISTRATOR)

    ann = CustomerUser.objects.get(pk=ann.pk)
    assert (ann.password, ann.password_state, ann.password_batch) == ("", "none", None)
    with pytest.raises(WrongPassword):
        sign_in(ann.user_name, secret)
    with pytest.raises(SignedOut):
        continue_session(token=opened.token)
    assert Line.objects.get(batch=batch, number=1).sealed is None
    (event,) = Event.objects.filter(action="user.password_ended")
    assert (event.subject_id, event.by_id) == (ann.pk, alice.pk)


def test_the_others_of_the_sheet_keep_theirs(batch, alice, helen):
    edit(user_of(batch), alice, permissions=ADMINISTRATOR)

    first, second = rows_of(batch, helen)
    assert (first.password, first.withheld) == (None, "promoted")
    assert "became an administrator" in first.reason
    assert second.password is not None


def test_promotion_ends_links_to_password(batch, alice, helen):
    mail_users(batch=batch, kind="user_link", by=helen)
    send_handovers(batch_id=batch.pk)
    links = {
        letter.to[0]: re.search(r"http://\S+(/link/\S+)", letter.body)[1] for letter in mail.outbox
    }

    edit(user_of(batch), alice, permissions=ADMINISTRATOR)

    assert Client().post(links["ann@home.example"]).status_code == 410
    assert Client().post(links["ben@home.example"]).status_code == 200


def test_a_chosen_password_stays(batch, alice):
    ann = user_of(batch)
    change(ann, password_state="chosen", password_expires_at=None, password_batch=None)

    changed = edit(ann, alice, permissions=ADMINISTRATOR)

    assert changed == ["permissions"]
    assert CustomerUser.objects.get(pk=ann.pk).password == ann.password != ""


def test_another_permission_of_an_administrator_ends_nothing(contoso, alice):
    ann = user_of(add(contoso, alice, "ann", permissions=ADMINISTRATOR))

    edit(ann, alice, permissions=["global_administrator"])

    assert CustomerUser.objects.get(pk=ann.pk).password_state == "temporary"


def test_many_are_promoted_by_an_act(batch, alice, contoso):
    """As an import of changes and an undo do it."""
    from batches.acts import LineInput
    from batches.models import Batch
    from users.acts import edit as changing

    ann, ben = user_of(batch, 1), user_of(batch, 2)
    act = plan_edits(
        customer=contoso, users=[ann.pk, ben.pk], changes={"department": "IT"}, by=alice
    )
    lines = [
        LineInput(
            1, ann.pk, {"user_name": ann.user_name, "changes": {"permissions": ADMINISTRATOR}}
        ),
        LineInput(2, ben.pk, {"user_name": ben.user_name, "changes": {"department": "IT"}}),
    ]

    changing.apply_changes(batch=Batch.objects.get(pk=act.pk), lines=lines, by=alice)

    states = dict(CustomerUser.objects.values_list("pk", "password_state"))
    assert states == {ann.pk: "none", ben.pk: "temporary"}
    assert Event.objects.get(action="user.password_ended").batch_id == act.pk


def test_page_explains_ended_password(batch, as_alice, contoso):
    ann = user_of(batch)
    address = f"/customers/contoso/users/{ann.pk}/edit/"
    before = as_alice.get(address)
    assert "It ends when the user becomes an administrator" in before.content.decode()
    form = before.context["form"]
    fields = {name: form[name].value() or "" for name in form.fields}
    fields |= {"kind": "administrator", "permissions": ADMINISTRATOR, "location": "US"}
    fields.pop("may_take_last_administrator", None)

    page = as_alice.post(address, fields, follow=True)

    text = page.content.decode()
    assert "so the temporary password ended" in text
    assert "Reset password" in text
    again = as_alice.get(address).content.decode()
    assert "It ends when the user becomes an administrator" not in again


def test_new_password_needs_permission_for_administrators(batch, alice, helen, contoso):
    ann = user_of(batch)
    edit(ann, alice, permissions=ADMINISTRATOR)

    reset = plan_resets(customer=contoso, users=[ann.pk], by=helen)
    assert Line.objects.get(batch=reset).state == "failed" or Line.objects.get(batch=reset).problems


@pytest.mark.parametrize("act", ["block", "delete", "reset"])
def test_sessions_of_a_user_end(batch, alice, contoso, act):
    ann = user_of(batch)
    opened = sign_in(ann.user_name, secret_of(batch))
    plan = {
        "block": lambda: plan_blocks(customer=contoso, users=[ann.pk], block=True, by=alice),
        "delete": lambda: plan_deletes(customer=contoso, users=[ann.pk], by=alice),
        "reset": lambda: plan_resets(customer=contoso, users=[ann.pk], by=alice),
    }[act]()

    start_batch(batch=plan, by=alice)

    assert not UserSession.objects.filter(user=ann).exists()
    with pytest.raises(SignedOut):
        continue_session(token=opened.token)
