from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from audit.models import Event
from partners import tenancy
from partners.models import Member, Partner
from partners.roles import Role

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

CHOSEN = "tern over a grey fjord"


def create(*arguments):
    out = StringIO()
    call_command("create_partner", *arguments, stdout=out)
    return out.getvalue()


def test_the_owner_chooses_a_password_behind_the_link_once(client, settings):
    said = create("Fjord IT", "fjord", "Ida@Fjord.example")
    path = said.strip().splitlines()[-1].removeprefix(settings.BASE_URL)

    form = client.get(path, follow=True)
    client.post(form.request["PATH_INFO"], {"password1": CHOSEN, "password2": CHOSEN})

    client.logout()
    credentials = {"login": "ida@fjord.example", "password": CHOSEN}
    assert client.post("/accounts/login/", credentials)["Location"] == "/"
    ida = Member.objects.get(email="ida@fjord.example")
    assert (ida.role, ida.partner.name) == (Role.OWNER, "Fjord IT")
    client.logout()
    again = client.get(path, follow=True)
    assert "password1" not in again.content.decode()


def test_it_is_on_record(settings):
    create("Fjord IT", "fjord", "ida@fjord.example")

    with tenancy.tenant(Partner.objects.get().pk), transaction.atomic():
        (event,) = Event.objects.all()
    assert (event.action, event.subject_name) == ("partner.created", "Fjord IT")


@pytest.mark.parametrize(
    "arguments",
    [
        ("Other", "fjord", "new@fjord.example"),
        ("Other", "other", "ida@fjord.example"),
        ("Other", "not a slug", "new@fjord.example"),
        ("Other", "other", "no address"),
        ("", "other", "new@fjord.example"),
    ],
)
def test_what_cannot_be_is_refused_whole(arguments):
    create("Fjord IT", "fjord", "ida@fjord.example")

    with pytest.raises(CommandError):
        create(*arguments)

    assert (Partner.objects.count(), Member.objects.count()) == (1, 1)
