import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from batches.operations.control import start_batch
from partners.models import Tries
from tests import factories
from tests.users.my.conftest import OWN, change
from users import passwords
from users.acts.reset import plan_resets
from users.models import CustomerUser, UserSession
from users.my.operations import TooBusy, WrongPassword, sign_in

WRONG = "Wrong user name or password."


def test_a_temporary_password_leads_only_to_choosing_one(visitor, ann):
    signed_in = visitor.sign_in("ann@contoso.example", ann.temporary)

    assert (signed_in.status_code, signed_in["Location"]) == (302, "/my/")
    assert visitor.get("/my/")["Location"] == "/my/password/"
    assert visitor.get("/my/password/").status_code == 200


def test_typed_user_name_is_normalized(visitor, ann):
    typed = ann.temporary.upper().replace("-", " ").replace("1", "l").replace("0", "O")

    assert visitor.sign_in(" Ann@Contoso.EXAMPLE ", typed).status_code == 302


def test_session_cookie_is_httponly_on_own_path(visitor, ann):
    cookie = visitor.sign_in("ann@contoso.example", ann.temporary).cookies["my"]

    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/my/", True, "Lax")
    token = cookie.value.partition(".")[2]
    assert not UserSession.objects.filter(token_hash=token).exists()


def test_cookie_over_https_has_secure_name(visitor, ann, settings):
    settings.IS_HTTPS = True

    cookie = visitor.sign_in("ann@contoso.example", ann.temporary).cookies["__Secure-my"]

    assert cookie["secure"]


@pytest.mark.parametrize(
    ("user_name", "password"),
    [
        ("ann@contoso.example", "0000-0000-0000-0000"),
        ("nobody@contoso.example", "0000-0000-0000-0000"),
        ("ann@nowhere.example", "0000-0000-0000-0000"),
        ("ann", "0000-0000-0000-0000"),
        ("@", "x"),
        ("ann@\u212aontoso.example", "x"),
        ("a" * 200 + "@" + "ü" * 50, "x"),
    ],
)
def test_every_failure_shows_the_same_message(visitor, ann, user_name, password):
    answer = visitor.sign_in(user_name, password)

    assert answer.status_code == 422
    assert WRONG in answer.content.decode()
    assert "my" not in answer.cookies


def test_a_deleted_user_is_as_good_as_unknown(visitor, settled):
    now = timezone.now()
    change(settled, deleted_at=now, purge_at=now + timedelta(days=30))

    assert WRONG in visitor.sign_in("ann@contoso.example", OWN).content.decode()


def test_only_right_password_reveals_block(visitor, settled):
    change(settled, is_blocked=True)

    assert WRONG in visitor.sign_in("ann@contoso.example", "wrong").content.decode()
    assert "account is blocked" in visitor.sign_in("ann@contoso.example", OWN).content.decode()


def test_a_user_without_a_password_cannot_sign_in(visitor, ann):
    change(ann, password="", password_state=CustomerUser.PasswordState.NONE)

    assert visitor.sign_in("ann@contoso.example", "x").status_code == 422


def test_expired_temporary_password_is_explained(visitor, ann):
    change(ann, password_expires_at=timezone.now() - timedelta(seconds=1))

    assert "has expired" not in visitor.sign_in("ann@contoso.example", "wrong").content.decode()
    answer = visitor.sign_in("ann@contoso.example", ann.temporary)

    assert "This temporary password has expired." in answer.content.decode()
    assert not UserSession.objects.filter(user=ann).exists()


def test_temporary_password_expiring_meanwhile_ends_session(visitor, ann):
    visitor.sign_in("ann@contoso.example", ann.temporary)
    change(ann, password_expires_at=timezone.now() - timedelta(seconds=1))

    assert visitor.choose(OWN)["Location"] == "/my/sign-in/"
    ann.refresh_from_db()
    assert ann.password_state == "temporary"


def test_five_wrong_passwords_lock_sign_in(visitor, settled):
    for _time in range(5):
        visitor.sign_in("ann@contoso.example", "wrong")

    assert WRONG in visitor.sign_in("ann@contoso.example", OWN).content.decode()


def test_lock_ends_after_fifteen_minutes(visitor, settled):
    for _time in range(6):
        visitor.sign_in("ann@contoso.example", "wrong")
    Tries.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert visitor.sign_in("ann@contoso.example", OWN).status_code == 302
    settled.refresh_from_db()
    assert settled.locked_until is None


def guess_in_parallel(guesses):
    """Try to sign in with all of them at once, each on a connection of its own."""
    signed_in, refused = [], []

    def guess(password):
        try:
            signed_in.append(sign_in(user_name="ann@contoso.example", password=password))
        except WrongPassword:
            refused.append(password)
        except TooBusy:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guess, args=[password]) for password in guesses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return signed_in, refused


@pytest.mark.django_db(transaction=True)
def test_of_guesses_in_parallel_every_one_is_counted(settled, monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        passwords, "verify_chosen", lambda password, stored: looked_at.append(password)
    )

    signed_in, refused = guess_in_parallel([f"wrong {number}" for number in range(12)])

    assert (signed_in, len(refused), len(looked_at)) == ([], 12, 5)


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_are_limited_to_five(settled):
    for _time in range(5):
        with pytest.raises(WrongPassword):
            sign_in(user_name="ann@contoso.example", password="wrong")

    assert guess_in_parallel([OWN] * 12)[0] == []


