from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from batches.operations.control import start_batch
from tests.users.my.conftest import OWN, change
from users import passwords
from users.acts.reset import plan_resets
from users.models import CustomerUser, UserSession
from users.my.operations import SignedOut, WrongPassword, choose_password, continue_session, sign_in

BETTER = "quiet meadow ladder ninety"


def test_the_chosen_password_replaces_the_temporary_one(visitor, ann):
    visitor.sign_in("ann@contoso.example", ann.temporary)

    answer = visitor.choose(OWN)

    assert answer["Location"] == "/my/?password=changed"
    assert "Your new password is saved." in visitor.get(answer["Location"]).content.decode()
    user = CustomerUser.objects.get(pk=ann.pk)
    assert user.password_state == "chosen"
    assert (user.password_expires_at, user.password_batch) == (None, None)
    assert user.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_temporary_password_is_useless_afterwards(visitor, ann):
    visitor.sign_in("ann@contoso.example", ann.temporary)
    visitor.choose(OWN)
    visitor.client.post("/my/sign-out/")

    assert visitor.sign_in("ann@contoso.example", ann.temporary).status_code == 422
    assert visitor.sign_in("ann@contoso.example", OWN).status_code == 302


@pytest.mark.parametrize("spelling", [str, str.upper, lambda text: text.replace("-", " ")])
def test_the_temporary_password_cannot_be_kept(visitor, ann, spelling):
    visitor.sign_in("ann@contoso.example", ann.temporary)

    answer = visitor.choose(spelling(ann.temporary))

    assert answer.status_code == 422
    assert "Choose a password other than the temporary one." in answer.content.decode()
    ann.refresh_from_db()
    assert ann.password_state == "temporary"


@pytest.mark.parametrize("password", ["short", "ann@contoso.example", "aaaaaaaaaaaaaaaaaaaa"])
def test_a_password_that_is_too_easy_is_refused(visitor, ann, password):
    visitor.sign_in("ann@contoso.example", ann.temporary)

    assert visitor.choose(password).status_code == 422


def test_two_different_passwords_are_refused(visitor, ann):
    visitor.sign_in("ann@contoso.example", ann.temporary)

    answer = visitor.client.post("/my/password/", {"password": OWN, "again": BETTER})

    assert answer.status_code == 422
    assert "The passwords don’t match." in answer.content.decode()
    ann.refresh_from_db()
    assert ann.password_state == "temporary"


def test_choosing_needs_session(visitor, ann):
    assert visitor.choose(OWN)["Location"] == "/my/sign-in/"


def test_choosing_replaces_all_sessions(visitor, settled):
    sign_in(user_name="ann@contoso.example", password=OWN)
    visitor.sign_in("ann@contoso.example", OWN)
    old = visitor.cookies["my"].value

    visitor.choose(BETTER, current=OWN)

    assert visitor.cookies["my"].value != old
    assert UserSession.objects.filter(user=settled).count() == 1
    assert visitor.get("/my/").status_code == 200


def test_changing_needs_current_password(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)

    answer = visitor.choose(BETTER, current="wrong")

    assert answer.status_code == 422
    assert "Wrong current password." in answer.content.decode()
    assert Event.objects.filter(action="user.sign_in_failed", subject_id=settled.pk).exists()


def test_the_present_one_cannot_be_guessed_without_end(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)
    for _time in range(5):
        visitor.choose(BETTER, current="wrong")

    assert visitor.choose(BETTER, current=OWN).status_code == 422


def test_a_reset_meanwhile_wins(visitor, settled, contoso, alice):
    signed_in = sign_in(user_name="ann@contoso.example", password=OWN)
    session = continue_session(token=signed_in.token)
    batch = plan_resets(customer=contoso, users=[settled.pk], by=alice)
    start_batch(batch=batch, by=alice)

    with pytest.raises(WrongPassword):
        choose_password(session=session, password=BETTER, current=OWN)

    settled.refresh_from_db()
    assert settled.password_state == "temporary"


def test_reset_during_choosing_wins(ann, contoso, alice):
    signed_in = sign_in(user_name="ann@contoso.example", password=ann.temporary)
    session = continue_session(token=signed_in.token)
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    with pytest.raises(SignedOut):
        choose_password(session=session, password=BETTER)

    ann.refresh_from_db()
    assert ann.password_state == "temporary"


def test_choosing_is_recorded_without_password(visitor, ann):
    visitor.sign_in("ann@contoso.example", ann.temporary)
    visitor.choose(OWN)

    (event,) = Event.objects.filter(action="user.password_chosen")
    assert (event.by_name, event.by_id, event.subject_id) == ("ann@contoso.example", None, ann.pk)
    assert (event.before, event.after) == ({}, {})


def test_policy_sets_time_of_temporary_password(ann, contoso, alice):
    contoso.password_days = 3
    contoso.save(update_fields=["password_days"])
    batch = plan_resets(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    ann.refresh_from_db()
    left = ann.password_expires_at - timezone.now()
    assert timedelta(days=2, hours=23) < left <= timedelta(days=3)


def test_a_new_password_works_in_any_keyboards_spelling(visitor, settled):
    change(settled, password=passwords.hash_chosen("cafe\u0301 at the old harbor wall"))

    assert visitor.sign_in("ann@contoso.example", "café at the old harbor wall").status_code == 302
