import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from batches.models import Batch, Line
from licensing.models import ProductRule, Subscription
from partners import tenancy
from partners.tenancy import uuid7
from tests import factories
from users.acts.add import NameTaken, add_user
from users.models import CustomerUser

URL = "/customers/contoso/users/add/"


def typed(**more):
    """What a browser sends for Amara, without licenses."""
    return {
        "token": str(uuid7()),
        "first_name": "Amara",
        "last_name": "Okafor",
        "display_name": "",
        "user_name": "amara",
        "domain": "contoso.example",
        "location": "US",
        "kind": "user",
        "do": "add",
    } | more


def plans_of(subscription):
    return [str(plan.pk) for plan in subscription.product.plans.order_by("name")]


def test_the_page_shows_free_seats_and_service_plans(as_alice, office):
    factories.subscription(office.customer, "Visio", seats=0)
    factories.subscription(office.customer, "Old suite", seats=9, state="suspended")

    page = as_alice.get(URL).content.decode()

    for text in ["Office E3", "5 free", "Mail", "Meetings", "None free", "Suspended"]:
        assert text in page


def test_user_is_added_and_set_is_shown(as_alice, contoso, office):
    mail, meetings = plans_of(office)

    answer = as_alice.post(URL, typed(products=[str(office.pk)], plans=[mail]))

    user = CustomerUser.objects.get()
    batch = Batch.objects.get()
    assert answer["Location"] == f"/customers/contoso/batches/{batch.pk}/"
    assert (user.user_name, user.display_name) == ("amara@contoso.example", "Amara Okafor")
    assert (user.permissions, user.password_state) == ([], "temporary")
    assert [str(plan) for plan in user.assignments.get().disabled_plans] == [meetings]
    assert (batch.state, batch.total) == ("done", 1)


def test_chinese_name_is_composed_family_name_first(as_alice, contoso):
    as_alice.post(URL, typed(first_name="建国", last_name="王"))

    assert CustomerUser.objects.get().display_name == "王建国"


def test_add_another_keeps_set_and_choices(as_alice, contoso, office):
    mail, _meetings = plans_of(office)
    chosen = {"products": [str(office.pk)], "plans": [mail], "location": "CN", "do": "more"}

    answer = as_alice.post(URL, typed(**chosen))

    assert answer["Location"] == URL
    page = as_alice.get(URL)
    form = page.context["form"]
    text = page.content.decode()
    assert "Amara Okafor was added." in text
    assert "Added so far" in text
    assert "Finish and hand over" in text
    assert form["location"].value() == "CN"
    assert form["user_name"].value() is None
    (choice,) = form.licenses
    assert choice.is_chosen
    assert [is_on for _id, _name, is_on in choice.plans] == [True, False]


def test_last_user_closes_set(as_alice, contoso):
    as_alice.post(URL, typed(do="more"))
    as_alice.get("/customers/contoso/users/")
    as_alice.post(URL, typed(user_name="bea", first_name="Bea", do="add"))

    batch = Batch.objects.get()
    assert (batch.state, batch.total) == ("done", 2)
    assert "Added so far" not in as_alice.get(URL).content.decode()


def test_finish_shows_set_and_is_repeatable(as_alice, contoso):
    as_alice.post(URL, typed(do="more"))
    batch = Batch.objects.get()
    url = f"/customers/contoso/batches/{batch.pk}/finish/"

    answers = [as_alice.post(url), as_alice.post(url)]

    assert {answer["Location"] for answer in answers} == {f"/customers/contoso/batches/{batch.pk}/"}
    batch.refresh_from_db()
    assert batch.state == "done"
    assert Event.objects.filter(action="batch.finished").count() == 1


def test_another_members_set_cannot_be_finished(client, contoso, alice, helen):
    added = add_user(customer=contoso, person=person("amara@contoso.example"), by=alice)
    client.force_login(helen)

    answer = client.post(f"/customers/contoso/batches/{added.batch.pk}/finish/")

    assert answer.status_code == 404
    added.batch.refresh_from_db()
    assert added.batch.state == "open"


def test_two_members_have_sets_of_their_own(contoso, alice, helen):
    first = add_user(customer=contoso, person=person("a@contoso.example"), by=alice)
    second = add_user(customer=contoso, person=person("b@contoso.example"), by=helen)

    assert first.batch.pk != second.batch.pk


