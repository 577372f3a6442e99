"""Names of members and partners: on one line, and nothing in them that cannot be seen."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from audit.models import Event
from partners import names, tenancy
from partners.models import Member, Partner
from partners.operations.invitations import invite_member
from partners.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = "tern over a grey fjord"
DIRTY = "  Eve\u202e\r\nBcc:\u200b\tx\u2066\ufeff  "
CLEAN = "Eve Bcc: x"
# Python calls these printable, but nothing is seen of them.
PRINTABLE_BLANKS = [
    "\u034f",
    "\u115f",
    "\u180b",
    "\u2800",
    "\u3164",
    "\ufe0f",
    "\uffa0",
    "\U000e0100",
]
PROFILE = {"language": "auto", "time_zone": "UTC", "theme": "auto"}


def test_a_name_is_cleaned_in_the_profile(as_alice, alice):
    as_alice.post("/profile/", PROFILE | {"name": DIRTY})

    alice.refresh_from_db()
    assert alice.name == CLEAN


@pytest.mark.parametrize("name", ["\u200b\u2060", "\u202e", "\n", "\u3164", "\ufe0f", "x" * 121])
def test_a_name_that_is_none_is_refused(as_alice, alice, name):
    assert as_alice.post("/profile/", PROFILE | {"name": name}).status_code == 422

    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_name_is_cleaned_on_accepting_invitation(alice, northwind):
    with tenancy.tenant(northwind.pk):
        invited = invite_member(
            email="eve@northwind.example", role=Role.READER, is_limited=False, by=alice
        )

    Client().post(invited.path, {"name": DIRTY, "password": CHOSEN, "again": CHOSEN})

    assert Member.objects.get(email="eve@northwind.example").name == CLEAN


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_partners_name_is_cleaned(capsys):
    call_command("create_partner", DIRTY, "fjord", "ida@fjord.example")

    assert Partner.objects.get().name == CLEAN


@pytest.mark.parametrize(
    "invisible",
    ["\n", "\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\x7f", *PRINTABLE_BLANKS],
)
def test_database_refuses_unclean_name(northwind, invisible):
    assert names.clean_text(f"A{invisible}b").replace(" ", "") == "Ab"

    with pytest.raises(IntegrityError, match="member_name_clean"), transaction.atomic():
        factories.member(northwind, "eve", full_name=f"A{invisible}b")


@pytest.mark.parametrize(
    "name", ["王建国", "José Núñez", "O’Brien", "नेहा", "𠮷野", "葛\U000e0100城", "👩 Ada"]
)
def test_the_database_takes_names_of_any_script(northwind, name):
    assert factories.member(northwind, "eve", full_name=names.clean_text(name)).name == name


def test_the_record_keeps_the_address_beside_the_name(as_alice, alice, bob, northwind):
    as_alice.post("/profile/", PROFILE | {"name": "Bob"})
    as_alice.post(f"/members/{bob.pk}/role/", {"role": "admin_agent"})

    with tenancy.tenant(northwind.pk), transaction.atomic():
        event = Event.objects.get(action="member.role_changed")
    assert (event.by_name, event.by_email) == ("Bob", "alice@northwind.example")
    page = as_alice.get("/activity/").content.decode()
    assert "<small>alice<wbr>@northwind.example" in page
    rows = as_alice.post("/activity/export.csv").getvalue().decode()
    assert '"Bob","alice@northwind.example"' in rows
