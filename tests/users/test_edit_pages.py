import pytest

from licensing.operations.seats import Wanted, assign
from tests import factories
from users.models import CustomerUser

GLOBAL = ["global_administrator"]


@pytest.fixture
def ann(contoso):
    return factories.user(
        contoso, "Ann", user_name="ann@contoso.example", location="US", department="Sales"
    )


def url_of(user):
    return f"/customers/contoso/users/{user.pk}/edit/"


def filled(client, user):
    """What a browser would send back unchanged."""
    form = client.get(url_of(user)).context["form"]
    return sent(form)


def sent(form):
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def test_page_shows_and_saves_user(as_alice, ann):
    data = filled(as_alice, ann)
    assert (data["user_name"], data["domain"], data["version"]) == ("ann", "contoso.example", 1)

    answer = as_alice.post(url_of(ann), data | {"department": "Finance"})

    assert answer["Location"] == f"/customers/contoso/users/{ann.pk}/"
    assert CustomerUser.objects.get(pk=ann.pk).department == "Finance"
    assert "Ann was changed." in as_alice.get(answer["Location"]).content.decode()


def test_saving_unchanged_form_changes_nothing(as_alice, ann):
    as_alice.post(url_of(ann), filled(as_alice, ann))

    assert CustomerUser.objects.get(pk=ann.pk).version == 1


def test_concurrent_edit_shows_both_versions(as_alice, ann):
    data = filled(as_alice, ann)
    as_alice.post(url_of(ann), data | {"department": "Finance", "job_title": "Lead"})

    answer = as_alice.post(url_of(ann), data | {"department": "Legal", "phone": "1"})

    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Someone else changed this user while you were editing." in text
    differences = answer.context["form"].differences
    assert [(one.mine, one.saved, one.is_mine_kept) for one in differences] == [
        ("–", "Lead", False),
        ("Legal", "Finance", True),
        ("1", "–", True),
    ]
    form = answer.context["form"]
    again = sent(form)
    assert (again["department"], again["job_title"], again["phone"]) == ("Legal", "Lead", "1")
    assert as_alice.post(url_of(ann), again).status_code == 302
    saved = CustomerUser.objects.get(pk=ann.pk)
    assert (saved.department, saved.job_title, saved.phone) == ("Legal", "Lead", "1")


@pytest.mark.parametrize("seen", ["", "nonsense", "[1]", '{"department": 5}'])
def test_what_was_seen_may_be_anything(as_alice, ann, seen):
    data = filled(as_alice, ann)
    as_alice.post(url_of(ann), data | {"department": "Finance"})

    answer = as_alice.post(url_of(ann), data | {"department": "Legal", "seen": seen})

    assert answer.status_code == 422


def test_taken_user_name_shows_error_with_suggestions(as_alice, contoso, ann):
    factories.user(contoso, "Bo", user_name="bo@contoso.example")

    answer = as_alice.post(url_of(ann), filled(as_alice, ann) | {"user_name": "bo"})

    assert answer.status_code == 422
    assert "Bo already has this user name" in answer.content.decode()
    assert answer.context["form"].name_check.suggestions


def test_own_name_does_not_count_as_taken(as_alice, ann):
    check = "/customers/contoso/users/add/name/"
    typed = {"user_name": "ann", "domain": "contoso.example"}

    assert "already" in as_alice.get(check, typed).content.decode()
    own = typed | {"own": "ann@contoso.example"}
    assert "already" not in as_alice.get(check, own).content.decode()


def test_demoting_last_global_administrator_needs_confirmation(as_alice, contoso):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL, location="US")
    data = filled(as_alice, boss) | {"kind": "user", "permissions": []}

    answer = as_alice.post(url_of(boss), data)

    assert answer.status_code == 422
    assert 'name="may_take_last_administrator"' in answer.content.decode()
    as_alice.post(url_of(boss), data | {"may_take_last_administrator": "on"})
    assert CustomerUser.objects.get(pk=boss.pk).permissions == []


def test_location_without_sale_of_license_is_refused(as_alice, contoso, office, ann):
    office.product.not_sold_in = ["CN"]
    office.product.save()
    wanted = [Wanted(ann.pk, office.pk)]
    assign(customer=contoso, wanted=wanted, cause=None)

    answer = as_alice.post(url_of(ann), filled(as_alice, ann) | {"location": "CN"})

    assert answer.status_code == 422
    assert answer.context["form"].errors["location"]


def test_user_without_location_can_be_edited(as_alice, contoso):
    bo = factories.user(contoso, "Bo", user_name="bo@contoso.example")

    answer = as_alice.post(url_of(bo), filled(as_alice, bo) | {"department": "Finance"})

    assert answer.status_code == 302


def test_the_help_desk_edits_no_administrator(client, contoso, helen, ann):
    boss = factories.user(contoso, "Boss", permissions=GLOBAL)
    client.force_login(helen)

    assert client.get(url_of(ann)).status_code == 200
    assert client.get(url_of(boss)).status_code == 403
    forced = filled(client, ann) | {"kind": "administrator", "permissions": GLOBAL}
    assert client.post(url_of(ann), forced).status_code == 403
    assert CustomerUser.objects.get(pk=ann.pk).permissions == []


def test_reader_cannot_edit(client, bob, ann):
    client.force_login(bob)

    assert client.get(url_of(ann)).status_code == 403
