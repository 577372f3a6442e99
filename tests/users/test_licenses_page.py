from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from batches.models import Batch, Line
from licensing.models import Assignment, ProductRule, Subscription
from licensing.operations.seats import Wanted, assign
from partners.roles import Role
from tests import factories
from users.models import CustomerUser

URL = "/customers/contoso/users/licenses/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(contoso):
    return [factories.user(contoso, name, location="US") for name in ("Ann", "Ben", "Cem")]


@pytest.fixture
def visio(contoso):
    return factories.subscription(contoso, "Visio", seats=10)


def hold(subscription, *users, disabled_plans=()):
    wanted = [Wanted(user.pk, subscription.pk, tuple(disabled_plans)) for user in users]
    assign(customer=subscription.customer, wanted=wanted, cause=None)


def ids(users) -> str:
    return ",".join(str(user.pk) for user in users)


def look(client, users=(), **data):
    return client.post(URL, {"ids": ids(users)} | data, follow=True)


def save(client, users=(), **data):
    """Look at the page, then send it as it was filled in."""
    shown = look(client, users, **{name: data[name] for name in ("all", "query") if name in data})
    address, _status = shown.redirect_chain[0]
    sent = {"shown": shown.context["chosen"].mark, "when_short": "first"}
    return client.post(address, sent | data)


def leave(user):
    CustomerUser.objects.filter(pk=user.pk).update(
        deleted_at=timezone.now(), purge_at=timezone.now() + timedelta(days=30)
    )


def do(subscription, value) -> dict:
    return {f"do_{subscription.pk}": value}


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


def lines_of(batch) -> list[str]:
    return [
        line.input["display_name"] for line in Line.objects.filter(batch=batch).order_by("number")
    ]


def test_page_shows_licenses_of_users(as_alice, contoso, office, visio, people):
    none = factories.subscription(contoso, "Word")
    hold(office, *people)
    hold(visio, people[1])

    answer = look(as_alice, people)

    assert answer.status_code == 200
    assert [
        (card.held.subscription.product.name, card.held.have, card.held.holders)
        for card in answer.context["cards"]
    ] == [
        ("Office E3", "all", ("Ann", "Ben", "Cem")),
        ("Visio", "some", ("Ben",)),
        ("Word", "none", ()),
    ]
    assert "No change: 1 of 3 have it" in text_of(answer)
    assert "Assign to all: 3 seats needed, 5 free" in text_of(answer)
    assert "9 of 10 free" in text_of(answer)
    assert none.free == 5
    assert Batch.objects.count() == 0


def test_selected_users_are_shown_in_list_order(as_alice, contoso):
    people = [factories.user(contoso, f"Ann {number:02}") for number in range(23)]

    answer = look(as_alice, reversed(people))

    assert answer.context["chosen"].names == tuple(f"Ann {number:02}" for number in range(20))
    assert "+3 more" in text_of(answer)


@pytest.mark.parametrize("data", [{}, {"ids": "x"}, {"all": "1", "query": "nonsense=1"}])
def test_empty_selection_returns_to_list(as_alice, contoso, people, data):
    answer = as_alice.post(URL, data, follow=True)

    assert answer.redirect_chain[-1] == ("/customers/contoso/users/", 302)


def test_opened_address_returns_to_list(as_alice, contoso):
    answer = as_alice.get(URL, follow=True)

    assert answer.redirect_chain == [("/customers/contoso/users/", 302)]
    assert "No users are selected." in text_of(answer)


def test_unchanged_form_changes_no_users(as_alice, office, visio, people):
    hold(office, people[0])

    save(as_alice, people[:2], **do(office, "keep"), **do(visio, "give"))

    batch = Batch.objects.get()
    assert [
        (line.input["add"], line.input["remove"]) for line in Line.objects.filter(batch=batch)
    ] == [([{"subscription": str(visio.pk), "disabled_plans": []}], [])] * 2


def test_from_the_boxes_to_the_result(as_alice, office, visio, people):
    hold(visio, people[0])

    planned = save(as_alice, people[:2], **do(office, "give"), **do(visio, "take"), reason="New")

    batch = Batch.objects.get()
    assert (batch.kind, batch.state, batch.reason) == ("licenses", "planned", "New")
    page = text_of(as_alice.get(planned["Location"]))
    assert "Change licenses of 2 users?" in page
    assert "+ Office E3" in page
    assert "− Visio" in page
    assert "5 → 3" in page
    assert "9 → 10" in page
    assert Assignment.objects.count() == 1

    done = text_of(as_alice.post(f"{planned['Location']}start/", follow=True))

    assert "<h1>Licenses of 2 users changed</h1>" in done
    assert "+ Office E3" in done
    assert set(Assignment.objects.values_list("user", "subscription")) == {
        (people[0].pk, office.pk),
        (people[1].pk, office.pk),
    }


