from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from customers import operations
from partners.roles import Role
from tests import factories

URL = "/customers/contoso/settings/"
DETAILS = {
    "name": "Contoso Ltd",
    "location": "DE",
    "language": "zh-hans",
    "contact_name": "Ann",
    "contact_email": "ann@contoso.example",
    "help_desk": "+49 30 1234567",
}
POLICIES = {"password_days": "30", "sheet_hours": "168", "retention_days": "365"}


def test_the_page_shows_what_is_kept(as_alice, contoso):
    page = as_alice.get(URL).content.decode()

    assert "United States" in page
    assert "purged after 30 days" in page
    for section in ("details", "policies", "notes", "archive"):
        assert f'href="{URL}{section}/"' in page


def test_reader_sees_no_edit_links(client, bob, contoso):
    client.force_login(bob)

    page = client.get(URL).content.decode()

    for section in ("details", "policies", "notes", "archive"):
        assert f"{URL}{section}/" not in page
        assert client.post(f"{URL}{section}/", DETAILS).status_code == 403


def test_details_are_changed_and_on_record(as_alice, contoso):
    answer = as_alice.post(f"{URL}details/", DETAILS)

    assert answer["Location"] == URL
    contoso.refresh_from_db()
    assert {name: getattr(contoso, name) for name in DETAILS} == DETAILS
    assert contoso.sort_key == "contoso ltd"
    assert contoso.slug == "contoso"
    event = Event.objects.get()
    assert (event.action, event.subject_name) == ("customer.edited", "Contoso Ltd")
    assert event.before["name"] == "Contoso"
    assert event.after == DETAILS


def test_event_has_only_changed_values(alice, contoso):
    same = {name: getattr(contoso, name) for name in DETAILS}

    operations.edit_details(customer=contoso, **same, by=alice)
    assert not Event.objects.exists()

    operations.edit_details(customer=contoso, **same | {"location": "FR"}, by=alice)
    event = Event.objects.get()
    assert (event.before, event.after) == ({"location": "US"}, {"location": "FR"})


def test_wrong_details_are_refused_and_kept(as_alice, contoso):
    answer = as_alice.post(f"{URL}details/", DETAILS | {"name": " ", "contact_email": "nobody"})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["name", "contact_email"]
    assert 'value="nobody"' in answer.content.decode()
    contoso.refresh_from_db()
    assert contoso.location == "US"


def test_policies_are_changed_and_on_record(as_alice, contoso):
    answer = as_alice.post(f"{URL}policies/", POLICIES | {"may_mail_passwords": "on"})

    assert answer["Location"] == URL
    contoso.refresh_from_db()
    assert (contoso.password_days, contoso.sheet_hours) == (30, 168)
    assert (contoso.may_mail_passwords, contoso.retention_days) == (True, 365)
    assert Event.objects.get().action == "customer.policies_changed"
    assert Event.objects.get().before["retention_days"] == 30


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password_days", "0"),
        ("password_days", "31"),
        ("sheet_hours", "0"),
        ("sheet_hours", "169"),
        ("retention_days", "6"),
        ("retention_days", "366"),
        ("retention_days", ""),
        ("retention_days", "99999999999999999999"),
    ],
)
def test_policies_have_their_limits(as_alice, contoso, field, value):
    answer = as_alice.post(f"{URL}policies/", POLICIES | {field: value})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_a_new_retention_is_not_retroactive(alice, contoso):
    due = timezone.now() + timedelta(days=30)
    user = factories.user(contoso, "Gone", deleted_at=timezone.now(), purge_at=due)

    operations.change_policies(
        customer=contoso,
        password_days=7,
        sheet_hours=72,
        may_mail_passwords=False,
        retention_days=7,
        by=alice,
    )

    user.refresh_from_db()
    assert user.purge_at == due


def test_sales_may_not_change_policies(client, northwind, contoso):
    client.force_login(factories.member(northwind, "sam", role=Role.SALES_AGENT))

    assert client.post(f"{URL}policies/", POLICIES).status_code == 403
    assert f"{URL}policies/" not in client.get(URL).content.decode()
    assert client.post(f"{URL}details/", DETAILS).status_code == 302


def test_notes_are_kept(as_alice, contoso):
    as_alice.post(f"{URL}notes/", {"notes": "Calls on Mondays.\n<b>Never</b> on Fridays."})

    page = as_alice.get(URL).content.decode()
    assert "Calls on Mondays.<br>&lt;b&gt;Never&lt;/b&gt;" in page
    assert Event.objects.get().action == "customer.notes_changed"
    assert as_alice.post(f"{URL}notes/", {"notes": "x" * 4001}).status_code == 422