@pytest.mark.parametrize("over", ["expired", "handed over"])
def test_closed_sheet_takes_no_further_user(contoso, alice, over):
    first = add_user(customer=contoso, person=person("a@contoso.example"), by=alice)
    past = timezone.now() - timedelta(minutes=1)
    column = "sheet_expires_at" if over == "expired" else "handed_over_at"
    Batch.objects.filter(pk=first.batch.pk).update(**{column: past})

    second = add_user(customer=contoso, person=person("b@contoso.example"), by=alice)

    first.batch.refresh_from_db()
    assert first.batch.state == "done"
    assert (second.batch.state, second.batch.total) == ("open", 1)
    assert second.batch.sheet_expires_at > timezone.now()


def test_taken_name_keeps_form_and_suggests_others(as_alice, contoso):
    factories.user(contoso, "Amara Obi", user_name="amara@contoso.example")

    answer = as_alice.post(URL, typed(department="Ärzte & Co"))

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Amara Obi already has this user name." in page
    assert 'value="Ärzte &amp; Co"' in page
    assert 'value="amara.okafor"' in page
    assert CustomerUser.objects.count() == 1


def test_taken_name_has_its_text_for_forms(as_alice, contoso):
    as_alice.post(URL, typed())

    page = as_alice.post(URL, typed()).content.decode()

    assert "Amara Okafor already has this user name. Choose another one." in page


def test_name_taken_meanwhile_is_form_error(contoso, alice):
    factories.user(contoso, "Amara Obi", user_name="amara@contoso.example")

    with pytest.raises(NameTaken):
        add_user(customer=contoso, person=person("amara@contoso.example"), by=alice)

    assert not Batch.objects.exists()
    assert not Line.objects.exists()


def test_a_deleted_users_name_may_be_taken_again(as_alice, contoso):
    now = timezone.now()
    factories.user(
        contoso,
        "Amara Obi",
        user_name="amara@contoso.example",
        deleted_at=now,
        purge_at=now + timedelta(days=30),
    )

    assert as_alice.post(URL, typed()).status_code == 302


def test_seat_taken_meanwhile_is_reported(as_alice, contoso, office):
    Subscription.objects.filter(pk=office.pk).update(seats=0)

    answer = as_alice.post(URL, typed(products=[str(office.pk)], plans=plans_of(office), do="more"))

    assert answer.status_code == 302
    assert Line.objects.get().state == "partly"
    page = as_alice.get(URL).content.decode()
    assert "No seat was free for Office E3." in page
    assert "License missing" in page