def test_too_few_seats_are_shown_before_and_after(as_alice, contoso, people):
    few = factories.subscription(contoso, "Few", seats=2)

    planned = save(as_alice, people, **do(few, "give"))

    page = text_of(as_alice.get(planned["Location"]))
    assert "1 user gets no license" in page
    assert "No “Few” seat is left for this user." in page
    assert "Not enough seats. They’re assigned in list order." in page
    # The heading counts the users that get a license.
    assert "<h1>Change licenses of 2 users?</h1>" in page
    assert "No seat is left for 1 user, so nothing changes for the user." in page
    assert "Change licenses of 3 users" not in page
    assert "Change licenses of 2 users" in text_of(as_alice.get("/batches/"))
    done = text_of(as_alice.post(f"{planned['Location']}start/", follow=True))
    # The reason is shown once.
    assert done.count("No seat was free for Few.") == 1
    assert "nothing was changed for this user" not in done
    assert "is left for this user" not in done
    # Part of what the member chose, so no failure.
    assert "1 user got no license." in done
    assert "1 line failed." not in done
    assert "Failed" not in done
    assert "1 without a license" in text_of(as_alice.get("/batches/"))
    assert Subscription.objects.get(pk=few.pk).assigned == 2


def test_swap_without_seat_keeps_old_license(as_alice, contoso, office, people):
    few = factories.subscription(contoso, "Few", seats=1)
    hold(office, *people[:2])

    planned = save(as_alice, people[:2], **do(few, "give"), **do(office, "take"))

    page = text_of(as_alice.get(planned["Location"]))
    assert "keep their current ones" in page
    assert "<h1>Change licenses of 1 user?</h1>" in page
    done = text_of(as_alice.post(f"{planned['Location']}start/", follow=True))
    assert (
        "There weren’t enough seats for all new licenses, so this user keeps the current ones."
        in done
    )


def test_too_few_seats_can_refuse_plan(as_alice, contoso, people):
    few = factories.subscription(contoso, "Few", seats=2)

    answer = save(as_alice, people, **do(few, "give"), when_short="none", reason="Spring")

    assert answer.status_code == 422
    assert "Few (3 needed, 2 free)" in text_of(answer)
    assert answer.context["cards"][0].field.value() == "give"
    assert 'value="Spring"' in text_of(answer)
    assert answer.context["chosen"].ids == tuple(user.pk for user in people)
    assert f'action="{answer.request["PATH_INFO"]}?ids=' in text_of(answer)
    assert Batch.objects.count() == 0


def test_change_without_effect_keeps_form(as_alice, office, people):
    hold(office, *people)

    answer = save(as_alice, people, **do(office, "give"), when_short="none")

    assert answer.status_code == 422
    assert "Nothing to change" in text_of(answer)
    assert answer.context["form"]["when_short"].value() == "none"


def test_all_matches_are_the_counted_users(as_alice, contoso, office, people):
    everybody = {"all": "1", "query": "status=allowed"}
    shown = look(as_alice, **everybody)
    assert "3 users selected: all matches" in text_of(shown)
    factories.user(contoso, "Eve", location="US")
    sent = everybody | do(office, "give") | {"when_short": "first"}

    answer = as_alice.post(URL, sent | {"shown": shown.context["chosen"].mark})

    assert answer.status_code == 422
    assert "from 3 to 4 users" in text_of(answer)
    assert answer.context["cards"][0].field.value() == "give"
    assert Batch.objects.count() == 0
    as_alice.post(URL, sent | {"shown": answer.context["chosen"].mark})
    assert lines_of(Batch.objects.get()) == ["Ann", "Ben", "Cem", "Eve"]


def test_invalid_mark_is_refused_with_message(as_alice, office, people):
    sent = {"ids": ids(people), "when_short": "first", "shown": "9" * 5_000} | do(office, "give")

    answer = as_alice.post(URL, sent)

    assert answer.status_code == 422
    assert "Nothing was saved." in text_of(answer)


def test_others_in_the_same_number_are_noticed_too(as_alice, contoso, office, people):
    everybody = {"all": "1", "query": ""}
    shown = look(as_alice, **everybody)
    leave(people[0])
    factories.user(contoso, "Eve", location="US")

    answer = as_alice.post(
        URL,
        everybody
        | do(office, "give")
        | {"shown": shown.context["chosen"].mark, "when_short": "first"},
    )

    assert answer.status_code == 422
    assert "contains other users" in text_of(answer)


def test_vanished_selection_is_explained(as_alice, office, people):
    shown = look(as_alice, people[:1])
    leave(people[0])

    answer = as_alice.post(
        URL, {"ids": ids(people[:1]), "shown": shown.context["chosen"].mark, "when_short": "first"}
    )

    assert answer.status_code == 422
    assert "No users are selected." in text_of(answer)


