"""Acts on one user: asked in a dialog or on a page, run at once, undone from the notice."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from batches.operations.control import start_batch
from customers.counts import lock_customer
from customers.models import Customer
from licensing.operations.seats import Wanted, assign
from tests import factories
from users.acts import at_once
from users.acts.block import plan_blocks
from users.acts.undo import plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db

USERS = "/customers/contoso/users/"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{USERS}?q=ann"}


@pytest.fixture
def ann(contoso):
    return factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")


def delete(user):
    now = timezone.now()
    CustomerUser.objects.filter(pk=user.pk).update(
        deleted_at=now, purge_at=now + timedelta(days=30)
    )


def ask(client, user, act, **more):
    return client.get(f"{USERS}{user.pk}/{act}", **more)


def answers_of(question, **answers):
    once = question.context["once"]
    return {"key": str(once["key"].value()), "version": once["version"].value(), **answers}


def run(client, user, act, /, *, headers=None, **answers):
    question = ask(client, user, act, headers=headers or {})
    sent = answers_of(question, **answers)
    return client.post(f"{USERS}{user.pk}/{act}", sent, headers=headers or {})


def notices(response):
    return [str(one) for one in get_messages(response.wsgi_request)]


def text_of(response):
    return response.content.decode()


def test_question_keeps_no_plan(as_alice, contoso, ann):
    question = text_of(ask(as_alice, ann, "delete/"))

    assert "<h1>Delete the user account of Ann?</h1>" in question
    assert "You can restore within 30 days" in question
    assert not contoso.batches.exists()
    assert not Line.objects.exists()


def test_dialog_is_a_part_of_a_page(as_alice, ann):
    question = text_of(ask(as_alice, ann, "block/", headers=HTMX))

    assert "<html" not in question
    assert 'id="dialog-title">Block sign-in of Ann?' in question


@pytest.mark.parametrize(
    ("act", "field", "text"),
    [
        ("block/", "is_blocked", "Sign-in of Ann blocked"),
        ("delete/", "deleted_at", "User account of Ann deleted"),
    ],
)
def test_act_runs_at_once_and_is_undone(as_alice, contoso, ann, act, field, text):
    done = run(as_alice, ann, act, reason="Left", next=f"{USERS}?q=ann")

    assert done["Location"] == f"{USERS}?q=ann"
    assert notices(done) == [text]
    ann.refresh_from_db()
    assert getattr(ann, field)
    batch = contoso.batches.get()
    assert (batch.state, batch.reason) == ("done", "Left")

    page = text_of(as_alice.get(done["Location"]))
    address = f"/customers/contoso/batches/{batch.pk}/undo/"
    assert f'action="{address}"' in page
    undone = as_alice.post(address, {"at_once": "1", "next": USERS})

    assert notices(undone)[-1] == "Undone for Ann"
    assert undone["Location"] == USERS
    ann.refresh_from_db()
    assert not getattr(ann, field)
    assert contoso.batches.count() == 2


def test_undo_twice_runs_once(as_alice, contoso, ann):
    run(as_alice, ann, "block/")
    address = f"/customers/contoso/batches/{contoso.batches.get().pk}/undo/"

    for _try in range(2):
        as_alice.post(address, {"at_once": "1"})

    assert contoso.batches.filter(kind="undo").count() == 1
    ann.refresh_from_db()
    assert not ann.is_blocked


def undo_at_once(client, batch):
    return client.post(f"/customers/contoso/batches/{batch.pk}/undo/", {"at_once": "1"})


@pytest.mark.parametrize("state", ["checking", "running", "paused", "done"])
def test_undo_of_several_is_shown_on_its_page(as_alice, alice, contoso, ann, state):
    ben = factories.user(contoso, "Ben")
    plan = plan_blocks(customer=contoso, users=[ann.pk, ben.pk], block=True, by=alice)
    batch = start_batch(batch=plan, by=alice)
    undo = plan_undo(batch=batch, by=alice)
    start_batch(batch=undo, by=alice)
    Batch.objects.filter(pk=undo.pk).update(state=state)

    shown = undo_at_once(as_alice, batch)

    assert shown["Location"] == f"/customers/contoso/batches/{undo.pk}/"


def test_undo_of_purged_user_is_shown_on_its_page(as_alice, contoso, ann):
    run(as_alice, ann, "block/")
    batch = contoso.batches.get()
    undo_at_once(as_alice, batch)
    delete(ann)
    run(as_alice, ann, "purge/")

    shown = undo_at_once(as_alice, batch)

    undo = contoso.batches.get(kind="undo")
    assert shown["Location"] == f"/customers/contoso/batches/{undo.pk}/"


def test_undo_with_a_problem_shows_its_plan(as_alice, contoso, ann):
    run(as_alice, ann, "delete/")
    factories.user(contoso, "New Ann", user_name="ann@contoso.example")
    batch = contoso.batches.get()

    shown = as_alice.post(f"/customers/contoso/batches/{batch.pk}/undo/", {"at_once": "1"})

    undo = contoso.batches.get(kind="undo")
    assert shown["Location"] == f"/customers/contoso/batches/{undo.pk}/"
    assert undo.state == Batch.State.PLANNED


def test_double_click_runs_once(as_alice, contoso, ann):
    sent = answers_of(ask(as_alice, ann, "reset/"))

    first, second = (as_alice.post(f"{USERS}{ann.pk}/reset/", sent) for _click in range(2))

    assert first["Location"] == second["Location"]
    assert contoso.batches.count() == 1
    assert Event.objects.filter(action="user.password_reset").count() == 1


def test_answer_sent_again_after_undo_is_told(as_alice, contoso, ann):
    sent = answers_of(ask(as_alice, ann, "block/"))
    as_alice.post(f"{USERS}{ann.pk}/block/", sent)
    undo_at_once(as_alice, contoso.batches.get())

    refused = as_alice.post(f"{USERS}{ann.pk}/block/", sent)

    assert refused.status_code == 422
    assert "This user was changed after you opened this." in text_of(refused)
    ann.refresh_from_db()
    assert not ann.is_blocked


def test_key_of_another_question_is_not_its_answer(as_alice, contoso, ann):
    ben = factories.user(contoso, "Ben")
    key = answers_of(ask(as_alice, ann, "block/"))["key"]
    run(as_alice, ann, "block/", key=key)

    run(as_alice, ben, "block/", key=key)
    run(as_alice, ann, "delete/", key=key)

    for user in (ann, ben):
        user.refresh_from_db()
    assert (ben.is_blocked, bool(ann.deleted_at)) == (True, True)


def test_second_tab_is_told(as_alice, contoso, ann):
    first, second = (answers_of(ask(as_alice, ann, "reset/")) for _tab in range(2))
    as_alice.post(f"{USERS}{ann.pk}/reset/", first)

    refused = as_alice.post(f"{USERS}{ann.pk}/reset/", second)

    assert refused.status_code == 422
    assert "This user was changed after you opened this." in text_of(refused)
    assert contoso.batches.count() == 1


def test_key_of_another_member_is_not_answered(as_alice, client, helen, contoso, ann):
    sent = answers_of(ask(as_alice, ann, "reset/"))
    as_alice.post(f"{USERS}{ann.pk}/reset/", sent)
    client.force_login(helen)
    sent |= {"version": answers_of(ask(client, ann, "reset/"))["version"]}

    client.post(f"{USERS}{ann.pk}/reset/", sent)

    assert contoso.batches.count() == 2


def test_reset_leads_to_the_sheet_by_post_only(as_alice, contoso, ann):
    done = run(as_alice, ann, "reset/", show="1")
    batch = contoso.batches.get()

    assert done.status_code == 307
    assert done["Location"] == f"/customers/contoso/batches/{batch.pk}/sheet/"
    assert not Event.objects.filter(action="sheet.opened").exists()
    shown = as_alice.post(done["Location"], headers=HTMX)
    assert Event.objects.filter(action="sheet.opened").count() == 1
    assert "data-secret=" in text_of(shown)
    assert "<html" not in text_of(shown)
    assert shown["Cache-Control"] == "private, no-store"


def test_reset_without_show_offers_it(as_alice, contoso, ann):
    done = run(as_alice, ann, "reset/")

    page = text_of(as_alice.get(done["Location"]))

    assert "Password of Ann reset" in page
    assert f"/customers/contoso/batches/{contoso.batches.get().pk}/sheet/" in page
    assert "Show password" in page
    assert ">Undo<" not in page


def test_dialog_asks_for_the_page_below(as_alice, ann):
    done = run(as_alice, ann, "block/", headers=HTMX)

    assert done.status_code == 200
    assert f'"path": "{USERS}?q=ann"' in done["HX-Location"]
    assert '"target": "#main"' in done["HX-Location"]


@pytest.mark.parametrize("address", ["https://elsewhere.example/", "//elsewhere.example/", "/x/"])
def test_no_other_page_is_gone_back_to(as_alice, ann, address):
    assert run(as_alice, ann, "block/", next=address)["Location"] == USERS


@pytest.mark.parametrize("address", ["http://[", "http://testserver]/", "http://\u2100/"])
def test_header_that_is_no_address_leads_to_the_list(as_alice, ann, address):
    for header in ("Referer", "HX-Current-URL"):
        headers = {header: address} | ({"HX-Request": "true"} if header != "Referer" else {})
        question = ask(as_alice, ann, "block/", headers=headers)
        assert (question.status_code, question.context["origin"]) == (200, USERS)

    done = run(as_alice, ann, "block/", headers={"HX-Request": "true", "HX-Current-URL": address})

    assert f'"path": "{USERS}"' in done["HX-Location"]


def test_page_with_endless_address_is_not_gone_back_to(as_alice, ann):
    done = run(as_alice, ann, "block/", next=f"{USERS}?q={'a' * 20_000}")

    assert done["Location"] == USERS
    assert notices(done) == ["Sign-in of Ann blocked"]


def test_user_deleted_meanwhile_is_a_sentence(as_alice, contoso, ann):
    sent = answers_of(ask(as_alice, ann, "block/"))
    delete(ann)

    for answer in (ask(as_alice, ann, "block/"), as_alice.post(f"{USERS}{ann.pk}/block/", sent)):
        assert "were deleted, restored or purged in the meantime" in text_of(answer)
        assert "danger-solid" not in text_of(answer)
    assert not contoso.batches.exists()


def test_blocked_already_is_a_sentence(as_alice, contoso, ann):
    CustomerUser.objects.update(is_blocked=True)

    question = ask(as_alice, ann, "block/")

    assert "Sign-in is already blocked." in text_of(question)
    assert not question.context["can_run"]


def test_help_desk_is_told_about_administrator(client, helen, contoso):
    boss = factories.user(contoso, "Boss", permissions=["user_administrator"])
    client.force_login(helen)

    question = ask(client, boss, "reset/")
    refused = run(client, boss, "reset/")

    for answer in (question, refused):
        assert "This user is an administrator. Ask an owner" in text_of(answer)
    assert refused.status_code == 422
    assert not contoso.batches.exists()


def test_last_administrator_needs_confirmation(as_alice, contoso):
    boss = factories.user(contoso, "Boss", permissions=["global_administrator"])

    refused = run(as_alice, boss, "delete/", reason="Left")

    assert refused.status_code == 422
    assert "would have no global administrator" in text_of(refused)
    assert 'value="Left"' in text_of(refused)
    assert not contoso.batches.exists()
    run(as_alice, boss, "delete/", may_take_last_administrator="on")
    boss.refresh_from_db()
    assert boss.deleted_at


def test_purge_of_one_asks_for_no_number(as_alice, contoso, ann):
    delete(ann)
    question = text_of(ask(as_alice, ann, "purge/"))
    assert "This can’t be undone." in question
    assert 'name="typed"' not in question

    done = run(as_alice, ann, "purge/", next=f"{USERS}{ann.pk}/")

    assert notices(done) == ["Ann purged"]
    assert done["Location"] == f"{USERS}?tab=deleted"
    assert not CustomerUser.objects.exists()


@pytest.mark.parametrize("act", ["hold/?act=hold", "hold/?act=extend", "hold/?days=30"])
def test_purge_is_held_and_put_off(as_alice, contoso, ann, act):
    delete(ann)
    question = ask(as_alice, ann, act)
    assert ('name="days"' in text_of(question)) == (act != "hold/?act=hold")

    kind = act.partition("act=")[2] or "extend"
    run(as_alice, ann, act, act=kind, **({} if kind == "hold" else {"days": "11"}))

    assert contoso.batches.get().options["act"] == kind


def test_wrong_days_are_an_error_of_the_field(as_alice, contoso, ann):
    delete(ann)

    refused = run(as_alice, ann, "hold/?act=extend", act="extend", days="400")

    assert refused.status_code == 422
    assert 'value="400"' in text_of(refused)
    assert not contoso.batches.exists()


def test_restore_with_taken_name_asks_for_another(as_alice, contoso, ann):
    delete(ann)
    factories.user(contoso, "New Ann", user_name="ann@contoso.example")
    question = text_of(ask(as_alice, ann, "restore/"))
    assert "Another user has the user name ann@contoso.example now." in question
    assert 'value="ann2"' in question

    answers = {"new_passwords": "old"}
    for name, text in (("a b", "aria-invalid"), ("ann", "already taken")):
        refused = run(as_alice, ann, "restore/", local_part=name, **answers)
        assert refused.status_code == 422
        assert text in text_of(refused)
        assert f'value="{name}"' in text_of(refused)
    assert not contoso.batches.exists()
    done = run(as_alice, ann, "restore/", local_part="ann.lee", **answers)

    assert notices(done) == ["Ann restored"]
    ann.refresh_from_db()
    assert (ann.user_name, ann.deleted_at) == ("ann.lee@contoso.example", None)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("first", "Ann restored. No seat was free for Office E3."),
        ("queue", "Ann restored. Waiting for Office E3, place 1."),
    ],
)
def test_restore_without_free_seat(as_alice, contoso, office, ann, choice, text):
    assign(customer=contoso, wanted=[Wanted(ann.pk, office.pk)], cause=None)
    run(as_alice, ann, "delete/")
    type(office).objects.update(seats=0)
    question = text_of(ask(as_alice, ann, "restore/"))
    assert "Continue without the license" in question
    assert "Put the user on the waitlist" in question

    done = run(as_alice, ann, "restore/", new_passwords="old", when_short=choice)

    assert notices(done)[-1] == text
    assert contoso.waitingseats.count() == (choice == "queue")


def test_restore_with_new_password_offers_it(as_alice, contoso, ann):
    delete(ann)

    done = run(as_alice, ann, "restore/", new_passwords="new")

    assert "Show password" in text_of(as_alice.get(done["Location"]))


def license_answers(question, *products, **more):
    plans = [str(plan.pk) for one in products for plan in one.product.plans.all()]
    return answers_of(
        question,
        shown=question.context["form"].mark,
        products=[str(one.pk) for one in products],
        plans=plans,
        **more,
    )


def test_licenses_of_one_are_changed(as_alice, contoso, office, ann):
    other = factories.subscription(contoso, "Visio", seats=1)
    assign(customer=contoso, wanted=[Wanted(ann.pk, other.pk)], cause=None)
    sent = license_answers(ask(as_alice, ann, "licenses/"), office)

    done = as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)

    assert notices(done) == ["Licenses of Ann changed"]
    assert [one.subscription_id for one in ann.assignments.all()] == [office.pk]


def test_service_plan_of_one_is_switched_off(as_alice, contoso, office, ann):
    assign(customer=contoso, wanted=[Wanted(ann.pk, office.pk)], cause=None)
    mail = office.product.plans.get(name="Mail")
    sent = license_answers(ask(as_alice, ann, "licenses/"), office) | {"plans": [str(mail.pk)]}

    as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)

    assert ann.assignments.get().disabled_plans == [office.product.plans.get(name="Meetings").pk]


def test_license_without_free_seat_is_a_sentence_or_a_place(as_alice, contoso, office, ann):
    type(office).objects.update(seats=0)
    question = ask(as_alice, ann, "licenses/")
    assert "Put the user on the waitlist" in text_of(question)

    sent = license_answers(question, office, reason="New job")
    refused = as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)
    assert refused.status_code == 422
    assert "No seat was free for Office E3." in text_of(refused)
    assert 'value="New job"' in text_of(refused)
    assert not contoso.batches.exists()

    sent = license_answers(ask(as_alice, ann, "licenses/"), office, when_short="queue")
    as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)
    assert contoso.waitingseats.count() == 1


def test_licenses_changed_meanwhile_are_not_overwritten(as_alice, contoso, office, ann):
    sent = license_answers(ask(as_alice, ann, "licenses/"))
    assign(customer=contoso, wanted=[Wanted(ann.pk, office.pk)], cause=None)

    refused = as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)

    assert refused.status_code == 422
    assert "The licenses of this user were changed" in text_of(refused)
    assert ann.assignments.count() == 1


def test_licenses_changed_before_the_lock_are_not_overwritten(
    as_alice, contoso, office, ann, monkeypatch
):
    mail = office.product.plans.get(name="Mail").pk
    sent = license_answers(ask(as_alice, ann, "licenses/"), office)

    def wait(customer):
        """Another member's change is written while this one waits."""
        assign(customer=contoso, wanted=[Wanted(ann.pk, office.pk, (mail,))], cause=None)
        return lock_customer(customer)

    monkeypatch.setattr(at_once, "lock_customer", wait)
    refused = as_alice.post(f"{USERS}{ann.pk}/licenses/", sent)

    assert refused.status_code == 422
    assert "The licenses of this user were changed" in text_of(refused)
    assert not contoso.batches.exists()


def test_user_without_location_gets_no_license(as_alice, contoso, office):
    ben = factories.user(contoso, "Ben")
    sent = license_answers(ask(as_alice, ben, "licenses/"), office)

    refused = as_alice.post(f"{USERS}{ben.pk}/licenses/", sent)

    assert "This user has no usage location" in text_of(refused)
    assert not contoso.batches.exists()


def test_reader_is_refused(client, bob, ann):
    client.force_login(bob)

    for act in ("reset/", "delete/", "licenses/", "block/"):
        assert ask(client, ann, act).status_code == 403


def test_archived_customer_is_only_looked_at(as_alice, contoso, ann):
    sent = answers_of(ask(as_alice, ann, "block/"))
    Customer.objects.update(state="archived")

    question = ask(as_alice, ann, "block/")

    assert "This customer is archived." in text_of(question)
    assert not question.context["can_run"]
    assert as_alice.post(f"{USERS}{ann.pk}/block/", sent).status_code == 403