def test_products_are_checked_by_rules_and_location(as_alice, contoso, office):
    factories.subscription(contoso, "Mail archive", seats=3)
    archive = Subscription.objects.get(product__name="Mail archive")
    rival = factories.subscription(contoso, "Office F1", seats=3)
    at_sea = factories.subscription(
        contoso, "Charts", seats=3, product=factories.product("Charts", not_sold_in=["CN"])
    )
    old = factories.subscription(contoso, "Old suite", seats=3, state="suspended")
    rules = [
        (archive, "requires", office),
        (rival, "excludes", office),
    ]
    for one, kind, other in rules:
        ProductRule.objects.create(product=one.product, kind=kind, other=other.product)

    def said(*chosen):
        answer = as_alice.post(URL, typed(location="CN", products=[str(one.pk) for one in chosen]))
        assert answer.status_code == 422
        return answer.content.decode()

    assert "“Mail archive” only works together with “Office E3”." in said(archive)
    assert "A user can’t have both" in said(rival, office)
    assert "“Charts” isn’t available in" in said(at_sea)
    assert "“Old suite” is suspended" in said(old)
    assert not CustomerUser.objects.exists()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"user_name": ""}, "This field is required."),
        ({"user_name": "käthe"}, "“ä” isn’t allowed in a user name"),
        ({"user_name": "a..b"}, "have two dots in a row"),
        ({"user_name": "amara@rival.example"}, "rival.example isn’t a domain of this customer."),
        ({"domain": "rival.example"}, "rival.example"),
        ({"location": "XX"}, "XX"),
        ({"first_name": "", "last_name": ""}, "The display name is missing"),
        ({"display_name": "x" * 121}, "The limit is 120."),
        ({"contact_email": "nobody"}, "isn’t an email address"),
        ({"kind": "administrator"}, "Choose at least one of these"),
        ({"kind": "king"}, "king"),
        ({"permissions": ["king"]}, "king"),
        ({"products": [str(uuid4())]}, "Select a valid choice."),
        ({"token": "x"}, "UUID"),
        ({"first_name": "a\0b"}, "Null characters are not allowed."),
        ({"user_name": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_errors_are_shown_at_their_fields(as_alice, contoso, more, text):
    answer = as_alice.post(URL, typed(**more))

    assert answer.status_code == 422
    assert text in answer.content.decode()
    assert not CustomerUser.objects.exists()


def test_administrator_is_added_with_permission(as_alice, contoso):
    as_alice.post(URL, typed(kind="administrator", permissions=["billing_administrator"]))

    assert CustomerUser.objects.get().permissions == ["billing_administrator"]


def test_permissions_left_ticked_below_user_are_not_given(as_alice, contoso):
    as_alice.post(URL, typed(kind="user", permissions=["billing_administrator"]))

    assert CustomerUser.objects.get().permissions == []


def test_adding_administrator_without_permission_names_it(client, contoso, helen):
    client.force_login(helen)

    page = client.get(URL).content.decode()
    answer = client.post(URL, typed(kind="administrator", permissions=["billing_administrator"]))

    assert "Roles that can: Owner, Admin agent." in page
    assert answer.status_code == 403
    assert "grant administrator permissions" in answer.content.decode()
    assert not CustomerUser.objects.exists()


def test_reader_cannot_add_users(client, contoso, bob):
    client.force_login(bob)

    assert client.get(URL).status_code == 403
    assert client.post(URL, typed()).status_code == 403


def test_a_rivals_customer_is_not_there(client, contoso, mallory):
    client.force_login(mallory)

    assert client.get(URL).status_code == 404


@pytest.mark.parametrize("do", ["add", "more"])
def test_the_same_form_twice_adds_one_user(as_alice, contoso, do):
    form = typed(do=do)

    answers = [as_alice.post(URL, form), as_alice.post(URL, form)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert CustomerUser.objects.count() == 1
    assert Line.objects.count() == 1


def test_token_of_another_user_adds_no_user(as_alice, contoso):
    other = factories.user(contoso, "Bea")

    answer = as_alice.post(URL, typed(token=str(other.pk)))

    assert answer.status_code == 422
    assert list(CustomerUser.objects.all()) == [other]


@pytest.mark.django_db(transaction=True)
def test_concurrent_identical_forms_add_one_user(contoso, alice, northwind):
    user_id = uuid7()
    added, errors = [], []

    def send():
        try:
            with tenancy.tenant(northwind.pk), transaction.atomic():
                added.append(
                    add_user(
                        customer=contoso,
                        person=person("amara@contoso.example"),
                        user_id=user_id,
                        is_last=True,
                        by=alice,
                    )
                )
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len({one.batch.pk for one in added}) == 1
    with transaction.atomic():
        assert CustomerUser.objects.count() == 1
        assert Line.objects.count() == 1


def test_the_number_of_statements_does_not_grow(as_alice, contoso, office, alice):
    def count(name):
        add_user(customer=contoso, person=person(name), by=alice)
        with CaptureQueriesContext(
            connection,
        ) as shown:
            as_alice.get(URL)
        form = typed(user_name=f"x{name.partition('@')[0]}", do="more")
        with CaptureQueriesContext(connection) as sent:
            assert as_alice.post(URL, form).status_code == 302
        return len(shown), len(sent)

    # With the set open, which the page shows as well.
    count("none@contoso.example")
    few = count("one@contoso.example")
    for number in range(10):
        factories.subscription(contoso, f"Product {number}", seats=3, plans=("One", "Two"))
        add_user(customer=contoso, person=person(f"n{number}@contoso.example"), by=alice)

    assert count("two@contoso.example") == few


def person(user_name, **more):
    return {"user_name": user_name, "display_name": "Amara Okafor", "location": "US"} | more
