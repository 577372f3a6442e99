"""Undoing batches: the plan, its result, and what cannot be undone."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from batches.errors import CannotUndo, LastAdministrator
from batches.models import Batch, Line
from batches.operations.control import cancel_batch, start_batch
from batches.operations.lease import run_job
from batches.operations.plan import PlannedLine, create_batch, save_lines
from licensing.models import Assignment, Subscription, WaitingSeat
from licensing.operations.seats import Wanted, assign
from partners.access import Refused
from partners.roles import Role
from tests import factories
from tests.workers import check_upload
from users.acts.add import add_user
from users.acts.block import plan_blocks
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.licenses import Changes, plan_licenses
from users.acts.purge import plan_purges
from users.acts.reset import plan_resets
from users.acts.restore import plan_restores
from users.acts.undo import MESSAGES, UNDO, plan_lines, plan_undo
from users.models import CustomerUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [
        factories.user(contoso, name, location="US", department="Sales") for name in ("Ann", "Bo")
    ]


@pytest.fixture
def visio(contoso):
    return factories.subscription(contoso, "Visio", seats=2)


def hold(subscription, *users, disabled_plans=()):
    wanted = [Wanted(user.pk, subscription.pk, tuple(disabled_plans)) for user in users]
    assign(customer=subscription.customer, wanted=wanted, cause=None)


def run(plan, customer, users, by, **more):
    batch = plan(customer=customer, users=[user.pk for user in users], by=by, **more)
    return start_batch(batch=batch, by=by)


def delete(customer, users, by):
    return run(plan_deletes, customer, users, by)


def change(customer, users, by, **changes):
    sets = {
        name: frozenset(str(one.pk) for one in some)
        for name, some in changes.items()
        if name != "disabled_plans"
    }
    changes = Changes(**sets, disabled_plans=changes.get("disabled_plans", {}))
    return run(plan_licenses, customer, users, by, changes=changes)


def undo(batch, by, **options):
    planned = plan_undo(batch=batch, by=by)
    return start_batch(batch=planned, by=by, **options)


def lines(batch) -> list[tuple]:
    found = Line.objects.filter(batch=batch).order_by("number")
    return [(line.state, [one["code"] for one in line.problems]) for line in found]


def held(user) -> dict[str, list]:
    found = Assignment.objects.filter(user=user).select_related("subscription__product")
    return {one.subscription.product.name: one.disabled_plans for one in found}


def active(customer) -> set[str]:
    return set(customer.users.filter(deleted_at=None).values_list("display_name", flat=True))


def test_undo_of_added_users_deletes_them(contoso, office, alice):
    person = {
        "user_name": "cy@contoso.example",
        "display_name": "Cy",
        "products": [{"subscription": str(office.pk), "disabled_plans": []}],
    }
    added = add_user(customer=contoso, person=person, is_last=True, by=alice)
    assert active(contoso) == {"Cy"}

    undone = undo(added.batch, alice)

    assert active(contoso) == set()
    assert Assignment.objects.count() == 0
    assert (undone.kind, undone.undoes, undone.state) == ("undo", added.batch.pk, "done")
    assert undone.plan["seats"][0]["freed"] == 1


def test_undo_warns_about_used_password(contoso, alice):
    person = {"user_name": "cy@contoso.example", "display_name": "Cy"}
    added = add_user(customer=contoso, person=person, is_last=True, by=alice)
    CustomerUser.objects.update(password_state="chosen")

    planned = plan_undo(batch=added.batch, by=alice)

    assert lines(planned) == [("planned", ["in_use"])]


def test_a_delete_is_undone_with_licenses_and_plans(contoso, office, people, alice):
    plan = office.product.plans.get(name="Mail")
    hold(office, people[0], disabled_plans=[plan.pk])
    batch = delete(contoso, people, alice)

    undone = undo(batch, alice)

    assert active(contoso) == {"Ann", "Bo"}
    assert [held(user) for user in people] == [{"Office E3": [plan.pk]}, {}]
    assert lines(undone) == [("done", []), ("done", [])]
    started = Event.objects.get(action="batch.started", batch_id=undone.pk)
    assert started.after == {"lines": 2, "undoes": str(batch.pk)}


def test_undo_skips_purged_restored_and_replaced_users(contoso, people, alice):
    cy, dee = factories.user(contoso, "Cy"), factories.user(contoso, "Dee")
    batch = delete(contoso, [*people, cy, dee], alice)
    run(plan_purges, contoso, people[:1], alice)
    run(plan_restores, contoso, [cy, dee], alice)
    delete(contoso, [dee], alice)
    factories.user(contoso, "New Bo", user_name=people[1].user_name)

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [
        ("invalid", ["purged_since"]),
        ("invalid", ["name_taken"]),
        ("invalid", ["back_already"]),
        ("invalid", ["deleted_again"]),
    ]


def test_undo_names_missing_seats(contoso, office, people, alice):
    hold(office, *people)
    batch = delete(contoso, people, alice)
    Subscription.objects.filter(pk=office.pk).update(seats=1)

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [("planned", []), ("planned", ["comes_back_without"])]
    start_batch(batch=planned, by=alice)
    assert [held(user) for user in people] == [{"Office E3": []}, {}]
    assert lines(planned)[1][0] == "partly"


def test_an_edit_is_undone_field_by_field(contoso, people, alice):
    ann, bo = people
    changes = {"department": "Support", "job_title": "Clerk"}
    batch = run(plan_edits, contoso, people, alice, changes=changes)
    CustomerUser.objects.filter(pk=bo.pk).update(department="Board")

    undone = undo(batch, alice)

    ann.refresh_from_db()
    bo.refresh_from_db()
    assert [(user.department, user.job_title) for user in people] == [("Sales", ""), ("Board", "")]
    assert lines(undone) == [("done", []), ("done", ["field_changed_since"])]


def test_what_is_as_before_already_needs_no_undo(contoso, people, alice):
    batch = run(plan_edits, contoso, people, alice, changes={"department": "Support"})
    CustomerUser.objects.filter(pk=people[0].pk).update(department="Sales")
    CustomerUser.objects.filter(pk=people[1].pk).update(department="Board")

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [
        ("invalid", ["field_back_already"]),
        ("invalid", ["field_changed_since"]),
    ]


def test_change_after_plan_of_undo_is_not_overwritten(contoso, people, alice):
    batch = run(plan_edits, contoso, people[:1], alice, changes={"department": "Support"})
    planned = plan_undo(batch=batch, by=alice)
    CustomerUser.objects.filter(pk=people[0].pk).update(department="Board")

    start_batch(batch=planned, by=alice)

    assert Line.objects.get(batch=planned).result == {"code": "changed"}
    people[0].refresh_from_db()
    assert people[0].department == "Board"


def test_undo_of_swap_restores_service_plans(contoso, office, visio, people, alice):
    ann, bo = people
    plan = office.product.plans.get(name="Mail")
    hold(office, ann, disabled_plans=[plan.pk])
    hold(visio, bo)
    batch = change(contoso, people, alice, add=[visio], remove=[office])
    assert [held(user) for user in people] == [{"Visio": []}, {"Visio": []}]

    undone = undo(batch, alice)

    assert [held(user) for user in people] == [{"Office E3": [plan.pk]}, {"Visio": []}]
    assert lines(undone) == [("done", [])]


def test_undo_restores_service_plans_of_each_user(contoso, office, people, alice):
    mail, video = office.product.plans.all()
    for user, off in zip(people, (mail, video), strict=True):
        hold(office, user, disabled_plans=[off.pk])
    batch = change(contoso, people, alice, remove=[office])

    undo(batch, alice)
    assert [held(user) for user in people] == [
        {"Office E3": [mail.pk]},
        {"Office E3": [video.pk]},
    ]


def test_a_license_that_was_held_already_stays(contoso, office, people, alice):
    ann, bo = people
    planned = plan_licenses(
        customer=contoso,
        users=[ann.pk, bo.pk],
        changes=Changes(add=frozenset([str(office.pk)])),
        by=alice,
    )
    # Another member has assigned it between plan and start.
    hold(office, ann)
    start_batch(batch=planned, by=alice)

    undone = undo(planned, alice)

    assert [held(user) for user in people] == [{"Office E3": []}, {}]
    assert lines(undone) == [("invalid", ["nothing_done"]), ("done", [])]


def test_service_plans_are_switched_back(contoso, office, people, alice):
    mail, meetings = office.product.plans.order_by("name")
    hold(office, *people, disabled_plans=[mail.pk])
    off = {str(office.pk): [str(meetings.pk)]}
    batch = change(contoso, people, alice, disabled_plans=off)
    assert held(people[0]) == {"Office E3": [meetings.pk]}
    Assignment.objects.filter(user=people[1]).update(disabled_plans=[])

    undone = undo(batch, alice)

    assert [held(user) for user in people] == [{"Office E3": [mail.pk]}, {"Office E3": []}]
    assert lines(undone) == [("done", []), ("invalid", ["license_changed_since"])]


def test_undo_keeps_licenses_changed_meanwhile(contoso, office, visio, people, alice):
    hold(office, *people)
    batch = change(contoso, people, alice, add=[visio], remove=[office])
    Assignment.objects.filter(user=people[0], subscription=visio).delete()
    hold(office, *people)

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [
        ("invalid", ["license_gone_since", "license_back_already"]),
        ("planned", ["license_back_already"]),
    ]
    start_batch(batch=planned, by=alice)
    assert [held(user) for user in people] == [{"Office E3": []}, {"Office E3": []}]


def test_undo_restores_no_conflicting_product(contoso, office, people, alice):
    hold(office, *people)
    batch = change(contoso, people, alice, remove=[office])
    office.product.not_sold_in = ["CN"]
    office.product.save()
    CustomerUser.objects.filter(pk=people[0].pk).update(location="CN")
    CustomerUser.objects.filter(pk=people[1].pk).update(location="")

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [
        ("invalid", ["product_not_sold"]),
        ("invalid", ["location_missing"]),
    ]


@pytest.mark.parametrize("block", [True, False])
def test_undo_changes_only_switched_sign_ins(contoso, people, alice, block):
    ann, bo = people
    CustomerUser.objects.update(is_blocked=not block)
    ids = [user.pk for user in people]
    batch = plan_blocks(customer=contoso, users=ids, block=block, by=alice)
    CustomerUser.objects.filter(pk=ann.pk).update(is_blocked=block)
    start_batch(batch=batch, by=alice)

    undone = undo(batch, alice)

    blocked = dict(CustomerUser.objects.values_list("display_name", "is_blocked"))
    assert blocked == {"Ann": block, "Bo": not block}
    assert lines(undone) == [("invalid", ["nothing_done"]), ("done", [])]


def test_a_restore_is_undone_by_deleting_again(contoso, office, people, alice):
    hold(office, people[0])
    delete(contoso, people, alice)
    batch = run(plan_restores, contoso, people, alice)
    assert active(contoso) == {"Ann", "Bo"}

    undone = undo(batch, alice)

    assert active(contoso) == set()
    assert Line.objects.get(batch=undone, number=1).result["held"][0]["disabled_plans"] == []


def test_an_undo_can_be_undone(contoso, office, people, alice):
    hold(office, people[0])
    batch = delete(contoso, people, alice)
    undone = undo(batch, alice)

    redone = undo(undone, alice)

    assert active(contoso) == set()
    assert redone.undoes == undone.pk
    again = undo(redone, alice)
    assert active(contoso) == {"Ann", "Bo"}
    assert held(people[0]) == {"Office E3": []}
    assert again.undoes == redone.pk


def test_undo_of_restore_keeps_licenses_for_later(contoso, office, people, alice):
    hold(office, *people)
    batch = delete(contoso, people, alice)
    Subscription.objects.filter(pk=office.pk).update(seats=1)
    restored = run(plan_restores, contoso, people, alice)
    assert [held(user) for user in people] == [{"Office E3": []}, {}]

    undo(restored, alice)
    Subscription.objects.filter(pk=office.pk).update(seats=2)
    undo(batch, alice)

    assert [held(user) for user in people] == [{"Office E3": []}, {"Office E3": []}]


def test_undo_ends_waits(contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=1)
    changes = Changes(add=frozenset([str(few.pk)]))
    batch = run(plan_licenses, contoso, people, alice, changes=changes, when_short="queue")
    assert WaitingSeat.objects.count() == 1

    undone = undo(batch, alice)

    assert [held(user) for user in people] == [{}, {}]
    assert WaitingSeat.objects.count() == 0
    assert lines(undone) == [("done", []), ("done", [])]


def test_undo_of_deletion_names_lost_waits(as_alice, contoso, people, alice):
    few = factories.subscription(contoso, "Few", seats=1)
    changes = Changes(add=frozenset([str(few.pk)]))
    run(plan_licenses, contoso, people, alice, changes=changes, when_short="queue")
    batch = delete(contoso, people[1:], alice)

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [("planned", ["wait_lost"])]
    assert "no longer waiting for “Few”" in page(as_alice, planned)


def test_every_act_of_an_import_has_its_inverse(contoso, office, people, alice):
    ann, bo = people
    hold(office, bo)
    batch = create_batch(
        customer=contoso,
        kind="import",
        plan={"missing_users": {"active": 2, "max": 50}},
        by=alice,
    )
    give = [{"subscription": str(office.pk), "disabled_plans": []}]
    inputs = [
        (ann, "update", {"changes": {"department": "Board"}, "was": {"department": "Sales"}}
         | {"add": give, "remove": [], "plans": []}),
        (bo, "leave", {}),
    ]  # fmt: skip
    planned = [
        PlannedLine(
            user.pk,
            {"user_name": user.user_name, "display_name": user.display_name} | more,
            act=act,
        )
        for user, act, more in inputs
    ]
    new = {"user_name": "cy@contoso.example", "display_name": "Cy", "products": give}
    planned.append(PlannedLine(batch.pk, new, act="add"))
    save_lines(batch=batch, lines=planned)
    start_batch(batch=batch, by=alice)
    assert active(contoso) == {"Ann", "Cy"}
    assert held(ann) == {"Office E3": []}

    undone = undo(batch, alice)

    ann.refresh_from_db()
    assert (ann.department, held(ann), held(bo)) == ("Sales", {}, {"Office E3": []})
    assert active(contoso) == {"Ann", "Bo"}
    acts = [line.act for line in Line.objects.filter(batch=undone).order_by("number")]
    assert acts == ["update", "restore", "delete"]
    assert undone.plan["acts"] == {"update": 1, "restore": 1, "delete": 1}


def test_undo_removes_product_before_location_changes(contoso, office, people, alice):
    office.product.not_sold_in = ["US"]
    office.product.save()
    ann = people[0]
    batch = create_batch(customer=contoso, kind="import", by=alice)
    line = {
        "user_name": ann.user_name,
        "display_name": ann.display_name,
        "changes": {"location": "DE"},
        "was": {"location": "US"},
        "add": [{"subscription": str(office.pk), "disabled_plans": []}],
        "remove": [],
        "plans": [],
    }
    save_lines(batch=batch, lines=[PlannedLine(ann.pk, line, act="update")])
    start_batch(batch=batch, by=alice)
    assert held(ann) == {"Office E3": []}

    undone = undo(batch, alice)

    ann.refresh_from_db()
    assert (ann.location, held(ann)) == ("US", {})
    assert lines(undone) == [("done", [])]


def test_what_was_not_done_gets_no_line(contoso, people, alice):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in people], by=alice)
    delete(contoso, people[:1], alice)
    start_batch(batch=batch, by=alice)

    planned = plan_undo(batch=batch, by=alice)

    assert (planned.total, planned.plan["nothing_done"]) == (1, 1)


def test_passwords_and_purged_users_do_not_come_back(contoso, people, alice):
    reset = run(plan_resets, contoso, people, alice)
    delete(contoso, people, alice)
    purged = run(plan_purges, contoso, people, alice)

    for batch, code in ((reset, "reset"), (purged, "purge")):
        with pytest.raises(CannotUndo) as refused:
            plan_undo(batch=batch, by=alice)
        assert refused.value.code == code


def test_running_and_old_batches_are_not_undone(contoso, people, alice):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in people], by=alice)
    with pytest.raises(CannotUndo) as refused:
        plan_undo(batch=batch, by=alice)
    assert refused.value.code == "not_over"

    start_batch(batch=batch, by=alice)
    now = timezone.now()
    Batch.objects.filter(pk=batch.pk).update(finished_at=now - timedelta(days=30))
    with pytest.raises(CannotUndo) as refused:
        plan_undo(batch=batch, by=alice)
    assert refused.value.code == "too_late"

    Batch.objects.filter(pk=batch.pk).update(finished_at=now - timedelta(days=29, hours=23))
    assert plan_undo(batch=batch, by=alice).total == 2


def test_stopped_batch_is_undone_in_part(contoso, people, alice):
    batch = delete(contoso, people, alice)
    Line.objects.filter(batch=batch, number=2).update(state="left_out", result={})

    planned = plan_undo(batch=batch, by=alice)

    assert (planned.total, planned.plan["nothing_done"]) == (1, 1)


def test_a_batch_without_effect_is_not_undone(contoso, people, alice):
    batch = plan_deletes(customer=contoso, users=[user.pk for user in people], by=alice)
    delete(contoso, people, alice)
    start_batch(batch=batch, by=alice)

    with pytest.raises(CannotUndo) as refused:
        plan_undo(batch=batch, by=alice)
    assert refused.value.code == "nothing"


def test_batch_is_undone_once(contoso, people, alice):
    batch = delete(contoso, people, alice)
    planned = plan_undo(batch=batch, by=alice)
    assert plan_undo(batch=batch, by=alice) == planned

    cancel_batch(batch=planned, by=alice)
    second = plan_undo(batch=batch, by=alice)
    assert second != planned

    start_batch(batch=second, by=alice)
    assert plan_undo(batch=batch, by=alice) == second


def test_an_undo_that_did_nothing_is_none(contoso, people, alice):
    batch = delete(contoso, people, alice)
    planned = plan_undo(batch=batch, by=alice)
    run(plan_restores, contoso, people, alice)
    start_batch(batch=planned, by=alice)
    assert {state for state, _codes in lines(planned)} == {"failed"}

    assert plan_undo(batch=batch, by=alice) != planned


def test_help_desk_and_sales_undo_own_batches_only(contoso, northwind, alice, helen):
    person = {"user_name": "cy@contoso.example", "display_name": "Cy"}
    hers = add_user(customer=contoso, person=person, is_last=True, by=helen).batch
    others = delete(contoso, [factories.user(contoso, "Dee")], alice)
    sam = factories.member(northwind, "sam", role=Role.SALES_AGENT)

    for member, batch in ((helen, others), (sam, others), (sam, hers)):
        with pytest.raises(Refused):
            plan_undo(batch=batch, by=member)
    undo(hers, helen)

    assert active(contoso) == set()


def test_undo_of_new_administrator_needs_permission(contoso, alice, helen):
    person = {"user_name": "cy@contoso.example", "display_name": "Cy"}
    batch = add_user(customer=contoso, person=person, is_last=True, by=helen).batch
    CustomerUser.objects.update(permissions=["helpdesk_administrator"])

    assert lines(plan_undo(batch=batch, by=helen)) == [("invalid", ["administrator"])]


def test_undo_of_last_global_administrator_needs_confirmation(contoso, alice):
    boss = factories.user(contoso, "Boss", permissions=["global_administrator"])
    delete_boss = plan_deletes(customer=contoso, users=[boss.pk], by=alice)
    start_batch(batch=delete_boss, may_take_last_administrator=True, by=alice)
    batch = run(plan_restores, contoso, [boss], alice)

    with pytest.raises(LastAdministrator):
        undo(batch, alice)

    undo(batch, alice, may_take_last_administrator=True)
    assert active(contoso) == set()


def test_a_reader_undoes_nothing(contoso, people, alice):
    batch = delete(contoso, people, alice)

    with pytest.raises(Refused):
        plan_undo(batch=batch, by=factories.member(alice.partner, "eve", Role.READER))


def test_undo_needs_fixed_number_of_queries(contoso, office, alice):
    def count(users):
        hold(office, *users[:1])
        batch = delete(contoso, users, alice)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            plan_undo(batch=batch, by=alice)
        return len(asked)

    few = count([factories.user(contoso, "One", location="US")])
    many = count([factories.user(contoso, f"User {n}", location="US") for n in range(50)])

    assert few == many


def test_large_undo_is_planned_by_worker(contoso, people, alice, monkeypatch):
    batch = delete(contoso, people, alice)
    monkeypatch.setattr("users.acts.undo.MAX_IN_REQUEST", 1)
    monkeypatch.setattr("users.acts.undo.SLICE", 1)

    planned = plan_undo(batch=batch, by=alice)
    assert (planned.state, planned.total) == ("checking", 0)
    assert plan_undo(batch=batch, by=alice) == planned
    check_upload(batch_id=planned.pk)

    planned.refresh_from_db()
    assert (planned.state, planned.total, planned.plan["acts"]) == ("planned", 2, {"restore": 2})
    assert lines(planned) == [("planned", []), ("planned", [])]
    start_batch(batch=planned, by=alice)
    assert active(contoso) == {"Ann", "Bo"}


def test_undo_canceled_during_planning_stays_canceled(contoso, people, alice, monkeypatch):
    batch = delete(contoso, people, alice)
    monkeypatch.setattr("users.acts.undo.MAX_IN_REQUEST", 1)
    planned = plan_undo(batch=batch, by=alice)
    job = planned.jobs.get()
    cancel_batch(batch=planned, by=alice)

    run_job(job_id=job.pk)
    plan_lines(planned)

    planned.refresh_from_db()
    assert (planned.state, planned.lines.count()) == ("canceled", 0)


def page(client, batch) -> str:
    return client.get(f"/customers/contoso/batches/{batch.pk}/").content.decode()


def test_pages_link_batch_and_undo(as_alice, contoso, people, alice):
    batch = delete(contoso, people, alice)
    factories.user(contoso, "New Bo", user_name=people[1].user_name)
    text = page(as_alice, batch)
    assert "You can undo this for 30 more days." in text
    assert f"/batches/{batch.pk}/undo/" in text

    planned = contoso.batches.get(
        pk=as_alice.post(f"/customers/contoso/batches/{batch.pk}/undo/")["Location"].split("/")[-2]
    )

    text = page(as_alice, planned)
    for words in (
        "<h1>Undo for 1 user?</h1>",
        "1 line has an error.",
        "Another user has this user name now.",
        "1 user is restored with the previous password and licenses.",
        f"/batches/{batch.pk}/",
    ):
        assert words in text
    text = page(as_alice, batch)
    assert "Alice prepared an undo of this job. Nothing has been undone yet." in text
    assert f"/batches/{planned.pk}/" in text

    as_alice.post(f"/customers/contoso/batches/{planned.pk}/start/", {"reason": "a mistake"})

    text = page(as_alice, planned)
    assert "<h1>Undone for 1 user</h1>" in text
    assert "You can undo this for 30 more days." in text
    text = page(as_alice, batch)
    assert "Undone on" in text
    assert "by Alice.</strong>" in text
    assert "/undo/" not in text
    text = as_alice.get("/batches/").content.decode()
    assert "Undone for 1 user" in text
    assert text.count('<span class="badge">Undone</span>') == 1


def test_second_click_leads_to_same_undo(as_alice, contoso, people, alice):
    batch = delete(contoso, people, alice)

    first, second = (
        as_alice.post(f"/customers/contoso/batches/{batch.pk}/undo/")["Location"] for _try in "ab"
    )

    assert first == second
    assert contoso.batches.filter(kind="undo").count() == 1


def test_reset_and_old_batch_explain_missing_button(as_alice, contoso, people, alice):
    reset = run(plan_resets, contoso, people, alice)
    batch = delete(contoso, people, alice)
    Batch.objects.filter(pk=batch.pk).update(finished_at=timezone.now() - timedelta(days=31))

    assert "A password reset can’t be undone." in page(as_alice, reset)
    assert "A job can be undone for 30 days." in page(as_alice, batch)
    for one in (reset, batch):
        assert f"{one.pk}/undo/" not in page(as_alice, one)
        answer = as_alice.post(f"/customers/contoso/batches/{one.pk}/undo/", follow=True)
        assert answer.redirect_chain[-1][0].endswith(f"/{one.pk}/")
        assert 'data-tone="bad"' in answer.content.decode()
    assert not contoso.batches.filter(kind="undo").exists()


def test_undo_is_offered_with_permission_only(client, contoso, people, alice, helen, bob):
    batch = delete(contoso, people, alice)

    for member, status in ((helen, 403), (bob, 403)):
        client.force_login(member)
        assert f"{batch.pk}/undo/" not in page(client, batch)
        address = f"/customers/contoso/batches/{batch.pk}/undo/"
        assert client.post(address).status_code == status


def test_every_reason_is_a_sentence():
    for code, sentence in MESSAGES.items():
        params = {"product": "Office", "field": "department", "subscription": "x"}
        said = UNDO.explain({"code": code, "params": params}, None).text
        assert said.endswith("."), sentence
        assert "%" not in said


def test_unblocked_user_is_not_unblocked_again(contoso, people, alice):
    batch = run(plan_blocks, contoso, people, alice, block=True)
    run(plan_blocks, contoso, people[:1], alice, block=False)

    planned = plan_undo(batch=batch, by=alice)

    assert lines(planned) == [("invalid", ["back_already"]), ("planned", [])]