def test_deleted_and_foreign_users_are_not_selected(as_alice, contoso, people):
    other = factories.customer("fabrikam", "Fabrikam")
    gone = factories.user(contoso, "Gone", deleted_at=timezone.now(), purge_at=timezone.now())

    answer = look(as_alice, [people[0], gone, factories.user(other, "Foreign")])

    assert answer.context["chosen"].names == ("Ann",)


def test_service_plans_change_only_where_that_was_asked(as_alice, office, people):
    mail, meetings = office.product.plans.order_by("name")
    hold(office, people[0], disabled_plans=[mail.pk])
    page = text_of(look(as_alice, people[:2]))
    assert "Mail" in page
    assert "off for 1 user" in page

    save(as_alice, people[:1], **do(office, "keep"), plans=[str(mail.pk)])
    assert Batch.objects.count() == 0
    planned = save(as_alice, people[:2], change_plans=[str(office.pk)], plans=[str(mail.pk)])

    assert "Service plans of Office E3" in text_of(as_alice.get(planned["Location"]))
    as_alice.post(f"{planned['Location']}start/")
    assert Assignment.objects.get().disabled_plans == [meetings.pk]


def test_a_suspended_product_is_not_given(as_alice, contoso, people):
    closed = factories.subscription(contoso, "Closed", state="suspended")

    shown = look(as_alice, people)
    answer = save(as_alice, people, **do(closed, "give"))

    assert "Suspended: can’t be assigned" in text_of(shown)
    assert [option.value for option in shown.context["cards"][0].options] == ["keep"]
    assert answer.status_code == 422
    assert "The subscription is suspended" in text_of(answer)


def test_plan_lists_licenses_that_cannot_be_assigned(as_alice, contoso, office, visio, people):
    ProductRule.objects.create(product=visio.product, kind="requires", other=office.product)
    nowhere = factories.user(contoso, "Nowhere")
    assert "1 user has no usage location." in text_of(look(as_alice, [*people, nowhere]))

    planned = save(as_alice, [people[0], nowhere], **do(visio, "give"))

    page = text_of(as_alice.get(planned["Location"]))
    assert "This user has no usage location" in page
    assert "“Visio” only works together with “Office E3”." in page


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN_AGENT, 200),
        (Role.HELPDESK_AGENT, 200),
        (Role.SALES_AGENT, 200),
        (Role.READER, 403),
    ],
)
def test_page_needs_permission(client, northwind, contoso, people, role, status):
    client.force_login(factories.member(northwind, "member", role=role))

    answer = look(client, people)

    assert answer.status_code == status
    button = URL in client.get("/customers/contoso/users/").content.decode()
    assert button == (status == 200)


def test_sales_agent_sees_this_act_only(client, northwind, contoso, people):
    client.force_login(factories.member(northwind, "sal", role=Role.SALES_AGENT))

    page = client.get("/customers/contoso/users/").content.decode()

    assert "data-select-row" in page
    assert URL in page
    assert "/users/reset/" not in page
    own = f"/customers/contoso/users/{people[0].pk}/"
    assert f"{own}licenses/" in client.get(own).content.decode()


def test_administrators_need_permission(client, contoso, office, helen):
    boss = factories.user(contoso, "Boss", location="US", permissions=["user_administrator"])
    client.force_login(helen)

    assert "1 user is an administrator" in text_of(look(client, [boss]))
    assert URL not in client.get(f"/customers/contoso/users/{boss.pk}/").content.decode()
    planned = save(client, [boss], **do(office, "give"))

    page = text_of(client.get(planned["Location"]))
    assert "This user is an administrator." in page
    assert "Nothing can be done for the selected users." in page


def test_users_without_location_link_to_edit(as_alice, contoso, people):
    nowhere = factories.user(contoso, "Nowhere")

    page = text_of(look(as_alice, [*people, nowhere]))

    assert 'formaction="/customers/contoso/users/edit/"' in page
    assert f'name="ids" value="{nowhere.pk}"' in page


def test_page_needs_fixed_number_of_queries(as_alice, contoso, office, visio):
    people = [factories.user(contoso, f"Ann {n:02}", location="US") for n in range(50)]
    hold(office, *people[:5])
    # What is read once and kept is not asked again.
    look(as_alice, people)
    counts = []
    for users in (people[:1], people):
        with CaptureQueriesContext(connection) as looked:
            look(as_alice, users)
        with CaptureQueriesContext(connection) as saved:
            save(as_alice, users, **do(visio, "give"))
        counts.append((len(looked), len(saved)))

    assert counts[0] == counts[1]
