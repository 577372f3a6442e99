import threading

import pytest
from django.db import connections, transaction

from audit.models import Event
from batches.errors import LastAdministrator
from batches.models import Line
from batches.operations.control import start_batch
from licensing.operations.seats import Wanted, assign
from partners import tenancy
from partners.access import Refused
from tests import factories
from users.acts.add import NameTaken
from users.acts.delete import plan_deletes
from users.acts.edit import plan_edits
from users.acts.profile import EditedMeanwhile, UserGone, edit_user
from users.models import CustomerUser

GLOBAL = ["global_administrator"]


@pytest.fixture
def ann(contoso):
    return factories.user(contoso, "Ann", user_name="ann@contoso.example", location="US")


def person_of(user, **changes):
    names = ("user_name", "first_name", "last_name", "display_name", "job_title", "department")
    names += ("phone", "contact_email", "location", "language", "permissions")
    return {name: getattr(user, name) for name in names} | changes


def edit(user, by, *, version=None, **changes):
    return edit_user(
        user=user, person=person_of(user, **changes), version=version or user.version, by=by
    )


def test_edit_saves_and_records_changed_fields_only(ann, alice):
    changed = edit(ann, alice, display_name="Ann Zimmer", department="Finance")

    saved = CustomerUser.objects.get(pk=ann.pk)
    assert changed == ["display_name", "department"]
    assert (saved.display_name, saved.department, saved.version) == ("Ann Zimmer", "Finance", 2)
    event = Event.objects.get(action="user.edited")
    assert event.before == {"display_name": "Ann", "department": ""}
    assert event.after == {"display_name": "Ann Zimmer", "department": "Finance"}


def test_new_name_changes_order_and_search(ann, alice):
    edit(ann, alice, display_name="Zoe Quick", user_name="zoe@contoso.example")

    saved = CustomerUser.objects.get(pk=ann.pk)
    assert saved.sort_key > ann.sort_key
    assert "quick" in saved.search
    assert "zoe@contoso.example" in saved.search


def test_nothing_changed_is_not_recorded(ann, alice):
    assert edit(ann, alice) == []

    assert CustomerUser.objects.get(pk=ann.pk).version == 1
    assert not Event.objects.exists()


def test_the_second_of_two_members_overwrites_nothing(ann, alice):
    edit(ann, alice, department="Finance")

    with pytest.raises(EditedMeanwhile) as caught:
        edit(ann, alice, version=1, department="Sales")

    assert caught.value.user.department == "Finance"
    assert CustomerUser.objects.get(pk=ann.pk).department == "Finance"


def test_a_taken_user_name_is_refused(ann, alice, contoso):
    factories.user(contoso, "Bo", user_name="bo@contoso.example")

    with pytest.raises(NameTaken):
        edit(ann, alice, user_name="bo@contoso.example")

    assert CustomerUser.objects.get(pk=ann.pk).user_name == "ann@contoso.example"


def test_a_deleted_user_is_not_edited(ann, alice, contoso):
    batch = plan_deletes(customer=contoso, users=[ann.pk], by=alice)
    start_batch(batch=batch, by=alice)

    with pytest.raises(UserGone):
        edit(ann, alice, department="Finance")


def test_demoting_last_global_administrator_needs_confirmation(contoso, alice):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)
    with pytest.raises(LastAdministrator):
        edit(boss, alice, permissions=[])

    edit_user(
        user=boss,
        person=person_of(boss, permissions=[]),
        version=1,
        may_take_last_administrator=True,
        by=alice,
    )

    assert CustomerUser.objects.get(pk=boss.pk).permissions == []


def test_one_of_two_global_administrators_is_demoted(contoso, alice):
    boss, _other = (factories.user(contoso, name, permissions=GLOBAL) for name in ("Boss", "Bo"))

    assert edit(boss, alice, permissions=["user_administrator"]) == ["permissions"]


def test_help_desk_edits_no_administrators(ann, contoso, helen):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)

    assert edit(ann, helen, department="Finance") == ["department"]
    for user, changes in ((boss, {"department": "x"}), (ann, {"permissions": GLOBAL})):
        with pytest.raises(Refused):
            edit(user, helen, **changes)


def test_reader_cannot_edit(ann, bob):
    with pytest.raises(Refused):
        edit(ann, bob, department="Finance")


@pytest.mark.django_db(transaction=True)
def test_concurrent_edits_give_name_to_one(northwind, alice):
    with tenancy.tenant(northwind.pk), transaction.atomic():
        contoso = factories.customer("contoso", "Contoso", domains=("contoso.example",))
        users = [factories.user(contoso, name) for name in ("Ann", "Bo")]
    outcomes, start = [], threading.Barrier(2)

    def take(user):
        try:
            with tenancy.tenant(northwind.pk), transaction.atomic():
                start.wait()
                edit(user, alice, user_name="new@contoso.example")
            outcomes.append("edited")
        except NameTaken:
            outcomes.append("taken")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=[user]) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["edited", "taken"]


# The location of many


def move(contoso, users, location, by):
    ids = [user.pk for user in users]
    batch = plan_edits(customer=contoso, users=ids, changes={"location": location}, by=by)
    start_batch(batch=batch, by=by)
    return list(Line.objects.filter(batch=batch).order_by("number"))


def test_users_with_new_location_already_get_no_line(contoso, alice, ann):
    bo = factories.user(contoso, "Bo", location="CN")

    lines = move(contoso, [ann, bo], "CN", alice)

    assert [(line.state, line.result) for line in lines] == [
        ("done", {"before": {"location": "US"}}),
    ]
    versions = CustomerUser.objects.order_by("sort_key").values_list("location", "version")
    assert list(versions) == [("CN", 2), ("CN", 1)]
    assert Event.objects.get(action="user.edited").before == {"location": "US"}


def test_user_with_unsold_license_gets_invalid_line(contoso, office, alice, ann):
    office.product.not_sold_in = ["CN"]
    office.product.save()
    wanted = [Wanted(ann.pk, office.pk)]
    assign(customer=contoso, wanted=wanted, cause=None)

    (line,) = move(contoso, [ann], "CN", alice)

    assert (line.state, line.problems[0]["code"]) == ("invalid", "product_not_sold")
    assert CustomerUser.objects.get(pk=ann.pk).location == "US"


def test_unsold_license_after_plan_fails_line(contoso, office, alice, ann):
    batch = plan_edits(customer=contoso, users=[ann.pk], changes={"location": "CN"}, by=alice)
    office.product.not_sold_in = ["CN"]
    office.product.save()
    wanted = [Wanted(ann.pk, office.pk)]
    assign(customer=contoso, wanted=wanted, cause=None)

    start_batch(batch=batch, by=alice)

    assert Line.objects.get(batch=batch).result == {"code": "not_sold"}
    assert CustomerUser.objects.get(pk=ann.pk).location == "US"


def test_the_help_desk_moves_no_administrator(contoso, helen, ann):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)

    lines = move(contoso, [ann, boss], "DE", helen)

    assert [line.state for line in lines] == ["done", "invalid"]
