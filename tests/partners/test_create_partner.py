from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, transaction

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


def link_of(said, settings):
    return said.strip().splitlines()[-1].removeprefix(settings.BASE_URL)


def test_the_owner_joins_behind_the_link_once(client, settings):
    path = link_of(create("Fjord IT", "fjord", "Ida@Fjord.example"), settings)

    client.post(path, {"name": "Ida Berg", "password": CHOSEN, "again": CHOSEN})

    credentials = {"login": "ida@fjord.example", "password": CHOSEN}
    assert client.post("/accounts/login/", credentials)["Location"] == "/"
    ida = Member.objects.get(email="ida@fjord.example")
    assert (ida.name, ida.role, ida.partner.name) == ("Ida Berg", Role.OWNER, "Fjord IT")
    client.logout()
    assert client.get(path).status_code == 410


def test_owner_with_expired_invitation_is_invited_again(client, settings):
    old = link_of(create("Fjord IT", "fjord", "ida@fjord.example"), settings)

    new = link_of(create("Fjord IT", "fjord", "ida@fjord.example"), settings)

    assert client.get(old).status_code == 410
    assert client.get(new).status_code == 200
    assert Partner.objects.count() == 1


def test_the_app_itself_cannot_make_a_partner():
    with pytest.raises(ProgrammingError, match="permission denied"):
        Partner.objects.create(slug="fjord", name="Fjord IT")


def test_there_is_no_public_sign_up(client):
    client.post(
        "/accounts/signup/",
        {"email": "ida@fjord.example", "password1": CHOSEN, "password2": CHOSEN},
    )

    assert not Member.objects.exists()


def test_it_is_on_record(settings):
    create("Fjord IT", "fjord", "ida@fjord.example")

    with tenancy.tenant(Partner.objects.get().pk), transaction.atomic():
        event, invited = Event.objects.order_by("pk")
    assert (event.action, event.subject_name) == ("partner.created", "Fjord IT")
    assert (invited.action, invited.subject_name) == ("member.invited", "ida@fjord.example")


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
def test_invalid_partner_is_refused(arguments, client, settings):
    link = link_of(create("Fjord IT", "fjord", "ida@fjord.example"), settings)
    client.post(link, {"name": "Ida Berg", "password": CHOSEN, "again": CHOSEN})

    with pytest.raises(CommandError):
        create(*arguments)

    assert (Partner.objects.count(), Member.objects.count()) == (1, 1)