def test_signing_in_again_ends_the_browsers_old_session(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)
    old = visitor.cookies["my"].value
    visitor.sign_in("ann@contoso.example", OWN)

    assert visitor.cookies["my"].value != old
    assert UserSession.objects.filter(user=settled).count() == 1


def test_session_of_member_does_not_count(as_alice, settled):
    assert as_alice.get("/my/")["Location"] == "/my/sign-in/"


def test_member_of_another_partner_changes_nothing(visitor, settled, mallory):
    visitor.client.force_login(mallory)
    visitor.sign_in("ann@contoso.example", OWN)

    page = visitor.get("/my/").content.decode()

    assert "Ann Lee" in page
    assert "CANARY" not in page
    assert visitor.get("/customers/contoso/users/").status_code == 404


def test_session_of_user_does_not_count_in_portal(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)

    assert visitor.get("/customers/").status_code == 302


def test_a_token_opens_nothing_at_another_partner(visitor, settled, rival):
    visitor.sign_in("ann@contoso.example", OWN)
    token = visitor.cookies["my"].value.partition(".")[2]
    visitor.cookies["my"] = f"{rival.pk}.{token}"

    assert visitor.get("/my/")["Location"] == "/my/sign-in/"


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "0.0", "é", "a" * 4000])
def test_a_spoilt_cookie_leads_to_signing_in(visitor, settled, cookie):
    visitor.cookies["my"] = cookie

    assert visitor.get("/my/").status_code == 302


@pytest.mark.parametrize(
    "columns",
    [
        {"seen_at": timedelta(minutes=30, seconds=1)},
        {"created_at": timedelta(hours=12, seconds=1)},
    ],
)
def test_a_session_ends_by_itself(visitor, settled, columns):
    visitor.sign_in("ann@contoso.example", OWN)
    UserSession.objects.update(**{name: timezone.now() - age for name, age in columns.items()})

    assert visitor.get("/my/")["Location"] == "/my/sign-in/"


@pytest.mark.parametrize("how", ["blocked", "deleted", "reset"])
def test_user_without_access_loses_session_at_once(visitor, settled, alice, contoso, how):
    visitor.sign_in("ann@contoso.example", OWN)
    now = timezone.now()
    if how == "blocked":
        change(settled, is_blocked=True)
    elif how == "deleted":
        change(settled, deleted_at=now, purge_at=now + timedelta(days=30))
    else:
        batch = plan_resets(customer=contoso, users=[settled.pk], by=alice)
        start_batch(batch=batch, by=alice)

    assert visitor.get("/my/")["Location"] == "/my/sign-in/"


def test_signing_out_makes_the_cookie_worthless(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)
    value = visitor.cookies["my"].value
    visitor.client.post("/my/sign-out/")
    visitor.cookies["my"] = value

    assert visitor.get("/my/")["Location"] == "/my/sign-in/"


def test_sign_in_and_out_replace_csrf_token(visitor, settled):
    visitor.get("/my/sign-in/")
    before = visitor.cookies["csrf"].value
    visitor.sign_in("ann@contoso.example", OWN)
    assert visitor.cookies["csrf"].value != before
    before = visitor.cookies["csrf"].value

    answer = visitor.client.post("/my/sign-out/")

    assert visitor.cookies["csrf"].value != before
    # Not the cookies: a member may be signed in in the same browser.
    assert answer["Clear-Site-Data"] == '"cache", "storage"'


def test_signed_in_user_skips_form(visitor, settled):
    visitor.sign_in("ann@contoso.example", OWN)

    assert visitor.get("/my/sign-in/")["Location"] == "/my/"


def test_page_uses_language_of_user(visitor, settled, alice):
    alice.language = "zh-hans"
    alice.save(update_fields=["language"])
    visitor.client.force_login(alice)

    assert visitor.get("/my/sign-in/")["Content-Language"] == "en"

    change(settled, language="zh-hans")
    visitor.sign_in("ann@contoso.example", OWN)
    assert visitor.get("/my/")["Content-Language"] == "zh-hans"


def test_home_shows_the_user_and_their_licenses_only(visitor, settled, office, contoso, alice):
    (mail, meetings) = office.product.plans.order_by("name")
    office.assignments.create(
        user=settled, customer=contoso, disabled_plans=[meetings.pk], partner_id=contoso.partner_id
    )
    other = factories.user(contoso, "Somebody Else")
    change(settled, location="CN")
    visitor.sign_in("ann@contoso.example", OWN)

    page = visitor.get("/my/").content.decode()

    assert "Office E3" in page
    assert "China" in page
    assert "Switched off: Meetings" in page
    assert other.display_name not in page


def test_times_do_not_use_time_zone_of_member(visitor, settled, alice):
    alice.time_zone = "Asia/Shanghai"
    alice.save(update_fields=["time_zone"])
    visitor.client.force_login(alice)
    visitor.sign_in("ann@contoso.example", OWN)
    settled.refresh_from_db()

    assert f"{settled.signed_in_at:%H:%M} UTC" in visitor.get("/my/").content.decode()
